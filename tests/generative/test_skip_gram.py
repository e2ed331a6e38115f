"""The door for research code: sentences or a file in, vectors out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from generative import CBOW, NextWord, SkipGram
from lab.trial import Manner
from tests.generative.test_word2vec import two_topics

SETTINGS = {"size": 12, "window": 3, "sample": 0.0, "least": 1, "epochs": 20, "learning_rate": 0.05}


@pytest.mark.parametrize("kind", [SkipGram, CBOW])
def test_neighbours_are_of_the_same_topic(kind: type[SkipGram]) -> None:
    model = kind(**SETTINGS)  # type: ignore[arg-type]
    vectors = model.fit(two_topics())
    assert [word[:3] for word, _ in vectors.nearest(["sea0"], count=7)] == ["sea"] * 7
    assert len(model.losses) == 20
    assert model.losses[-1] < model.losses[0]


def test_a_file_is_learnt_as_its_sentences_are(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(" ".join(sentence) for sentence in two_topics()))
    ours, theirs = SkipGram(**SETTINGS).fit(path), SkipGram(**SETTINGS).fit(two_topics())  # type: ignore[arg-type]
    assert ours.words == theirs.words
    assert torch.equal(ours.vectors, theirs.vectors)


@pytest.mark.parametrize("kind", [SkipGram, CBOW])
@pytest.mark.parametrize("negatives", [5, 0])
def test_the_vectors_do_not_depend_on_the_number_of_threads(kind: type[SkipGram], negatives: int) -> None:
    drawn = torch.randint(3_000, (800, 50), generator=torch.Generator().manual_seed(0)).tolist()
    sentences = [[f"w{i}" for i in row] for row in drawn]
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            found.append(kind(negatives=negatives, least=1, epochs=1, sample=0.0).fit(sentences).vectors)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_a_small_text_is_gone_through_as_often_as_was_asked_and_every_epoch_has_a_loss() -> None:
    seen: list[int] = []

    def noted(updates: Iterable[int]) -> Iterable[int]:
        seen.extend(updates)
        return seen

    model = SkipGram(least=1, sample=0.0)
    model.fit([["a", "b"]] * 20, progress=noted)
    assert len(seen) == 6, "5 epochs of 40 words, in blocks of 32: 6.25"
    assert len(model.losses) == 5
    assert all(math.isfinite(loss) for loss in model.losses)


def test_a_text_of_which_no_block_stays_is_refused() -> None:
    # Of words that are each half of the text (sqrt(0.5 / 1e-4) + 1) * 1e-4 / 0.5 = 0.01434 stay.
    with pytest.raises(ValueError, match=r"Of 20 words 0\.287 are expected to stay in an epoch, but an update"):
        SkipGram(least=1).fit([["a", "b"]] * 10)
    with pytest.raises(ValueError, match=r"Give a longer text, count rarer words \(`least`\), or thin out fewer"):
        SkipGram(least=1, sample=0.0).fit([["a", "b"]] * 15)


def test_progress_is_handed_every_update() -> None:
    seen: list[int] = []

    def noted(updates: Iterable[int]) -> Iterable[int]:
        for update in updates:
            seen.append(update)
            yield update

    SkipGram(**SETTINGS | {"epochs": 2}).fit(two_topics(), progress=noted)  # type: ignore[arg-type]
    assert seen == list(range(len(seen)))
    assert len(seen) > 10


def test_bad_texts_and_settings(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="epochs is 0, but the text is read once or more"):
        SkipGram(epochs=0)
    for settings in ({"window": 20}, {"size": 0}, {"sample": 3.0}, {"negatives": -1}, {"least": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(settings))} is "):
            SkipGram(**settings)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="If it is the text itself, give it as sentences"):
        SkipGram().fit("the cat sat " * 60)
    with pytest.raises(ValueError, match="a word cannot be told from others"):
        SkipGram(least=1).fit([["alone", "alone", "alone"]])
    with pytest.raises(ValueError, match=r"There is no file .*nowhere\.txt"):
        SkipGram().fit(tmp_path / "nowhere.txt")
    with pytest.raises(ValueError, match="a word cannot be told from others"):
        SkipGram().fit([])


@pytest.mark.parametrize("negatives", [5, 0])
def test_the_next_word_is_told(negatives: int, tmp_path: Path) -> None:
    around = " ".join(f"w{i}" for i in range(8))
    (tmp_path / "text.txt").write_text(f"{around} " * 400)
    model = NextWord(size=12, window=2, negatives=negatives, least=1, epochs=20, learning_rate=0.1)
    told = model.fit(tmp_path / "text.txt")
    for i in range(8):
        (word, share), *_ = told.likeliest([f"w{(i - 1) % 8}", f"w{i}"])
        assert word == f"w{(i + 1) % 8}"
        assert share > 0.8
    assert told.continued("w0 w1", Manner(length=6, temperature=0.0)) == [f"w{i}" for i in range(2, 8)]
    assert model.losses[-1] < model.losses[0]


def test_only_what_tells_the_next_word_thins_no_text_unless_it_is_told_to() -> None:
    assert [kind().blocks.sample for kind in (SkipGram, CBOW, NextWord)] == [1e-4, 1e-4, 0.0]
    assert NextWord(sample=1e-3).blocks.sample == 1e-3
