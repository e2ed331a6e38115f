"""Bucketed batches: every example once an epoch, little padding, an exact position."""

from __future__ import annotations

import pytest
import torch

from lab.data import BucketedBatches, Ragged, SequenceSet
from lab.seeding import Seeds


def sentences(count: int = 103, longest: int = 30) -> SequenceSet:
    """Sentence i holds the number i, as often as it is long."""
    lengths = torch.randint(1, longest + 1, (count,), generator=torch.Generator().manual_seed(0))
    words = torch.arange(count).repeat_interleave(lengths)
    return SequenceSet((Ragged(words, lengths), torch.arange(count)))


def epoch(batches: BucketedBatches) -> list[tuple]:
    return [batches.next() for _ in range(batches.per_epoch)]


def test_an_epoch_has_each_example_at_most_once_and_leaves_out_the_rest() -> None:
    batches = BucketedBatches(sentences(), 10, Seeds(0), pool=4)
    assert batches.per_epoch == 10
    left_out = []
    for _ in range(2):
        seen = torch.cat([labels for _, labels in epoch(batches)]).tolist()
        assert len(seen) == len(set(seen)) == 100
        left_out.append(set(range(103)) - set(seen))
    assert left_out[0] != left_out[1]  # which ones differs from epoch to epoch


def test_the_fields_of_an_example_stay_together() -> None:
    for (words, lengths), labels in epoch(BucketedBatches(sentences(), 10, Seeds(0))):
        assert torch.equal(words[:, 0], labels)
        assert words.shape[1] == int(lengths.max())
        assert torch.equal((words == labels[:, None]).sum(1), torch.where(labels == 0, words.shape[1], lengths))


def padding(pool: int) -> float:
    """The share of an epoch's steps that is padding."""
    batches = epoch(BucketedBatches(sentences(400), 10, Seeds(0), pool=pool))
    return 1 - sum(int(words.lengths.sum()) for words, _ in batches) / sum(words.values.numel() for words, _ in batches)


def test_the_larger_the_pool_the_less_is_padding() -> None:
    alone, some, all_together = padding(1), padding(5), padding(40)
    assert all_together < some < alone
    assert all_together < 0.03 < 0.3 < alone


def test_batches_do_not_come_in_the_order_of_their_lengths() -> None:
    longest = [int(words.lengths.max()) for words, _ in epoch(BucketedBatches(sentences(400), 10, Seeds(0), pool=40))]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


@pytest.mark.parametrize("before", [0, 3, 10, 14])
def test_it_goes_on_exactly_from_any_position(before: int) -> None:
    straight, resumed = (BucketedBatches(sentences(), 10, Seeds(3), pool=4) for _ in range(2))
    for _ in range(before):
        straight.next()
    resumed.load_state_dict(straight.state_dict())
    for _ in range(12):
        (words, lengths), labels = straight.next()
        again = resumed.next()
        assert torch.equal(words, again[0].values)
        assert torch.equal(lengths, again[0].lengths)
        assert torch.equal(labels, again[1])


def test_another_seed_gives_another_order() -> None:
    one, other = (
        torch.cat([labels for _, labels in epoch(BucketedBatches(sentences(), 10, Seeds(s)))]) for s in (0, 1)
    )
    assert not torch.equal(one, other)


def test_settings_without_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size is 104 but the data set holds 103 examples"):
        BucketedBatches(sentences(), 104, Seeds(0))
    with pytest.raises(ValueError, match="pool is 0"):
        BucketedBatches(sentences(), 10, Seeds(0), pool=0)
