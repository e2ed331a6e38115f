"""Labelled lines of text: right labels, and errors that say where."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
import torch

from lab.data import read_labelled_lines

MAIL = "spam\tWin a\tprize!\nham\t  See you at six\nspam\tcafé\u2028\x0cfree\n"


def fails(path: Path, *parts: str, **settings: object) -> None:
    """Reading fails with the file's name and each part, in that order."""
    with pytest.raises(ValueError, match=".*".join(re.escape(part) for part in (path.name, *parts))):
        read_labelled_lines(path, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["mail.txt", "mail.txt.gz", "mail.gz", "mail.tsv.GZ", "mail"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_texts_and_labels(tmp_path: Path, name: str, end: str, mark: str) -> None:
    raw = (mark + MAIL.replace("\n", end)).encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.lower().endswith(".gz") else raw)
    mail = read_labelled_lines(str(tmp_path / name))
    assert mail.texts == ("Win a\tprize!", "  See you at six", "café\u2028\x0cfree")
    assert (mail.labels.tolist(), mail.labels.dtype) == ([1, 0, 1], torch.int64)
    assert mail.classes == ("ham", "spam")


def test_a_subset_keeps_texts_and_labels_together(tmp_path: Path) -> None:
    path = tmp_path / "mail.txt"
    path.write_text(MAIL)
    mail = read_labelled_lines(path)
    chosen = mail.subset(torch.tensor([2, 0]))
    assert (len(mail), len(chosen)) == (3, 2)
    assert chosen.texts == (mail.texts[2], mail.texts[0])
    assert (chosen.labels.tolist(), chosen.classes) == ([1, 1], mail.classes)


def test_given_classes_fix_the_labels(tmp_path: Path) -> None:
    path = tmp_path / "mail.txt"
    path.write_text(MAIL)
    mail = read_labelled_lines(path, classes=("spam", "news", "ham"))
    assert (mail.labels.tolist(), mail.classes) == ([0, 2, 0], ("spam", "news", "ham"))


def test_another_separator_and_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "mail.txt"
    path.write_text("\n b :: one :: two\n\na::three")
    mail = read_labelled_lines(path, separator="::")
    assert mail.texts == (" one :: two", "three")
    assert (mail.labels.tolist(), mail.classes) == ([1, 0], ("a", "b"))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("a\tone\n\ntwo words\n", ("line 3", "'two words' has no separator '\\t'", "Write the label")),
        ("a\tone\n   \n", ("line 2", "has no separator")),
        ("a\tone\nb\t\n", ("line 2", "the text after '\\t' is empty", "remove the line")),
        ("a\tone\r\nb\t \t\r\n", ("line 2", "the text after '\\t' is empty")),
        ("a\tone\n \ttwo\n", ("line 2", "the label before '\\t' is empty")),
        ("", ("is empty",)),
        ("\n\t\n", ("is empty",)),
    ],
)
def test_lines_that_are_none(tmp_path: Path, content: str, parts: tuple[str, ...]) -> None:
    for name in ("mail.txt", "mail.txt.gz"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
        fails(path, *parts)


def test_a_class_outside_those_given(tmp_path: Path) -> None:
    path = tmp_path / "mail.txt"
    path.write_text(MAIL)
    fails(path, "line 2", "'ham' is not among the 2 given", "Did you mean 'hams'", classes=["spam", "hams"])
    with pytest.raises(ValueError, match="names a class twice"):
        read_labelled_lines(path, classes=["spam", "ham", "ham"])


def test_undecodable_bytes(tmp_path: Path) -> None:
    path = tmp_path / "mail.txt"
    path.write_bytes(b"a\tone\nb\tcaf\xe9\n")
    fails(path, "line 2", "0xe9 is not UTF-8", "Save")


def test_corrupt_gzip(tmp_path: Path) -> None:
    path = tmp_path / "mail.txt.gz"
    whole = gzip.compress(MAIL.encode())
    for content in (whole[:-1], whole[:12], MAIL.encode(), whole[:20] + b"\xff\xff\xff" + whole[23:]):
        path.write_bytes(content)
        fails(path, "is no whole gzip file", "copy it again")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    fails(tmp_path / "absent.txt", "Check the path")
    fails(tmp_path, "is a folder")


def test_an_empty_separator(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="separator is empty"):
        read_labelled_lines(tmp_path / "mail.txt", separator="")


def test_a_long_line_is_cut_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "mail.txt"
    path.write_text("x" * 10_000)
    with pytest.raises(ValueError, match=re.escape(f"'{'x' * 37}...' has no separator")) as caught:
        read_labelled_lines(path)
    assert len(str(caught.value)) < 500
