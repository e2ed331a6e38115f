"""The network of sequence to sequence: what it looks at, what padding is to it, and that one step is as good as all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from lab.backbones import MultiHeadAttention, RecurrentConfig, TransformerConfig
from lab.data import Padded, Ragged, Vocabulary
from supervised.embedding import EmbeddingConfig, WordEmbedding
from supervised.encoder_decoder import Attention, DecoderConfig, EmbeddedWords, EncoderDecoder, Symbols

SOURCE_WORDS, TARGET_WORDS = 11, 9
SMALL = DecoderConfig(width=8, embedding_width=6, attention_width=5, readout_width=7, num_heads=2)
ALL = [
    replace(SMALL, attention=attention, input_feeding=fed) for attention in get_args(Attention) for fed in (False, True)
] + [replace(SMALL, cell="lstm", num_layers=2, input_feeding=fed) for fed in (False, True)]
SOURCE = Ragged.of_lists([[4, 5, 6, 7, 8], [9, 10], [5]]).padded(torch.arange(3))
TARGET = Ragged.of_lists([[4, 5], [6, 7, 8, 4], [5]]).padded(torch.arange(3))


def named(config: DecoderConfig) -> str:
    return f"{config.cell}-{config.attention}" + ("-fed" if config.input_feeding else "")


every_decoder = pytest.mark.parametrize("config", ALL, ids=named)


def network(config: DecoderConfig = SMALL, **backbone: Any) -> EncoderDecoder:
    torch.manual_seed(0)
    reading = EmbeddedWords(WordEmbedding(EmbeddingConfig(width=6), (SOURCE_WORDS,)))
    backbone = {"cell": "gru", "width": 4, "bidirectional": True} | backbone
    encoder = RecurrentConfig(**backbone).build((9, reading.out_features))
    return EncoderDecoder(reading, encoder, config, Symbols(TARGET_WORDS, 2, 3, (0, 1, 2))).eval()


def words_of(target: Padded) -> Tensor:
    return torch.cat([torch.full((len(target.lengths), 1), 2), target.values], 1)


@every_decoder
def test_weights_add_up_to_one_and_fall_on_no_padding(config: DecoderConfig) -> None:
    model = network(config)
    readouts, weights, _ = model(words_of(TARGET), model.encode(SOURCE))
    assert readouts.shape == (3, 5, 7)
    if config.attention == "none":
        assert weights is None
        return
    assert weights is not None
    assert weights.shape == (3, 5, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 5))
    valid = torch.arange(5) < SOURCE.lengths[:, None]
    assert bool((weights.masked_select(~valid[:, None]) == 0).all())
    assert bool((weights.masked_select(valid[:, None]) > 0).all())


@every_decoder
def test_a_sentence_alone_is_as_in_a_batch(config: DecoderConfig) -> None:
    model = network(config)
    together, wanted = model.taught(SOURCE, TARGET)
    assert wanted.tolist() == [4, 5, 3, 6, 7, 8, 4, 3, 5, 3]
    alone = []
    for i, (read, said) in enumerate(zip(SOURCE.lengths.tolist(), TARGET.lengths.tolist())):
        source = Padded(SOURCE.values[i : i + 1, :read], SOURCE.lengths[i : i + 1])
        target = Padded(TARGET.values[i : i + 1, :said], TARGET.lengths[i : i + 1])
        alone.append(model.taught(source, target)[0])
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def test_what_lies_in_the_padding_changes_nothing() -> None:
    model = network()
    before = model.taught(SOURCE, TARGET)[0]
    padding = torch.arange(5) >= SOURCE.lengths[:, None]
    after = model.taught(Padded(SOURCE.values.masked_fill(padding, 9), SOURCE.lengths), TARGET)[0]
    torch.testing.assert_close(before, after, atol=1e-6, rtol=0)


@every_decoder
def test_steps_one_by_one_are_as_all_at_once(config: DecoderConfig) -> None:
    model = network(config)
    words, state = words_of(TARGET), model.encode(SOURCE)
    readouts = model(words, state)[0]
    for t in range(words.shape[1]):
        found, state = model.advance(words[:, t], state)
        expected = model.words(readouts[:, t])
        assert bool((found[:, :3] == -torch.inf).all()), "padding, unknown and begin are never said"
        torch.testing.assert_close(found[:, 3:], expected[:, 3:].log_softmax(-1), atol=1e-5, rtol=0)


@every_decoder
def test_a_word_is_said_after_those_before_it_alone(config: DecoderConfig) -> None:
    """Causality by gradient: the read-out of step t has none in the words read after t, and one in those up to t."""
    model = network(config)
    vectors = model.embedding(words_of(TARGET)).detach().requires_grad_()
    model.embedding = Given(vectors)  # type: ignore[assignment]
    readouts = model(words_of(TARGET), model.encode(SOURCE))[0]
    for t in range(5):
        (gradient,) = torch.autograd.grad(readouts[:, t].sum(), vectors, retain_graph=True)
        reached = gradient.abs().sum((0, 2)) > 0
        assert reached.tolist() == [step <= t for step in range(5)]


class Given(torch.nn.Module):
    """An embedding whose vectors are given: those of one step where one step is asked for."""

    def __init__(self, vectors: Tensor):
        super().__init__()
        self.vectors = vectors

    def forward(self, words: Tensor) -> Tensor:
        return self.vectors


def test_taught_by_its_own_words_it_reads_what_it_says() -> None:
    model = network()
    nothing, everything = torch.zeros(3, 4, dtype=torch.bool), torch.ones(3, 4, dtype=torch.bool)
    torch.testing.assert_close(model.taught(SOURCE, TARGET, everything), model.taught(SOURCE, TARGET))
    free = model.taught(SOURCE, TARGET, nothing)[0]
    said, state, expected = torch.full((3,), 2), model.encode(SOURCE), []
    for _ in range(5):
        expected.append(model.words(model(said[:, None], state)[0][:, 0]))
        found, state = model.advance(said, state)
        said = found.argmax(-1)
    counts = torch.arange(5) <= TARGET.lengths[:, None]
    torch.testing.assert_close(free, torch.stack(expected, 1)[counts], atol=1e-5, rtol=0)


def test_a_state_can_be_taken_twice_and_in_any_order() -> None:
    model = network(replace(SMALL, cell="lstm", num_layers=2, input_feeding=True))
    state, words = model.encode(SOURCE), torch.tensor([2, 2, 2])
    _, state = model.advance(words, state)
    rows = torch.tensor([2, 0, 0])
    chosen, _ = model.advance(torch.tensor([4, 5, 5]), state.select(rows))
    plain, _ = model.advance(torch.tensor([5, 2, 4]), state)
    torch.testing.assert_close(chosen, plain[rows])


def test_the_source_need_not_be_words() -> None:
    torch.manual_seed(0)
    encoder = TransformerConfig(width=8, num_layers=1, num_heads=2, causal=False).build((20, 3))
    model = EncoderDecoder(torch.nn.Identity(), encoder, SMALL, Symbols.of_labels(10)).eval()
    sound = Padded(torch.randn(2, 20, 3), torch.tensor([20, 7]))
    logits, wanted = model.taught(sound, Ragged.of_lists([[0, 9], [3]]).padded(torch.arange(2)))
    assert logits.shape == (5, 12)
    assert wanted.tolist() == [0, 9, 11, 3, 11]


def test_symbols_of_a_vocabulary() -> None:
    symbols = Symbols.of_vocabulary(Vocabulary.of([["a", "b"]]))
    assert (symbols.total, symbols.begin, symbols.end, symbols.silent) == (6, 2, 3, (0, 1, 2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 0}, r"width is 0, but it is 1 or more\. Raise it"),
        ({"num_heads": 0, "attention": "multihead"}, r"num_heads is 0, but it is 1 or more"),
        ({"attention": "loung"}, r"attention is 'loung', which names nothing here\. Did you mean 'luong'"),
        ({"cell": "rnn"}, r"cell is 'rnn', which names nothing here\. (Did you mean|There are)"),
        ({"dropout": 1.0}, r"dropout is 1\.0, but it is a share\. Set it from 0 to below 1"),
    ],
)
def test_a_decoder_that_cannot_be_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **wrong)


def test_heads_look_by_products_that_are_divided_twice() -> None:
    """Against torch's own kernel, which divides them by the root of a head's width, 4: before, by that of all, 8."""
    model = network(replace(SMALL, attention="multihead"))
    state = model.encode(SOURCE)
    vectors = model.embedding(words_of(TARGET))
    hidden = model.cell(vectors, state.hidden[0])[0]
    readouts, _, _ = model(words_of(TARGET), state)
    assert isinstance(model.attention, MultiHeadAttention)
    context = model.attention.context(hidden / 8**0.5, state.memory.steps, state.memory.steps, state.memory.mask)
    expected = model.readout(torch.cat([context, hidden], -1)).tanh()
    torch.testing.assert_close(readouts, expected, atol=1e-6, rtol=0)
