"""Vectors of words: by hand, and beside gensim's KeyedVectors."""

from __future__ import annotations

import time
from math import isnan, sqrt
from pathlib import Path
from typing import Any

import pytest
import torch

from generative.word_vectors import UnknownWord, WordVectors
from lab.data.analogies import AnalogyGroup, AnalogyQuestions
from lab.data.word_pairs import WordPairs

WORDS = ("king", "queen", "man", "woman", "apple")
TABLE = WordVectors(WORDS, torch.tensor([[3.0, 3.0, 0.0], [1, -1, 0], [0, 2, 0], [0, -1, 0], [0, 0, 5]]))
"""The first axis tells the royal, the second the sex, the third what is no person."""


def questions(**groups: list[str]) -> AnalogyQuestions:
    return AnalogyQuestions(
        tuple(AnalogyGroup(name, tuple(tuple(line.split()) for line in lines)) for name, lines in groups.items())  # type: ignore[misc]
    )


def drawn(size: int, dimensions: int = 16, seed: int = 0) -> WordVectors:
    """Words w0, W1, w2, ... some of which differ only in case."""
    words = tuple(f"{'wW'[i % 2]}{i if i % 5 else i // 2}" for i in range(size))
    words = tuple(dict.fromkeys(words))
    return WordVectors(words, torch.randn(len(words), dimensions, generator=torch.Generator().manual_seed(seed)))


def gensims(vectors: WordVectors) -> Any:
    found = pytest.importorskip("gensim.models").KeyedVectors(vectors.vectors.shape[1])
    found.add_vectors(list(vectors.words), vectors.vectors.numpy())
    return found


def test_a_word_has_its_row() -> None:
    assert TABLE["man"].tolist() == [0, 2, 0]
    assert ("man" in TABLE, "men" in TABLE, len(TABLE)) == (True, False, 5)


def test_cosines_by_hand() -> None:
    assert TABLE.similarity("king", "man") == pytest.approx(sqrt(0.5))
    assert TABLE.similarity("king", "queen") == pytest.approx(0.0)
    assert TABLE.similarity("man", "woman") == pytest.approx(-1.0)


def test_the_nearest_by_hand() -> None:
    assert TABLE.nearest("king", count=1) == [("man", pytest.approx(sqrt(0.5)))]
    # (king, woman less man) is (1, 1, 0) / sqrt(2) - (0, 2, 0), so it lies below: nearest is the queen.
    mean = torch.tensor([sqrt(0.5), sqrt(0.5) - 2, 0])
    cosine = float((mean[0] - mean[1]) / mean.norm() * sqrt(0.5))
    assert TABLE.nearest(["king", "woman"], ["man"], count=1) == [("queen", pytest.approx(cosine))]
    assert [word for word, _ in TABLE.nearest(["apple"], "king", count=3)] == ["woman", "queen", "man"]


def test_the_nearest_are_gensims() -> None:
    vectors = drawn(200)
    for positive, negative in ((["w2"], []), (["w2", "w4"], ["W1"]), ([], ["W1"]), (["w2", "w2"], ["W1", "W3"])):
        ours, theirs = vectors.nearest(positive, negative, 7), gensims(vectors).most_similar(positive, negative, topn=7)
        assert [word for word, _ in ours] == [word for word, _ in theirs]
        assert [cosine for _, cosine in ours] == pytest.approx([cosine for _, cosine in theirs], abs=1e-6)


