"""The learner of sequence to sequence: it learns to turn sequences round, repeats, resumes and says what is wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from lab.backbones import RecurrentConfig
from lab.checkpoint import digest
from lab.data import BucketedBatches, Padded, Ragged, SequenceSet
from lab.optim import OptimizerConfig
from lab.seeding import Seeds
from lab.trial import Metrics
from supervised.decoding import DecodingConfig
from supervised.embedding import EmbeddingConfig, WordEmbedding
from supervised.encoder_decoder import DecoderConfig, EmbeddedWords, Symbols
from supervised.seq2seq import Seq2Seq, Seq2SeqConfig

LABELS = 5
SMALL = Seq2SeqConfig(
    decoder=DecoderConfig(width=24, embedding_width=8, attention_width=16, readout_width=16),
    optimizer=OptimizerConfig(learning_rate=1e-2, max_norm=1.0),
    decoding=DecodingConfig(longest=8),
)


def reversed_sequences(count: int, seed: int = 0) -> SequenceSet:
    """Words, numbered from 1 as 0 is padding, of 1 to 6 steps, and as labels from 0 the same from behind."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 7, (count,), generator=generator).tolist()
    sources = [torch.randint(LABELS, (length,), generator=generator) for length in lengths]
    return SequenceSet(
        (Ragged.of([source + 1 for source in sources]), Ragged.of([source.flip(0) for source in sources]))
    )


def judge(outputs: Any, dataset: SequenceSet) -> Metrics:
    target = dataset.fields[1]
    right = [list(output) == target[i].tolist() for i, output in enumerate(outputs)]
    return {"exact": sum(right) / len(right)}


def learner(config: Seq2SeqConfig = SMALL, seed: int = 0) -> Seq2Seq:
    seeds = Seeds(seed)
    with seeds.initialising("reading"):
        reading = EmbeddedWords(WordEmbedding(EmbeddingConfig(width=8), (LABELS + 1,)))
    with seeds.initialising("backbone"):
        backbone = RecurrentConfig(cell="gru", width=12, bidirectional=True).build((6, 8))
    return Seq2Seq(config, reading, backbone, Symbols.of_labels(LABELS), seeds, judge=judge)


def trained(model: Seq2Seq, updates: int, *, seed: int = 0) -> list[float]:
    batches = BucketedBatches(reversed_sequences(400, seed), 32, Seeds(seed).child("batches"), pool=3)
    return [float(model.update(batches.next())["loss"]) for _ in range(updates)]


def test_it_learns_to_turn_sequences_round_and_looks_at_them_from_behind() -> None:
    model = learner()
    trained(model, 300)
    metrics = model.evaluate(reversed_sequences(100, seed=1))
    assert metrics["exact"] >= 0.95
    assert float(metrics["loss"]) < 0.1
    source = Padded(torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([5]))
    assert model.answer(source)[0][0].words == [4, 3, 2, 1, 0]
    weights = model.weights(source, [4, 3, 2, 1, 0])
    assert weights is not None
    assert weights.shape == (6, 5)
    torch.testing.assert_close(weights.sum(1), torch.ones(6))


def test_a_beam_finds_what_is_at_least_as_likely_as_greedy_and_one_is_greedy() -> None:
    model = learner()
    trained(model, 40)
    source = reversed_sequences(30, seed=2).batch(torch.arange(30))[0]
    assert isinstance(source, Padded)
    greedy = model.answer(source)
    one = model.answer(source, DecodingConfig(beam_width=1, longest=8, length_penalty=0.0))
    wide = model.answer(source, DecodingConfig(beam_width=6, longest=8, length_penalty=0.0))
    assert greedy == one
    assert all(len(found) == 6 for found in wide)
    assert all(found[0].score >= best[0].score - 1e-4 for found, best in zip(wide, greedy))
    assert any(found[0].words != best[0].words for found, best in zip(wide, greedy))
    assert all(found == sorted(found, key=lambda each: -each.score) for found in wide)


def test_the_first_loss_is_that_of_even_odds_and_the_loss_counts_every_word_once() -> None:
    model, data = learner(), reversed_sequences(50)
    metrics = model.evaluate(data)
    assert float(metrics["loss"]) == pytest.approx(math.log(LABELS + 2), abs=0.3)
    assert float(metrics["perplexity"]) == pytest.approx(math.exp(float(metrics["loss"])), rel=1e-5)
    target = data.fields[1]
    assert isinstance(target, Ragged)
    total = 0.0
    for i in range(len(data)):
        logits, wanted = model.network.taught(*data.batch(torch.tensor([i])))
        total -= float(logits.detach().log_softmax(-1).gather(1, wanted[:, None]).sum())
    assert float(metrics["loss"]) == pytest.approx(total / (len(target.values) + len(target)), rel=1e-5)


def test_judging_changes_nothing_and_does_not_depend_on_the_batch() -> None:
    model, data = learner(), reversed_sequences(40)
    before = digest(model.state_dict())
    together = model.evaluate(data)
    model.config = replace(model.config, evaluation_batch=3)
    apart = model.evaluate(data)
    assert digest(model.state_dict()) == before
    assert {name: float(value) for name, value in apart.items()} == pytest.approx(
        {name: float(value) for name, value in together.items()}, rel=1e-5
    )


