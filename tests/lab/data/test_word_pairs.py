"""Files of word pairs with scores, and lines that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lab.data.word_pairs import WordPairs, read_word_pairs


def written(folder: Path, text: str) -> Path:
    path = folder / "pairs"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("separator", [",", "\t", " , "])
@pytest.mark.parametrize("heading", ["", "Word 1{0}Word 2{0}Human (mean){1}"], ids=["bare", "heading"])
def test_pairs_and_scores(end: str, separator: str, heading: str, tmp_path: Path) -> None:
    text = heading.format(separator, end) + end.join(f"{separator}".join(line) for line in LINES) + end
    pairs = read_word_pairs(str(written(tmp_path, text)))
    assert pairs.pairs == (("tiger", "cat"), ("king", "cabbage"))
    assert (pairs.scores.tolist(), pairs.scores.dtype) == ([7.35, 0.23], torch.float64)
    assert len(pairs) == 2


LINES = [("tiger", "cat", "7.35"), ("king", "cabbage", ".23")]


def test_an_excerpt_goes_from_the_most_alike_to_the_least() -> None:
    pairs = WordPairs(tuple((f"a{i}", f"b{i}") for i in range(15)), torch.arange(15.0))
    lines = pairs.excerpt().splitlines()
    assert lines[0] == "15 pairs of words with scores, from the most alike to the least:"
    assert (lines[1], lines[-1], len(lines)) == ("  14.00  a14, b14", "   0.00  a0, b0", 9)
    three = WordPairs((("a", "b"), ("c", "d"), ("e", "f")), torch.tensor([1.0, 3.0, 2.0]))
    assert [line.split()[0] for line in three.excerpt().splitlines()[1:]] == ["3.00", "2.00", "1.00"]
    assert WordPairs((("a", "b"),), torch.ones(1)).excerpt().endswith(":\n   1.00  a, b")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b,1\nc,d\n", r"line 2: 'c,d' is no pair of words with a score, as .* Mend the line or remove it"),
        ("a,b\n", "line 1: 'a,b' is no pair"),
        ("a,b,1\nc,d,high\n", "line 2: 'c,d,high' is no pair"),
        ("a,b,1\nc,d,nan\n", "line 2: 'c,d,nan' is no pair"),
        ("a,b,1\n,d,2\n", "line 2: ',d,2' is no pair"),
        ("a,b,1,2\n", "line 1: 'a,b,1,2' is no pair"),
        ("a,b,1\n\n", "line 2 is empty, but each line is a pair of words"),
        ("", "is empty, so there is nothing"),
    ],
)
def test_lines_that_are_none(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"pairs.*{why}"):
        read_word_pairs(written(tmp_path, text))


def test_as_many_scores_as_pairs() -> None:
    with pytest.raises(ValueError, match=r"There are 1 pairs and scores \[2\], but each pair has a score"):
        WordPairs((("a", "b"),), torch.ones(2))
