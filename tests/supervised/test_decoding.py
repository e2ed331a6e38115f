"""Greedy decoding and beam search, against each other and against all short outputs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
import torch
from torch import Tensor

from supervised.decoding import DecodingConfig, decode_greedily, search_beam

BEGIN, END, WORDS = 0, 1, 4
EVERYTHING = WORDS**4  # a beam that nothing falls out of


@dataclass(frozen=True)
class Prefixes:
    """The words so far of each sequence, and the example that it answers."""

    examples: Tensor
    words: tuple[tuple[int, ...], ...]

    def select(self, rows: Tensor) -> Prefixes:
        return Prefixes(self.examples[rows], tuple(self.words[i] for i in rows.tolist()))


def log_probabilities(example: int, words: tuple[int, ...], sharpness: float = 2.0) -> Tensor:
    """Of the next word after any words: a table drawn anew for each example and prefix; begin never comes."""
    generator = torch.Generator().manual_seed(hash((example, words)) % 2**31)
    logits = sharpness * torch.randn(WORDS, generator=generator)
    logits[BEGIN] = -torch.inf
    return logits.log_softmax(0)


def advance(words: Tensor, state: Prefixes) -> tuple[Tensor, Prefixes]:
    prefixes = tuple((*before, word) for before, word in zip(state.words, words.tolist()))
    rows = [log_probabilities(example, prefix) for example, prefix in zip(state.examples.tolist(), prefixes)]
    return torch.stack(rows), Prefixes(state.examples, prefixes)


def start(count: int) -> Prefixes:
    return Prefixes(torch.arange(count), ((),) * count)


def total(example: int, words: tuple[int, ...], *, ended: bool) -> float:
    """The log-probability of an output, word by word."""
    said = [*words, END] if ended else list(words)
    parts = [log_probabilities(example, (BEGIN, *said[:t]))[said[t]] for t in range(len(said))]
    return float(torch.stack(parts).sum())


def every_output(example: int, longest: int, alpha: float) -> dict[tuple[int, ...], float]:
    """All outputs of up to `longest` words, the end counted, with what they are ranked by."""
    found = {}
    for length in range(1, longest + 1):
        for words in product([word for word in range(WORDS) if word not in (BEGIN, END)], repeat=length - 1):
            found[words] = total(example, words, ended=True) / ((5 + length) / 6) ** alpha
    for words in product([word for word in range(WORDS) if word not in (BEGIN, END)], repeat=longest):
        found[words] = total(example, words, ended=False) / ((5 + longest) / 6) ** alpha
    return found


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_wide_beam_finds_what_trying_everything_finds(alpha: float) -> None:
    config = DecodingConfig(beam_width=EVERYTHING, length_penalty=alpha, longest=4)
    found = search_beam(advance, start(3), 3, BEGIN, END, config)
    for example, outputs in enumerate(found):
        everything = every_output(example, 4, alpha)
        assert len(outputs) == len(everything) == 1 + 2 + 4 + 8 + 16
        best = sorted(everything, key=lambda words: -everything[words])
        assert [tuple(output.words) for output in outputs] == best
        assert [output.score for output in outputs] == pytest.approx([everything[words] for words in best], abs=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("longest", [1, 3, 20])
def test_a_beam_of_one_is_greedy(alpha: float, longest: int) -> None:
    greedy = decode_greedily(advance, start(40), 40, BEGIN, END, longest)
    config = DecodingConfig(beam_width=1, length_penalty=alpha, longest=longest)
    searched = search_beam(advance, start(40), 40, BEGIN, END, config)
    assert [found[0].words for found in searched] == [found.words for found in greedy]
    assert all(len(found) == 1 for found in searched)
    if not alpha:
        assert [found[0].score for found in searched] == pytest.approx([found.score for found in greedy], abs=1e-5)


def test_greedy_scores_are_log_probabilities_and_outputs_end_where_they_should() -> None:
    for example, (words, score) in enumerate(decode_greedily(advance, start(40), 40, BEGIN, END, 5)):
        assert END not in words
        assert len(words) <= 5
        assert score == pytest.approx(total(example, tuple(words), ended=len(words) < 5), abs=1e-5)


def test_a_wider_beam_finds_likelier_outputs_than_greedy() -> None:
    greedy = decode_greedily(advance, start(60), 60, BEGIN, END, 4)
    config = DecodingConfig(beam_width=4, length_penalty=0.0, longest=4)
    searched = [found[0] for found in search_beam(advance, start(60), 60, BEGIN, END, config)]
    gains = [wide.score - narrow.score for wide, narrow in zip(searched, greedy)]
    assert sum(gains) > 0
    assert max(gains) > 0.1


def test_examples_side_by_side_are_searched_as_alone() -> None:
    config = DecodingConfig(beam_width=3, length_penalty=0.7, longest=6)
    together = search_beam(advance, start(10), 10, BEGIN, END, config)
    for example in range(10):
        alone = search_beam(advance, start(10).select(torch.tensor([example])), 1, BEGIN, END, config)
        assert alone[0] == together[example]
        assert len(alone[0]) == 3


def test_the_penalty_favours_length() -> None:
    """By hand: ln 0.5, and ln(0.49 * 0.9), which is divided by (7 / 6) ** alpha."""

    def by_hand(words: Tensor, state: Prefixes) -> tuple[Tensor, Prefixes]:
        first = torch.tensor([0.0, 0.5, 0.49, 0.01])
        later = torch.tensor([0.0, 0.9, 0.05, 0.05])
        return torch.stack([first if word == BEGIN else later for word in words.tolist()]).log(), state

    found = {}
    for alpha in (0.0, 1.0):
        config = DecodingConfig(beam_width=2, length_penalty=alpha, longest=5)
        found[alpha] = search_beam(by_hand, start(1), 1, BEGIN, END, config)[0]
    assert [output.words for output in found[0.0]] == [[], [2]]
    assert [output.score for output in found[0.0]] == pytest.approx([-0.6931, -0.8187], abs=1e-4)
    assert [output.score for output in found[1.0]] == pytest.approx([-0.6931, -0.7018], abs=1e-4)
    longer = search_beam(by_hand, start(1), 1, BEGIN, END, DecodingConfig(beam_width=2, length_penalty=2.0, longest=5))
    assert [output.words for output in longer[0]] == [[2], []]
    assert longer[0][0].score == pytest.approx(-0.8187 * 36 / 49, abs=1e-4)


@pytest.mark.parametrize("wrong", [{"beam_width": 0}, {"longest": 0}, {"length_penalty": -1.0}])
def test_settings_that_find_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} .*keeps at least one sequence"):
        DecodingConfig(**wrong)  # type: ignore[arg-type]
