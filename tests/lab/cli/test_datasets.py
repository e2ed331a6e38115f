"""`lab data`."""

from __future__ import annotations

import gzip
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lab.cli import main
from lab.data import catalogue
from lab.data.files import File
from lab.data.lines import read_labelled_lines
from lab.pictures import GAP, TILE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("LAB_OFFLINE")
    return tmp_path / "data"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set "small" of one file, at an address of its own."""
    path = tmp_path / "published"
    path.write_bytes(b"abc")
    file = File("small/abc", 3, sha256(b"abc").hexdigest(), path.as_uri())
    small = catalogue.Source("three bytes", "nobody", "MIT", "none", (file,), lambda: None)  # type: ignore[arg-type, return-value]
    monkeypatch.setitem(catalogue.SOURCES, "small", small)
    return path


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["data", *words]) == 0
    return capsys.readouterr().out


def test_lists_what_there_is(published: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys)
    assert all(name in told for name in catalogue.SOURCES)
    assert str(folder) in told
    assert "not there" in printed(capsys, "list", "small")
    printed(capsys, "fetch", "small")
    assert "not there" not in printed(capsys, "list", "small")
    assert "scikit-learn's" in printed(capsys, "list", "digits")


def test_what_no_publisher_has_is_said_to_be_the_users_to_bring(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = File("own/abc", 3, sha256(b"abc").hexdigest(), "")
    monkeypatch.setitem(catalogue.SOURCES, "own", catalogue.Source("", "", "MIT", "", (own,), lambda: None))  # type: ignore[arg-type, return-value]
    assert "not there, yours to bring" in printed(capsys, "list", "own")
    (folder / "own").mkdir(parents=True)
    (folder / "own" / "abc").write_bytes(b"abc")
    assert "yours to bring" not in printed(capsys, "list", "own")


def test_fetches_and_checks(published: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "small" / "abc"
    assert printed(capsys, "check", "small") == f"not there  {path}\n"
    assert printed(capsys, "fetch", "small") == f"{path}\n"
    assert printed(capsys, "check", "small") == f"whole      {path}\n"
    path.write_bytes(b"abd")
    assert main(["data", "check", "small"]) == 1
    assert "DAMAGED" in capsys.readouterr().out
    path.unlink()
    published.unlink()
    assert main(["data", "fetch", "small"]) == 1
    assert "could not be fetched" in capsys.readouterr().err


def test_shows_a_row_a_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "show", "digits", "--out", str(tmp_path / "shown"))
    assert "1,797 training examples of shape [1, 8, 8]; from top to bottom: 0, 1, 2" in told
    pixels = np.asarray(Image.open(tmp_path / "shown" / "digits.png"))
    assert pixels.shape == (10 * (TILE + GAP) + GAP, 16 * (TILE + GAP) + GAP, 3)
    assert "has no pictures: 442 training examples" in printed(capsys, "show", "diabetes")


@pytest.fixture
def letters(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set "letters" of five texts, which lies there packed."""
    content = "".join(f"{label}\ttext {i}\n" for i, label in enumerate(("no", "yes", "no", "no", "no"))).encode()
    file = File("letters/all", len(content), sha256(content).hexdigest(), "file:///nowhere", member="all")
    read = lambda: read_labelled_lines(file.find())  # noqa: E731
    monkeypatch.setitem(catalogue.SOURCES, "letters", catalogue.Source("", "", "MIT", "", (file,), read))
    path = folder / "letters" / "all.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(content))
    return path


def test_texts_are_printed(letters: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "show", "letters", "--out", str(tmp_path / "shown"))
    assert told == "5 texts\n\nno, 4 texts:\n  text 0\n  text 2\n  text 3\n\nyes, 1 texts:\n  text 1\n"
    assert not (tmp_path / "shown").exists()


def test_what_lies_there_packed_is_listed_and_checked(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not there" not in printed(capsys, "list", "letters")
    assert printed(capsys, "fetch", "letters") == f"{letters}\n"
    assert printed(capsys, "check", "letters") == f"whole      {letters}\n"
    letters.write_bytes(letters.read_bytes()[:-9])
    assert main(["data", "check", "letters"]) == 1
    assert f"DAMAGED    {letters} is damaged: it does not unpack" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fetsh"], "cannot 'fetsh'. Did you mean 'fetch'"),
        (["fetch"], "needs the name of a data set. There are: fashion_mnist"),
        (["show", "digit"], "There is no data set 'digit'. Did you mean 'digits'"),
        (["--ou", "x"], "'--ou' is no option of `lab data`"),
    ],
)
def test_wrong_usage_is_told(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", *words]) == 2
    assert message in capsys.readouterr().err
