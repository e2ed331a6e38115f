"""CTC against a sum over all alignments: the loss, its gradient, the search for prefixes."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import product

import pytest
import torch
from torch import Tensor

from lab.data.sequences import Padded, Ragged
from supervised.ctc import ctc_loss, decode_greedily, fewest_steps, said_when, search_prefixes


def drawn(*shape: int, seed: int = 0, spread: float = 1.0) -> Tensor:
    return spread * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_all_alignments(log_probabilities: Tensor) -> dict[tuple[int, ...], float]:
    """The probability of all labels that [T, K] can say: each of the K^T alignments adds to what it says."""
    num_steps, num_symbols = log_probabilities.shape
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for alignment in product(range(num_symbols), repeat=num_steps):
        said, last = [], num_symbols - 1
        for symbol in alignment:
            if symbol not in (last, num_symbols - 1):
                said.append(symbol)
            last = symbol
        found[tuple(said)] += math.exp(sum(float(log_probabilities[t, s]) for t, s in enumerate(alignment)))
    return dict(found)


def padded(*labels: tuple[int, ...]) -> Padded:
    return Ragged.of_lists(labels).padded(torch.arange(len(labels)))


@pytest.mark.parametrize(
    ("alignment", "said"),
    [
        ([2, 2, 2], []),
        ([0, 0, 1], [(0, 0), (2, 1)]),
        ([0, 2, 0], [(0, 0), (2, 0)]),
        ([2, 1, 1, 2, 2, 0], [(1, 1), (5, 0)]),
        ([1, 0, 1], [(0, 1), (1, 0), (2, 1)]),
        ([], []),
    ],
)
def test_an_alignment_says_what_is_left(alignment: list[int], said: list[tuple[int, int]]) -> None:
    assert said_when(alignment, blank=2) == said


def test_two_steps_by_hand() -> None:
    # Of "a" or blank with 0.6 and 0.4, then 0.3 and 0.7: "a" is aa, a-, -a; nothing is --; "aa" needs three steps.
    logits = torch.tensor([[[0.6, 0.4], [0.3, 0.7]]], dtype=torch.float64).log()
    lengths = torch.tensor([2])
    assert float(ctc_loss(logits, lengths, padded((0,)))) == pytest.approx(-math.log(0.18 + 0.42 + 0.12))
    nothing = Padded(torch.zeros(1, 0, dtype=torch.int64), torch.tensor([0]))
    assert float(ctc_loss(logits, lengths, nothing)) == pytest.approx(-math.log(0.28))
    assert ctc_loss(logits, lengths, padded((0, 0))).isinf().all()


@pytest.mark.parametrize("num_steps", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("num_labels", [1, 2, 3])
def test_the_loss_is_a_sum_over_all_alignments(num_steps: int, num_labels: int) -> None:
    logits = drawn(1, num_steps, num_labels + 1, seed=num_steps)
    expected = by_all_alignments(logits[0].log_softmax(-1))
    assert sum(expected.values()) == pytest.approx(1.0)
    for labels, probability in expected.items():
        if labels:
            found = ctc_loss(logits, torch.tensor([num_steps]), padded(labels))
            assert float(found) == pytest.approx(-math.log(probability), abs=1e-9)


def test_the_gradient_is_that_of_the_sum() -> None:
    logits = drawn(1, 4, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(ctc_loss(logits, torch.tensor([4]), padded((1, 1))).sum(), logits)
    log_probabilities = logits.log_softmax(-1)[0]
    alignments = [a for a in product(range(3), repeat=4) if [label for _, label in said_when(a, 2)] == [1, 1]]
    paths = torch.stack([torch.stack([log_probabilities[t, s] for t, s in enumerate(a)]).sum() for a in alignments])
    (expected,) = torch.autograd.grad(-paths.logsumexp(0), logits)
    torch.testing.assert_close(gradient, expected)


def test_each_of_a_batch_is_as_alone_and_padding_does_not_matter() -> None:
    logits, lengths, labels = drawn(3, 6, 4), torch.tensor([6, 3, 4]), padded((0, 1, 2), (2,), (1, 1))
    together = ctc_loss(logits, lengths, labels)
    for i, length in enumerate(lengths.tolist()):
        alone = Padded(labels.values[i : i + 1, : labels.lengths[i]], labels.lengths[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], ctc_loss(logits[i : i + 1, :length], lengths[i : i + 1], alone))
    changed = logits.clone()
    changed[1, 3:] = 99.0
    others = Padded(labels.values.clone(), labels.lengths)
    others.values[1, 1:] = 3
    torch.testing.assert_close(ctc_loss(changed, lengths, others), together)


def test_the_fewest_steps_count_a_blank_between_equal_labels() -> None:
    labels = padded((0, 1, 2), (1, 1), (3, 3, 3, 0), (2,))
    assert fewest_steps(labels).tolist() == [3, 3, 6, 1]
    logits = drawn(4, 6, 5)
    assert ctc_loss(logits, fewest_steps(labels), labels).isfinite().all()
    assert ctc_loss(logits, fewest_steps(labels) - 1, labels).isinf().all()


def test_greedy_decoding_takes_the_likeliest_symbol_of_each_step() -> None:
    said = torch.tensor([[0, 0, 2, 0, 1, 1], [2, 1, 2, 2, 0, 0]])
    logits = torch.nn.functional.one_hot(said, 3) * 5.0
    assert decode_greedily(logits, torch.tensor([6, 4])) == [[0, 0, 1], [1]]


@pytest.mark.parametrize("seed", range(8))
def test_a_wide_search_is_exact(seed: int) -> None:
    log_probabilities = drawn(5, 3, seed=seed, spread=2.0).log_softmax(-1)
    expected = by_all_alignments(log_probabilities)
    found = search_prefixes(log_probabilities, width=1_000)
    assert dict(found) == pytest.approx({labels: math.log(p) for labels, p in expected.items()})
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_a_search_finds_what_greedy_decoding_misses() -> None:
    # The likeliest alignment is two blanks, with 0.36, but three others say "a", with 0.64 together.
    log_probabilities = torch.tensor([[0.4, 0.6], [0.4, 0.6]]).log()
    assert decode_greedily(log_probabilities[None], torch.tensor([2])) == [[]]
    (best, score), _ = search_prefixes(log_probabilities, width=2)
    assert best == (0,)
    assert math.exp(score) == pytest.approx(0.64)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_narrow_search_never_overrates(width: int) -> None:
    for seed in range(20):
        log_probabilities = drawn(5, 4, seed=seed).log_softmax(-1)
        expected = by_all_alignments(log_probabilities)
        found = search_prefixes(log_probabilities, width)
        assert len(found) <= width
        assert all(score <= math.log(expected[labels]) + 1e-12 for labels, score in found)


@pytest.mark.parametrize("width", [1, 3])
def test_where_every_step_is_sure_a_search_of_any_width_is_greedy(width: int) -> None:
    for seed in range(20):
        logits = 30.0 * torch.nn.functional.one_hot(drawn(30, 5, seed=seed).argmax(-1), 5)
        greedy = decode_greedily(logits[None], torch.tensor([30]))[0]
        assert list(search_prefixes(logits.log_softmax(-1), width)[0][0]) == greedy


def test_a_search_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"width is 0, but a search that keeps no prefix finds none\. Set it to 1"):
        search_prefixes(drawn(2, 2), 0)


def test_silence_takes_no_steps() -> None:
    silence = Padded(torch.empty(2, 0, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))
    assert fewest_steps(silence).tolist() == [0, 0]
    logits = drawn(2, 3, 4)
    expected = -logits.log_softmax(-1)[:, :, -1].sum(1)
    torch.testing.assert_close(ctc_loss(logits, torch.tensor([3, 3]), silence), expected)