@pytest.mark.parametrize("forcing", [1.0, 0.5, 0.0])
def test_it_goes_on_from_a_state_bit_for_bit(forcing: float) -> None:
    config = replace(SMALL, teacher_forcing=forcing, label_smoothing=0.1)
    straight, first, resumed = learner(config), learner(config), learner(config, seed=0)
    batches = BucketedBatches(reversed_sequences(200), 16, Seeds(0).child("batches"))
    drawn = [batches.next() for _ in range(12)]
    for batch in drawn:
        straight.update(batch)
    for batch in drawn[:7]:
        first.update(batch)
    resumed.load_state_dict(first.state_dict())
    for batch in drawn[7:]:
        resumed.update(batch)
    assert digest(resumed.state_dict()) == digest(straight.state_dict())


def test_teacher_forcing_is_a_share_of_the_words() -> None:
    batch = reversed_sequences(64).batch(torch.arange(64))
    target = batch[1]
    assert isinstance(target, Padded)
    given = {share: learner(replace(SMALL, teacher_forcing=share))._given(target) for share in (0.0, 0.3, 1.0)}
    assert given[1.0] is None
    assert not bool(given[0.0].any())  # type: ignore[union-attr]
    assert float(given[0.3].float().mean()) == pytest.approx(0.3, abs=0.08)  # type: ignore[union-attr]
    losses = {share: learner(replace(SMALL, teacher_forcing=share)).update(batch)["loss"] for share in given}
    assert len({float(loss) for loss in losses.values()}) == 3


def test_smoothing_is_learnt_by_and_not_judged_by() -> None:
    batch, data = reversed_sequences(64).batch(torch.arange(64)), reversed_sequences(64)
    plain, smooth = learner(), learner(replace(SMALL, label_smoothing=0.3))
    assert float(plain.evaluate(data)["loss"]) == float(smooth.evaluate(data)["loss"])
    assert float(plain.update(batch)["loss"]) != float(smooth.update(batch)["loss"])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_probe_finds_it_sound(smoothing: float) -> None:
    report = learner(replace(SMALL, label_smoothing=smoothing)).probe_case(reversed_sequences(12)).probe()
    failed = [check for check in report.checks if not check.passed]
    assert not failed, f"\n{report}"


def test_what_is_probed_is_the_loss_that_it_descends_less_what_smoothing_costs_at_least() -> None:
    """Of seven words, 0.7 + 0.3 / 7 = 26 / 35 of a label is left to the right one, and 3 / 70 are each other's."""
    data, smooth = reversed_sequences(12), learner(replace(SMALL, label_smoothing=0.3))
    least = -26 / 35 * math.log(26 / 35) - 6 * 3 / 70 * math.log(3 / 70)
    case = smooth.probe_case(data)
    probed = float(case.loss(case.module, case.inputs).detach())
    descended = float(smooth.update(data.batch(torch.arange(12)))["loss"])  # from the same weights: there is no dropout
    assert probed == pytest.approx(descended - least, rel=1e-5)
    assert case.expected is not None
    assert case.expected.loss == pytest.approx(math.log(LABELS + 2) - least)


def examples(sources: list[list[int]], targets: list[list[int]]) -> SequenceSet:
    return SequenceSet((Ragged.of_lists(sources), Ragged.of_lists(targets)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (examples([[1], []], [[1], [2]]), r"Example 1 of the dev part .* has a source without steps\. Leave it out"),
        (
            examples([[1], [2]], [[1], [0] * 8]),
            r"Example 1 of the dev part .* has a target longer than 8 words, .* raise decoding\.longest",
        ),
        (examples([[1], [2]], [[0, 7], [1]]), r"Example 0 of the dev part .* a target number that is not from 0 to 6"),
        (examples([[1], [2]], [[0], [-1]]), r"Example 1 of the dev part .* a target number"),
        (SequenceSet((Ragged.of_lists([[1]]),)), r"The dev part has no field of targets"),
    ],
)
def test_examples_that_cannot_be_learnt_from_are_named(wrong: SequenceSet, message: str) -> None:
    model, right = learner(), reversed_sequences(5)
    model.check(right, {"dev": right})
    with pytest.raises(ValueError, match=message):
        model.check(right, {"dev": wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"teacher_forcing": -0.1}, r"teacher_forcing is -0\.1, but it is a share\. Set it from 0 to 1\."),
        ({"teacher_forcing": 1.1}, r"teacher_forcing is 1\.1"),
        ({"label_smoothing": 1.5}, r"label_smoothing is 1\.5, but it is a share\. Set it from 0 to below 1"),
        ({"label_smoothing": 1.0}, r"label_smoothing is 1\.0"),
        ({"evaluation_batch": 0}, r"evaluation_batch is 0, but it is 1 or more\. Raise it"),
    ],
)
def test_settings_out_of_their_range_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Seq2SeqConfig(**wrong)


def test_sound_is_read_as_well_as_words() -> None:
    generator = torch.Generator().manual_seed(0)
    patterns = torch.randn(LABELS, 3, 4, generator=generator)

    def spoken(labels: Tensor) -> Tensor:
        return patterns[labels].flatten(0, 1)  # three frames a label

    plain = reversed_sequences(300)
    said = plain.fields[1]
    assert isinstance(said, Ragged)
    data = SequenceSet((Ragged.of([spoken(said[i]) for i in range(len(said))]), said))
    seeds = Seeds(0)
    with seeds.initialising("backbone"):
        backbone = RecurrentConfig(cell="gru", width=12, bidirectional=True).build((18, 4))
    model = Seq2Seq(SMALL, torch.nn.Identity(), backbone, Symbols.of_labels(LABELS), seeds, judge=judge)
    batches = BucketedBatches(data, 32, seeds)
    for _ in range(200):
        model.update(batches.next())
    assert model.evaluate(data)["exact"] >= 0.9
