"""Requests with slots and intents: the files' format, what is refused, and labels that training does not have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.data import load_as
from lab.data.tagged import Names, TaggedParts, bracketed, number_tagged, read_tagged
from lab.data.word_numbers import WordConfig

REQUESTS = {
    "train/seq.in": "play Nina Simone \nfly to oslo\n",
    "train/seq.out": "O B-artist I-artist \nO O B-city\n",
    "train/label": "Play\nFly\n",
    "valid/seq.in": "play abba\n",
    "valid/seq.out": "O B-artist\n",
    "valid/label": "Play\n",
    "test/seq.in": "fly to rome  today\n",
    "test/seq.out": "O O B-city B-date\n",
    "test/label": "Leave\n",
}


def written(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    for name, text in (REQUESTS | dict(changes or {})).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_requests_are_read(tmp_path: Path) -> None:
    parts = read_tagged(written(tmp_path))
    assert parts.train.words == (("play", "Nina", "Simone"), ("fly", "to", "oslo"))
    assert parts.train.tags == (("O", "B-artist", "I-artist"), ("O", "O", "B-city"))
    assert parts.train.intents == ("Play", "Fly")
    assert parts.test.words == (("fly", "to", "rome", "today"),), "two spaces are no word"
    assert (len(parts.train), len(parts.valid), len(parts.test)) == (2, 1, 1)
    assert "2 requests for training" in parts.excerpt()
    assert "Fly, 1 requests:\n  fly to [city: oslo]\n" in parts.excerpt()


def test_slots_in_brackets() -> None:
    words = ["from", "new", "york", "to", "oslo", "oslo"]
    tags = ["O", "B-city", "I-city", "O", "B-city", "B-city"]
    assert bracketed(words, tags) == "from [city: new york] to [city: oslo] [city: oslo]"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train/seq.out": "O B-artist I-artist\nO O\n"},
         r"train/seq\.out, line 2: there are 2 tags for the 3 words of 'fly to oslo' in .*train/seq\.in\. Give one"),
        ({"train/label": "Play\n"},
         r"train/seq\.in has 2, .*train/seq\.out has 2, .*train/label has 1\. The first .* lacks one is at line 2"),
        ({"train/seq.in": "play nina simone\n\nfly to oslo\n"}, r"train/seq\.in, line 2 is empty.*remove it"),
        ({"train/label": "Play\n  \n"}, r"train/label, line 2 is empty"),
        ({"valid/seq.in": ""}, r"valid/seq\.in is empty"),
        ({"train/seq.out": "O B-artist I-artist\nO 0 B-city\n"},
         r"train/seq\.out, line 2: '0' is no tag\. Write O for a word in no slot, B-<slot>"),
        ({"test/seq.out": "O O B- B-date\n"}, r"test/seq\.out, line 1: 'B-' is no tag"),
        ({"test/seq.out": "O O b-city B-date\n"}, r"test/seq\.out, line 1: 'b-city' is no tag"),
        ({"train/seq.out": "I-artist I-artist I-artist\nO O B-city\n"},
         r"train/seq\.out, line 1: 'I-artist' of word 1 comes after 'O', .* not begun\. Write 'B-artist'"),
        ({"test/seq.out": "O B-date I-city O\n"},
         r"test/seq\.out, line 1: 'I-city' of word 3 comes after 'B-date', .* Write 'B-city': the first word"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_file_and_line(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_tagged(written(tmp_path, changes))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (written(tmp_path) / "valid" / "label").unlink()
    with pytest.raises(ValueError, match=re.escape(f"There is no file {tmp_path}/valid/label")):
        read_tagged(tmp_path)


def test_labels_that_training_lacks_come_after_those_it_has(tmp_path: Path) -> None:
    data = number_tagged(WordConfig(), read_tagged(written(tmp_path)))
    assert data.tags == Names(("B-artist", "B-city", "I-artist", "O", "B-date"), known=4)
    assert data.intents == Names(("Fly", "Play", "Leave"), known=2)
    words, tags, intents = data.test.fields
    assert tags[0].tolist() == [3, 3, 1, 4]
    assert intents.tolist() == [2]
    vocabulary = data.words.vocabularies[0]
    assert words[0][:, 0].tolist() == [*vocabulary.encode(["fly", "to"]), vocabulary.unknown, vocabulary.unknown]


def test_snips_is_as_its_publisher_says() -> None:
    parts = load_as("snips", TaggedParts)
    assert (len(parts.train), len(parts.valid), len(parts.test)) == (13_084, 700, 700)
    assert parts.train.words[3] == ("play", "the", "song", "little", "robin", "redbreast")
    assert parts.train.tags[3] == ("O", "O", "B-music_item", "B-track", "I-track", "I-track")
    data = number_tagged(WordConfig(), parts)
    assert (len(data.tags.all), data.tags.known) == (72, 72)
    assert data.intents.known == len(data.intents.all) == 7
    assert len(data.words.vocabularies[0]) == 11_418 + 4
