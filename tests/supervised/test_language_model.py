"""The language model: by hand, against a count of what follows what, causal by gradient, and in what it says."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from lab.backbones import RecurrentConfig, SequenceBackbone, TransformerConfig
from lab.checkpoint import digest
from lab.data import Dataset, Vocabulary
from lab.data.corpus import RandomWindows, windows
from lab.optim import OptimizerConfig
from lab.seeding import Seeds
from lab.trial import Manner
from supervised.language_model import LanguageModel, LanguageModelConfig

CONTEXT = 6
TRANSFORMER = TransformerConfig(width=16, num_heads=2, num_layers=2, feedforward_width=32, causal=True)
LSTM = RecurrentConfig(cell="lstm", width=16, num_layers=2)
BACKBONES = pytest.mark.parametrize("backbone", [TRANSFORMER, LSTM], ids=["transformer", "lstm"])
VOCABULARY = Vocabulary(tuple("abc\n"))
TEXT = "aabc\n" * 54  # what follows a depends on what was before it


def made(
    backbone: TransformerConfig | RecurrentConfig = LSTM,
    rate: float = 1e-2,
    vocabulary: Vocabulary = VOCABULARY,
    **settings: bool,
) -> LanguageModel:
    optimizer = OptimizerConfig(kind="adamw", learning_rate=rate, max_norm=1.0)
    with Seeds(0).initialising("backbone"):
        network = backbone.build((CONTEXT, 8))
    assert isinstance(network, SequenceBackbone)
    return LanguageModel(LanguageModelConfig(optimizer=optimizer, **settings), network, vocabulary, Seeds(0))


def numbers(text: str, vocabulary: Vocabulary = VOCABULARY) -> Tensor:
    return torch.tensor(vocabulary.encode(text))


def taught(backbone: TransformerConfig | RecurrentConfig, updates: int = 150) -> LanguageModel:
    model, batches = made(backbone), RandomWindows(numbers(TEXT), 8, CONTEXT, Seeds(1))
    for _ in range(updates):
        model.update(batches.next())
    return model


def silence(model: LanguageModel) -> None:
    """Lets the head say the same at every place: the odds of the four symbols are 1 : 2 : 3 : 4."""
    with torch.no_grad():
        model.network.head.weight.zero_()
        model.network.head.bias.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]).log())


@BACKBONES
def test_scores_by_hand(backbone: TransformerConfig | RecurrentConfig) -> None:
    """Of the labels a, c and twice the line end the probabilities are 0.1, 0.3, 0.4 and 0.4."""
    model = made(backbone)
    silence(model)
    scores = model.evaluate(Dataset(torch.tensor([[0, 1], [2, 3]]), torch.tensor([[0, 2], [3, 3]])))
    expected = -math.log(0.1 * 0.3 * 0.4 * 0.4) / 4
    assert float(scores["loss"]) == pytest.approx(expected)
    assert float(scores["bits"]) == pytest.approx(expected / math.log(2))
    assert float(scores["accuracy"]) == 0.5


def test_the_score_does_not_depend_on_how_many_are_judged_at_a_time() -> None:
    model, data = made(), windows(numbers(TEXT), CONTEXT)
    whole = model.evaluate(data)
    model.config = LanguageModelConfig(evaluation_batch=7)
    for name, value in model.evaluate(data).items():
        torch.testing.assert_close(value, whole[name])


def test_it_learns_what_follows_what_as_well_as_can_be() -> None:
    """After a comes a or b at random, and after b comes a: the entropy is log 2 of two thirds of the symbols."""
    draws = torch.randint(2, (6_000,), generator=torch.Generator().manual_seed(0)).tolist()
    text = "".join("a" if drawn else "ba" for drawn in draws)
    vocabulary = Vocabulary(("a", "b"))
    symbols = numbers(text, vocabulary)
    after_a = (symbols[:-1] == 0).double().mean()  # the share of symbols that are not certain
    model = made(LSTM, vocabulary=vocabulary)
    batches = RandomWindows(symbols, 32, CONTEXT, Seeds(1))
    for _ in range(150):
        model.update(batches.next())
    loss = float(model.evaluate(windows(symbols, CONTEXT))["loss"])
    assert float(after_a) == pytest.approx(2 / 3, abs=0.01)
    # The first place of a window has no past and no more is known of it than here: nothing but the symbol itself.
    assert loss == pytest.approx(float(after_a) * math.log(2), abs=0.01)


@BACKBONES
def test_what_comes_later_never_matters(backbone: TransformerConfig | RecurrentConfig) -> None:
    model, text = made(backbone), numbers("abcab\n")[None]
    before = model.predict(text)
    for place in range(1, CONTEXT):
        changed = text.clone()
        changed[0, place] = (changed[0, place] + 1) % len(VOCABULARY)
        after = model.predict(changed)
        assert torch.equal(after[:, :place], before[:, :place])
        assert not torch.equal(after[:, place:], before[:, place:])


@BACKBONES
def test_no_gradient_comes_from_the_future(backbone: TransformerConfig | RecurrentConfig) -> None:
    network = made(backbone).network
    vectors = network.embedding(numbers("abcab\n")[None]).detach().requires_grad_()
    steps = network.backbone.steps(vectors)
    for place in range(CONTEXT):
        (gradient,) = torch.autograd.grad(steps[0, place].square().sum(), vectors, retain_graph=True)
        reached = gradient[0].abs().sum(-1) > 0
        assert reached.tolist() == [earlier <= place for earlier in range(CONTEXT)]


@BACKBONES
def test_passes_the_probe(backbone: TransformerConfig | RecurrentConfig) -> None:
    distinct = Vocabulary(tuple("abcdefghijklmnop"))  # so that each symbol tells what follows, and the loss can reach 0
    data = windows(numbers("abcdefghijklmnop" * 4, distinct), CONTEXT).subset(torch.arange(8))
    case = made(backbone, vocabulary=distinct).probe_case(data)
    assert case.causal
    assert (report := case.probe()).passed, str(report)
    assert "order is kept" in str(report)


def test_a_backbone_that_sees_the_future_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Transformer sees the steps that it is to name\. Set causal to True"):
        made(TransformerConfig(width=16, num_heads=2, causal=False))
    with pytest.raises(ValueError, match=r"Recurrent sees the steps that it is to name\. .* bidirectional to False"):
        made(RecurrentConfig(bidirectional=True))


@BACKBONES
def test_resumes_exactly_and_neither_judging_nor_speaking_changes_anything(
    backbone: TransformerConfig | RecurrentConfig,
) -> None:
    straight, resumed = made(backbone), made(backbone)
    batches = RandomWindows(numbers(TEXT), 4, CONTEXT, Seeds(1))
    for _ in range(3):
        straight.update(batches.next())
    state, position = deepcopy(straight.state_dict()), batches.state_dict()
    straight.evaluate(windows(numbers(TEXT), CONTEXT))
    straight.reply("ab", Manner(length=3))
    resumed.load_state_dict(state)
    for model in (straight, resumed):
        batches.load_state_dict(position)
        for _ in range(3):
            model.update(batches.next())
    assert digest(straight.state_dict()) == digest(resumed.state_dict())


@BACKBONES
def test_what_was_learnt_by_heart_is_said_on_and_on(backbone: TransformerConfig | RecurrentConfig) -> None:
    model = taught(backbone)
    for temperature in (0.0, 0.2):
        said = model.reply("aab", Manner(length=33, temperature=temperature, seed=3))
        assert said == TEXT[:36], f"far beyond the context of {CONTEXT}"


@pytest.mark.parametrize(("backbone", "seen"), [(TRANSFORMER, CONTEXT), (LSTM, 99)], ids=["transformer", "lstm"])
def test_a_transformer_sees_the_last_window_and_a_recurrent_network_all(
    backbone: TransformerConfig | RecurrentConfig, seen: int
) -> None:
    """The plain way: the text so far, cut to what is seen, of whose last place the likeliest is taken."""
    model = taught(backbone, updates=20)
    known = numbers("cab\nbcab").tolist()
    for symbol in model.continued(known, Manner(length=12, temperature=0)):
        assert symbol == int(model.predict(torch.tensor([known[-seen:]]))[0, -1].argmax())
        known.append(symbol)


def test_the_same_seed_says_the_same_and_another_something_else() -> None:
    model = made()
    said = [model.reply("a", Manner(length=40, temperature=1.0, seed=seed)) for seed in (0, 0, 1)]
    assert said[0] == said[1] != said[2]
    assert said[0].startswith("a")
    assert len(said[0]) == 41


def test_without_a_prompt_it_begins_anywhere() -> None:
    model = made()
    begun = {model.reply("", Manner(length=1, seed=seed)) for seed in range(30)}
    assert begun == set(VOCABULARY.symbols)
    assert len(model.reply("", Manner(length=7))) == 7


def test_a_character_that_it_was_not_taught_is_named() -> None:
    with pytest.raises(ValueError, match=r"'é' is not among the 4 symbols of the vocabulary"):
        made().reply("abé", Manner(length=1))


def test_bfloat16_is_near() -> None:
    text = numbers("abcab\n")[None]
    full, half = (made(TRANSFORMER, bfloat16=bfloat16).predict(text) for bfloat16 in (False, True))
    assert half.dtype == torch.float32
    assert 0 < float((full - half).abs().max()) < 0.05


def test_a_longer_window_than_the_transformer_knows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"The sequences have 7 steps, but the transformer knows 6 positions"):
        made(TRANSFORMER).predict(numbers("abcabca")[None])


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"evaluation_batch is 0, but it is 1 or more\. Raise it"):
        LanguageModelConfig(evaluation_batch=0)