@pytest.mark.parametrize(
    ("positive", "count", "why"),
    [([], 1, "No word is given"), ("king", 0, "count is 0, but one neighbour at least")],
)
def test_neighbours_that_there_are_not(positive: Any, count: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        TABLE.nearest(positive, count=count)


def test_a_small_vocabulary_gives_what_it_has() -> None:
    assert len(TABLE.nearest("king", count=100)) == len(TABLE) - 1


def test_it_is_told_by_its_size() -> None:
    assert repr(TABLE) == "WordVectors(5 words, 3 numbers each)"


def test_an_unknown_word_is_told_the_nearest_in_spelling() -> None:
    for ask in (lambda: TABLE["womann"], lambda: TABLE.similarity("king", "womann"), lambda: TABLE.nearest("womann")):
        for kind in (UnknownWord, KeyError, ValueError):
            with pytest.raises(kind, match=r"^'womann' is not among the 5 words that have .* Did you mean 'woman'"):
                ask()
    with pytest.raises(KeyError, match="Take another word, or learn from a text that has it"):
        TABLE["xxxxxxxx"]


def test_an_unknown_word_among_a_million_is_told_at_once() -> None:
    many = WordVectors(tuple(f"word{i}" for i in range(1_000_000)), torch.zeros(1_000_000, 1))
    assert "word7" in many
    begin = time.process_time()
    with pytest.raises(KeyError, match=r"Did you mean '.*word77'"):
        many["wrd77"]
    assert time.process_time() - begin < 2


def test_analogies_by_hand() -> None:
    scores = TABLE.analogies(
        questions(
            royal=["Man King Woman Queen", "man king WOMAN apple", "man king woman throne"],
            gram1=["king man queen woman"],
            gram2=["king kings man men"],
        )
    )
    assert [(g.name, g.syntactic, g.hits, g.asked, g.left_out) for g in scores.groups] == [
        ("royal", False, 1, 2, 1),
        ("gram1", True, 1, 1, 0),
        ("gram2", True, 0, 0, 1),
    ]
    assert (scores.semantic, scores.syntactic, scores.total) == (1 / 2, 1.0, 2 / 3)
    assert (scores.asked, scores.left_out) == (3, 2)
    assert isnan(scores.groups[2].accuracy)


def test_only_the_most_frequent_words_are_asked_and_answer() -> None:
    asked = questions(royal=["man king woman queen", "king man queen woman", "king man queen apple"])
    assert TABLE.analogies(asked, most=4).left_out == 1
    assert isnan(TABLE.analogies(asked, most=3).total)
    with pytest.raises(ValueError, match="most is 0, but answers are looked for among one word or more"):
        TABLE.analogies(asked, most=0)


def test_vectors_that_are_all_alike_answer_nothing() -> None:
    asked = questions(royal=["man king woman queen"])
    for value in (0.0, 1.0, float("nan")):
        assert WordVectors(WORDS, torch.full((5, 3), value)).analogies(asked).total == 0.0


def test_vectors_of_zeros_are_at_a_right_angle_to_all() -> None:
    vectors = WordVectors(("a", "b", "c"), torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.1, 0.2]]))
    torch.set_flush_denormal(True)  # as runs have it
    try:
        assert vectors.similarity("a", "b") == vectors.similarity("a", "c") == 0.0
        assert vectors.nearest("c", count=2) == [("a", 0.0), ("b", 0.0)]
    finally:
        torch.set_flush_denormal(False)


def test_case_is_folded_as_gensim_does() -> None:
    words = WordVectors(("STRASSE", "b", "c", "d"), torch.eye(4))
    assert words.analogies(questions(some=["straße b c d"])).groups[0].asked == 1, "by capitals"


@pytest.mark.parametrize("most", [60, 150, 1_000])
def test_analogies_are_answered_as_gensim_does(most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generative.word_vectors.QUESTIONS", 64)
    vectors = drawn(200, dimensions=4)
    assert len({word.lower() for word in vectors.words}) < len(vectors)  # so that case counts
    draw = torch.Generator().manual_seed(1)
    lines = []
    for i, (a, b, c, other) in enumerate(torch.randint(min(most + 5, len(vectors)), (600, 4), generator=draw).tolist()):
        best = vectors.nearest([vectors.words[b], vectors.words[c]], [vectors.words[a]], count=1)[0][0]
        words = [vectors.words[a], vectors.words[b], vectors.words[c], vectors.words[other] if i % 2 else best]
        lines.append(" ".join(words).upper())
    asked = questions(one=lines[:400], gram=lines[400:])
    path = tmp_path / "questions"
    path.write_text("\n".join([": one", *lines[:400], ": gram", *lines[400:]]))
    _, sections = gensims(vectors).evaluate_word_analogies(str(path), restrict_vocab=most)
    scores = vectors.analogies(asked, most=most)
    assert [(g.hits, g.asked) for g in scores.groups] == [
        (len(s["correct"]), len(s["correct"]) + len(s["incorrect"])) for s in sections[:2]
    ]
    assert scores.groups[0].hits > 20


def test_likeness_by_hand() -> None:
    pairs = WordPairs(
        (("King", "man"), ("king", "queen"), ("man", "woman"), ("king", "throne")), torch.tensor([9.0, 2.0, 5.0, 1.0])
    )
    found = TABLE.word_similarity(pairs)  # cosines 0.7, 0 and -1: ranks 2, 1, 0 beside 2, 0, 1
    assert (found.correlation, found.known, found.left_out) == (pytest.approx(0.5), 3, 1)
    none = TABLE.word_similarity(WordPairs((("a", "b"),), torch.tensor([1.0])))
    assert (isnan(none.correlation), none.known, none.left_out) == (True, 0, 1)


def test_likeness_is_gensims(tmp_path: Path) -> None:
    vectors = drawn(200)
    draw = torch.Generator().manual_seed(2)
    chosen = torch.randint(len(vectors), (300, 2), generator=draw).tolist()
    pairs = tuple((vectors.words[a].upper(), vectors.words[b]) for a, b in chosen)
    scores = torch.randint(10, (300,), generator=draw).double()  # with ties
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{a}\t{b}\t{score}\n" for (a, b), score in zip(pairs, scores.tolist())))
    _, (correlation, _), _ = gensims(vectors).evaluate_word_pairs(str(path))
    assert vectors.word_similarity(WordPairs(pairs, scores)).correlation == pytest.approx(correlation, abs=1e-9)


def test_words_and_vectors_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match=r"There are 2 words and vectors \[3, 4\], but each word has a row"):
        WordVectors(("a", "b"), torch.zeros(3, 4))
    with pytest.raises(ValueError, match="The word 'a' has two vectors"):
        WordVectors(("a", "b", "a"), torch.zeros(3, 4))["b"]
