"""Chunks as conlleval counts them: by hand, and beside seqeval."""

from __future__ import annotations

import pytest
import torch
from seqeval.metrics import f1_score, precision_score, recall_score

from supervised.chunks import Chunk, ChunkScores, chunks, score_chunks


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O O", []),
        ("B-a I-a O B-a", [("a", 0, 2), ("a", 3, 4)]),
        ("B-a B-a I-a", [("a", 0, 1), ("a", 1, 3)]),
        ("O I-a I-a", [("a", 1, 3)]),  # an I after O begins a chunk
        ("I-a O", [("a", 0, 1)]),
        ("B-a I-b I-b", [("a", 0, 1), ("b", 1, 3)]),  # an I of another type does, too
        ("I-a B-a", [("a", 0, 1), ("a", 1, 2)]),
        ("B-a-b I-a-b", [("a-b", 0, 2)]),
    ],
)
def test_chunks_by_hand(tags: str, expected: list) -> None:
    assert chunks(tags.split()) == {Chunk(*each) for each in expected}


def test_scores_by_hand() -> None:
    wanted = [["B-a", "I-a", "O", "B-b"], ["O", "B-a"]]
    answered = [["B-a", "I-a", "O", "B-a"], ["B-a", "I-a"]]  # one right; one of a wrong type; one that begins too early
    scores = score_chunks(answered, wanted)
    assert scores == ChunkScores(found=1, answered=3, wanted=3)
    assert (scores.precision, scores.recall, scores.f1) == (1 / 3, 1 / 3, 1 / 3)
    other = score_chunks([["B-a", "O", "O", "O"], ["O", "O"]], wanted)
    assert (other.found, other.precision, other.f1) == (0, 0.0, 0.0)
    assert score_chunks([["B-a", "I-a", "O", "O"], ["O", "O"]], wanted).f1 == pytest.approx(2 * 1 * (1 / 3) / (4 / 3))


def test_without_any_chunk_nothing_is_undefined() -> None:
    empty = score_chunks([["O"]], [["O"]])
    assert (empty.precision, empty.recall, empty.f1) == (0.0, 0.0, 0.0)


def test_a_chunk_does_not_reach_into_the_next_sequence() -> None:
    assert score_chunks([["B-a"], ["I-a"]], [["B-a"], ["I-a"]]).wanted == 2


@pytest.mark.parametrize("seed", range(20))
def test_seqeval_counts_the_same(seed: int) -> None:
    names = ["O", "B-a", "I-a", "B-b", "I-b", "B-c", "I-c"]
    generator = torch.Generator().manual_seed(seed)
    wanted, answered = [], []
    for _ in range(30):
        length = int(torch.randint(1, 12, (), generator=generator))
        right = torch.randint(7, (length,), generator=generator)
        wrong = torch.rand(length, generator=generator) < 0.3
        said = torch.where(wrong, torch.randint(7, (length,), generator=generator), right)
        wanted.append([names[i] for i in right.tolist()])
        answered.append([names[i] for i in said.tolist()])
    scores = score_chunks(answered, wanted)
    assert 0.1 < scores.f1 < 0.9
    assert scores.precision == pytest.approx(precision_score(wanted, answered))
    assert scores.recall == pytest.approx(recall_score(wanted, answered))
    assert scores.f1 == pytest.approx(f1_score(wanted, answered))


def test_another_number_of_tags_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Sequence 1 .* has 2 tags, but was given 1\. Give one tag a step"):
        score_chunks([["O"], ["O"]], [["O"], ["O", "O"]])
