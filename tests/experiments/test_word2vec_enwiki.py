"""word2vec_enwiki: texts are streamed to the numbers that reading them whole gives, and the next word is held out."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.generative import word2vec_enwiki
from experiments.generative.word2vec_enwiki import HELD_OUT, SMOKE, variants
from lab.data.analogies import AnalogyGroup, AnalogyQuestions
from lab.data.word_pairs import WordPairs
from lab.data.word_stream import Lexicon, NumberedText
from lab.fit import Fit
from lab.seeding import Seeds
from lab.trial import Manner, Passage

FOLLOWING = {"next-word", "next-word-tree"}


@pytest.fixture(autouse=True)
def few_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of vectors that need no data folder."""
    group = AnalogyGroup("few", (("w0", "w1", "w2", "w3"),))
    tests = {AnalogyQuestions: AnalogyQuestions((group,)), WordPairs: WordPairs((("w0", "w1"),), torch.ones(1))}
    monkeypatch.setattr(word2vec_enwiki, "load_as", lambda name, kind: tests[kind])


def text_of(words: int) -> str:
    """Lines of twelve words, each word the successor of the one before but for one in ten."""
    generator = np.random.default_rng(0)
    numbers, lines = [0], []
    for jump in generator.integers(0, 80, words - 1):
        numbers.append(int(jump) if jump < 8 else (numbers[-1] + 1) % 8)
    for begin in range(0, words, 12):
        lines.append(" ".join(f"w{number}" for number in numbers[begin : begin + 12]) + "\n")
    return "".join(lines)


def built(path: Path, arm: str, **settings: Any) -> Fit:
    return word2vec_enwiki.build(replace(variants(replace(SMOKE, text=str(path)))[arm], **settings), Seeds(0))


@pytest.mark.parametrize("name", ["own.txt", "own.txt.gz"])
def test_a_text_is_learnt_from_as_if_it_were_read_whole(name: str, tmp_path: Path) -> None:
    content = text_of(4_000) + "\n w9 w9\tw9\u2003w0"
    (tmp_path / name).write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    sentences = [line.split() for line in content.split("\n")]
    lexicon = Lexicon.of(sentences, least=SMOKE.least)
    trial = built(tmp_path / name, "cbow")
    assert trial.learner.lexicon.words == lexicon.words
    assert torch.equal(trial.learner.lexicon.counts, lexicon.counts)
    assert trial.batches.dataset.numbers.tolist() == NumberedText.of(sentences, lexicon).numbers.tolist()


def test_the_numbers_lie_on_the_disk_and_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "own.txt").write_text(text_of(2_000))
    trial = built(tmp_path / "own.txt", "cbow")
    assert isinstance(trial.batches.dataset.numbers, np.memmap)
    assert list((tmp_path / "temporary").iterdir()) == []
    trial.step()


@pytest.mark.parametrize(("words", "held_out"), [(4_000, 434), (130_000, HELD_OUT)])
def test_only_what_tells_the_next_word_leaves_the_end_of_the_text_aside(
    words: int, held_out: int, tmp_path: Path
) -> None:
    (tmp_path / "own.txt").write_text(text_of(words))
    for arm in variants(SMOKE):
        trial = built(tmp_path / "own.txt", arm)
        numbers = trial.batches.dataset.numbers
        if arm not in FOLLOWING:
            assert {*trial.evaluation} == {"words"}
            whole = numbers
            continue
        rest = trial.evaluation["held_out"].numbers
        assert abs(len(rest) - held_out) <= 1
        assert np.concatenate([numbers, rest]).tolist() == whole.tolist()
        assert trial.batches.config.sample == 0


@pytest.mark.parametrize("arm", sorted(FOLLOWING))
def test_the_next_word_is_told_better_than_by_frequency_shown_and_said(
    arm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word2vec_enwiki, "BEGUN", ("w1 w2", "w3", "the king of"))
    (tmp_path / "own.txt").write_text(text_of(4_000))
    trial = built(tmp_path / "own.txt", arm)
    untaught = trial.evaluate()
    for _ in range(60):
        trial.step()
    metrics = {name: float(value) for name, value in trial.evaluate().items()}
    assert metrics["held_out_loss"] < metrics["held_out_unigram_loss"] - 0.3
    assert metrics["held_out_loss"] < float(untaught["held_out_loss"])
    assert metrics["held_out_accuracy"] > 0.5
    passage = trial.illustrate()["next-words"]
    assert isinstance(passage, Passage)
    assert [line.partition(":")[0] for line in passage.text.splitlines()] == ["w1 w2", "w3"]
    assert trial.reply("w1 w2", Manner(length=1, temperature=0.0)) == "w1 w2 w3"


def test_what_learns_vectors_alone_says_which_arm_tells_the_next_word(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text(text_of(1_000))
    with pytest.raises(ValueError, match=r"tells no next word\. Take 'cbow' with 'before'; .* the arm next-word"):
        built(tmp_path / "own.txt", "skip-gram").reply("w1", Manner())


def test_another_text_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text(text_of(1_000))
    config = replace(SMOKE, text=str(tmp_path / "own.txt"))
    assert config.text_sha256 == hashlib.sha256(text_of(1_000).encode()).hexdigest()
    (tmp_path / "own.txt").write_text(text_of(1_001))
    with pytest.raises(ValueError, match=r"own\.txt was changed: its SHA-256 is"):
        word2vec_enwiki.build(config, Seeds(0))


def test_a_text_that_the_budget_does_not_fit_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "own.txt").write_text(text_of(4_000))
    every_word = replace(SMOKE.blocks, sample=0.0)  # so that an epoch is 4,000 words, 62.5 blocks of 64
    built(tmp_path / "own.txt", "skip-gram", blocks=every_word)
    assert "60 updates go through this text 0.96 times. 5 epochs of it are --run.steps 312 --model.decay" in caplog.text
    caplog.clear()
    built(tmp_path / "own.txt", "skip-gram", blocks=every_word, run=replace(SMOKE.run, steps=312))
    assert caplog.text == ""
