"""Data sets by name. Those whose files are not in $LAB_DATA are skipped by name: nothing is fetched here."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
import torch

from lab.data import load, load_text
from lab.data.analogies import AnalogyQuestions
from lab.data.audio import Recordings
from lab.data.catalogue import SOURCES, load_as, source, text_file
from lab.data.corpus import Corpus
from lab.data.files import DataError, File
from lab.data.pairs import PairedText
from lab.data.tagged import TaggedParts
from lab.data.text import read_text
from lab.data.word_pairs import WordPairs

SIZES = {  # training, test, shape of an input
    "fashion_mnist": (60_000, 10_000, (1, 28, 28)),
    "mnist": (60_000, 10_000, (1, 28, 28)),
    "cifar10": (50_000, 10_000, (3, 32, 32)),
    "digits": (1_797, None, (1, 8, 8)),
    "diabetes": (442, None, (10,)),
    "breast_cancer": (569, None, (30,)),
}
TEXTS = {"sms_spam": {"ham": 4_827, "spam": 747}}  # texts of each class
PAIRS = {  # pairs, and the first of them
    "tatoeba_fra_eng": (142_787, "Go.", "Va !"),
    "shakespeare_speeches": (7_048, "Before we proceed any further, hear me speak.", "Speak, speak."),
}
SOUNDS = {"fsdd": (2_000, 8_000)}  # recordings, samples a second
CORPORA = {"tiny_shakespeare": (1_115_394, 65), "enwiki27": (60_000_000, 28)}  # characters, and different ones
ANALOGIES = {"questions_words": (19_544, 8_869, ("Athens", "Greece", "Baghdad", "Iraq"))}  # of all, of meanings
WORD_PAIRS = {"wordsim353": (353, ("love", "sex"), 6.77)}  # pairs, the first of them, its score
TAGGED = {"snips": (13_084, 700, 700)}  # requests for training, choosing and testing


def test_every_set_is_known_by_its_size() -> None:
    assert {*SIZES, *TEXTS, *PAIRS, *SOUNDS, *TAGGED, *CORPORA, *ANALOGIES, *WORD_PAIRS} == set(SOURCES)


@pytest.mark.parametrize("name", TEXTS)
def test_a_set_of_texts_is_as_its_publisher_says(name: str) -> None:
    data = load_text(name)
    assert dict(zip(data.classes, data.labels.bincount().tolist())) == TEXTS[name]
    with pytest.raises(ValueError, match=rf"{name} is a LabelledText, and no Published\. .*load_as\('{name}', Labe"):
        load(name)


@pytest.mark.parametrize("name", PAIRS)
def test_a_set_of_pairs_is_as_its_publisher_says(name: str) -> None:
    pairs = load_as(name, PairedText)
    assert (len(pairs), pairs.sources[0], pairs.targets[0]) == PAIRS[name]
    with pytest.raises(ValueError, match=rf"{name} is a PairedText, and no Published"):
        load(name)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_set_of_recordings_is_as_its_publisher_says(name: str) -> None:
    recordings = load_as(name, Recordings)
    assert (len(recordings), recordings.rate) == SOUNDS[name]
    with pytest.raises(ValueError, match=rf"{name} is a Recordings, and no Published"):
        load(name)


@pytest.mark.parametrize("name", TAGGED)
def test_a_set_of_tagged_requests_is_as_its_publisher_says(name: str) -> None:
    parts = load_as(name, TaggedParts)
    assert (len(parts.train), len(parts.valid), len(parts.test)) == TAGGED[name]
    with pytest.raises(ValueError, match=rf"{name} is a TaggedParts, and no Published"):
        load(name)


@pytest.mark.parametrize("name", CORPORA)
def test_a_corpus_is_as_its_publisher_says(name: str) -> None:
    vocabulary, symbols = load_as(name, Corpus).numbered()
    assert (len(symbols), len(vocabulary)) == CORPORA[name]
    with pytest.raises(ValueError, match=rf"{name} is a Corpus, and no Published"):
        load(name)


@pytest.mark.parametrize("name", CORPORA)
def test_the_file_of_a_corpus_has_its_text(name: str) -> None:
    assert read_text(text_file(name)) == load_as(name, Corpus).text


def test_what_is_no_corpus_has_no_text_to_read_piece_by_piece() -> None:
    assert {name for name, known in SOURCES.items() if known.text is not None} == set(CORPORA)
    with pytest.raises(
        ValueError, match=r"snips is not one text that can be read piece by piece\. There are: enwiki27"
    ):
        text_file("snips")


@pytest.mark.parametrize("name", ANALOGIES)
def test_a_set_of_analogies_is_as_its_publisher_says(name: str) -> None:
    questions = load_as(name, AnalogyQuestions)
    semantic = sum(len(group.questions) for group in questions.groups if not group.syntactic)
    assert (len(questions), semantic, questions.groups[0].questions[0]) == ANALOGIES[name]
    assert len(questions.groups) == 14
    with pytest.raises(ValueError, match=rf"{name} is a AnalogyQuestions, and no Published"):
        load(name)


@pytest.mark.parametrize("name", WORD_PAIRS)
def test_a_set_of_word_pairs_is_as_its_publisher_says(name: str) -> None:
    pairs = load_as(name, WordPairs)
    assert (len(pairs), pairs.pairs[0], float(pairs.scores[0])) == WORD_PAIRS[name]
    with pytest.raises(ValueError, match=rf"{name} is a WordPairs, and no Published"):
        load(name)


def test_tensors_are_no_texts() -> None:
    with pytest.raises(ValueError, match=r"digits is a Published, and no LabelledText\. .*load_as\('digits', Pub"):
        load_text("digits")


@pytest.mark.parametrize("name", SIZES)
def test_a_set_is_as_its_publisher_says(name: str) -> None:
    training, test, shape = SIZES[name]
    published = load(name)
    assert published.train.inputs.shape == (training, *shape)
    assert published.train.inputs.dtype == torch.float32
    assert (None if published.test is None else len(published.test)) == test
    if published.classes:
        assert published.train.labels.dtype == torch.int64
        assert published.train.labels.unique().tolist() == list(range(len(published.classes)))
    if len(shape) == 3:
        assert (float(published.train.inputs.min()), float(published.train.inputs.max())) == (0.0, 1.0)


def test_a_mistyped_name_is_told_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no data set 'fashion-mnst'\. Did you mean 'fashion_mnist'"):
        load("fashion-mnst")


def written(path: Path, shape: tuple[int, ...], values: bytes) -> Path:
    head = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    path.write_bytes(gzip.compress(head + values))
    return path


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (bytes([1, 2, 3]), r"the labels \[3\] up to 3"),
        (bytes([1, 10]), r"labels \[2\] up to 10, but there should be a label from 0 to 9 for each image"),
    ],
)
def test_labels_that_do_not_belong_to_the_images_are_refused(
    labels: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = written(tmp_path / "images.gz", (2, 2, 2), bytes(8))
    bad = written(tmp_path / "labels.gz", (len(labels),), labels)
    monkeypatch.setattr(File, "find", lambda self: images if "images" in self.path else bad)
    with pytest.raises(DataError, match=f"mnist: the images are .*{message}"):
        source("mnist").read()


def test_a_set_is_read_once_while_its_files_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load("digits") is load("digits")
    file = written(tmp_path / "images.gz", (2, 2, 2), bytes(8))
    labels = written(tmp_path / "labels.gz", (2,), bytes([1, 2]))
    for name in ("find", "there"):
        monkeypatch.setattr(File, name, lambda self: file if "images" in self.path else labels)
    first = load("mnist")
    assert load("mnist") is first
    written(tmp_path / "images.gz", (2, 2, 2), bytes(range(8)))
    os.utime(file, ns=(0, 0))
    assert float(load("mnist").train.inputs.max()) == pytest.approx(7 / 255)
