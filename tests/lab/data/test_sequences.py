"""Ragged sequences against lists of tensors, and what is refused."""

from __future__ import annotations

import pytest
import torch

from lab.data import Padded, Ragged, SequenceSet
from lab.data.sequences import refuse_examples

WORDS = Ragged.of_lists([[5, 6, 7], [8], [], [9, 4]])


def test_a_ragged_tensor_holds_its_sequences_without_padding() -> None:
    assert WORDS.values.tolist() == [5, 6, 7, 8, 9, 4]
    assert (WORDS.lengths.tolist(), WORDS.starts.tolist()) == ([3, 1, 0, 2], [0, 3, 4, 4])
    assert [WORDS[i].tolist() for i in range(len(WORDS))] == [[5, 6, 7], [8], [], [9, 4]]


def test_padding_fills_up_to_the_longest_or_to_what_is_asked() -> None:
    values, lengths = WORDS.padded(torch.tensor([3, 0, 2]))
    assert values.tolist() == [[9, 4, 0], [5, 6, 7], [0, 0, 0]]
    assert lengths.tolist() == [2, 3, 0]
    assert WORDS.padded(torch.tensor([1]), num_steps=3).values.tolist() == [[8, 0, 0]]


def test_features_are_padded_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    sequences = [torch.randn(steps, 2, 3, generator=generator) for steps in (4, 1, 3)]
    values, lengths = Ragged.of(sequences).padded(torch.arange(3))
    assert values.shape == (3, 4, 2, 3)
    for row, sequence in enumerate(sequences):
        assert torch.equal(values[row, : lengths[row]], sequence)
        assert values[row, int(lengths[row]) :].abs().sum() == 0


def test_a_subset_keeps_the_order_asked_for() -> None:
    chosen = WORDS.subset(torch.tensor([3, 3, 2, 0]))
    assert [chosen[i].tolist() for i in range(4)] == [[9, 4], [9, 4], [], [5, 6, 7]]


def test_random_choices_equal_those_of_lists() -> None:
    generator = torch.Generator().manual_seed(1)
    lists = [torch.randint(9, (int(n),), generator=generator) for n in torch.randint(6, (50,), generator=generator)]
    ragged = Ragged.of(lists)
    for _ in range(20):
        indices = torch.randint(50, (7,), generator=generator)
        chosen, (values, lengths) = ragged.subset(indices), ragged.padded(indices)
        for row, i in enumerate(indices.tolist()):
            assert torch.equal(chosen[row], lists[i])
            assert torch.equal(values[row, : lengths[row]], lists[i])


@pytest.mark.parametrize(
    ("values", "lengths", "why"),
    [
        (torch.arange(3), torch.tensor([1, 1]), "There are 3 steps, but the 2 lengths add up to 2"),
        (torch.arange(3), torch.tensor([4, -1]), "0 or more"),
        (torch.arange(3), torch.tensor([3.0]), "type torch.float32"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(values: torch.Tensor, lengths: torch.Tensor, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Ragged(values, lengths)


def test_a_marked_step_marks_its_sequence() -> None:
    assert WORDS.any_step(WORDS.values > 6).tolist() == [True, True, False, True]
    assert WORDS.any_step(WORDS.values == 8).tolist() == [False, True, False, False]


def test_the_first_wrong_example_is_named() -> None:
    refuse_examples(torch.tensor([False, False]), "dev", "is odd.")
    with pytest.raises(ValueError, match=r"^Example 1 of the dev part \(counted from 0\) is odd\.$"):
        refuse_examples(torch.tensor([False, True, True]), "dev", "is odd.")


def test_a_set_gives_batches_field_by_field() -> None:
    dataset = SequenceSet((WORDS, torch.tensor([0, 1, 2, 3])))
    words, labels = dataset.batch(torch.tensor([1, 0]))
    assert isinstance(words, Padded)
    assert words.values.tolist() == [[8, 0, 0], [5, 6, 7]]
    assert isinstance(labels, torch.Tensor)
    assert labels.tolist() == [1, 0]
    assert [len(batch[1]) for batch in dataset.chunks(3)] == [3, 1]
    few = dataset.subset(torch.tensor([3]))
    assert (len(few), few.lengths.tolist(), few.fields[1].tolist()) == (1, [2], [3])


def test_a_set_of_fields_that_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"The fields have \[4, 3\] examples"):
        SequenceSet((WORDS, torch.arange(3)))
    with pytest.raises(ValueError, match="the first is a Tensor"):
        SequenceSet((torch.arange(4), WORDS))


def test_a_fingerprint_tells_examples_and_their_order_apart() -> None:
    words, sounds = Ragged.of_lists([[1, 2], [3], [4, 5, 6]]), torch.tensor([0, 1, 1])
    mine = SequenceSet((words, sounds))
    assert mine.fingerprint() == SequenceSet((words, sounds)).fingerprint()
    for order in ([1, 0, 2], [0, 2, 1], [0, 1]):
        assert mine.subset(torch.tensor(order)).fingerprint() != mine.fingerprint()
    loud = Ragged(words.values.float(), words.lengths)
    louder = Ragged(words.values.float() + 1e-6, words.lengths)
    assert SequenceSet((loud, sounds)).fingerprint() == SequenceSet((louder, sounds)).fingerprint(), (
        "computed elsewhere"
    )
