"""The likeliest tags that make sense, against every sequence of tags that there is."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from supervised.legal_tags import likeliest_legal, may_follow

TAGS = ("O", "B-a", "I-a", "B-b", "I-b")


def makes_sense(tags: list[str]) -> bool:
    return all(
        not tag.startswith("I-") or (before[:1] in "BI" and before[2:] == tag[2:])
        for before, tag in zip(["O", *tags], tags)
    )


def test_what_may_follow_what_by_hand() -> None:
    yes, no = True, False
    assert may_follow(TAGS).tolist() == [
        [yes, yes, no, yes, no],  # after O
        [yes, yes, yes, yes, no],  # after B-a
        [yes, yes, yes, yes, no],  # after I-a
        [yes, yes, no, yes, yes],  # after B-b
        [yes, yes, no, yes, yes],  # after I-b
        [yes, yes, no, yes, no],  # at the beginning
    ]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_best_of_all_sequences_that_make_sense(seed: int) -> None:
    logits = 2 * torch.randn(6, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    lengths = torch.tensor([4, 1, 3, 4, 2, 4])
    found = likeliest_legal(logits, lengths, may_follow(TAGS))
    greedy_makes_sense = 0
    for i, length in enumerate(lengths.tolist()):
        legal = [path for path in product(range(5), repeat=length) if makes_sense([TAGS[k] for k in path])]
        best = max(legal, key=lambda path: sum(float(logits[i, t, k]) for t, k in enumerate(path)))
        assert found[i, :length].tolist() == list(best)
        greedy_makes_sense += logits[i, :length].argmax(-1).tolist() == list(best)
    assert greedy_makes_sense < 6, "otherwise the search had nothing to do"


def test_what_lies_in_the_padding_does_not_matter() -> None:
    logits = torch.randn(2, 5, 5, generator=torch.Generator().manual_seed(0))
    garbage = logits.clone()
    garbage[:, 3:] = torch.nan
    lengths = torch.tensor([3, 2])
    clean = likeliest_legal(logits[:, :3], lengths, may_follow(TAGS))
    dirty = likeliest_legal(garbage, lengths, may_follow(TAGS))
    assert torch.equal(clean[0], dirty[0, :3])
    assert torch.equal(clean[1, :2], dirty[1, :2])


def test_tags_that_make_sense_already_stay() -> None:
    wanted = torch.tensor([[1, 2, 0, 3, 4]])
    logits = 10.0 * torch.nn.functional.one_hot(wanted, 5)
    assert torch.equal(likeliest_legal(logits, torch.tensor([5]), may_follow(TAGS)), wanted)
