"""Files of the user's own shape a run by what is in them, not by where they lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest

from experiments.supervised import char_lstm
from lab.config import address, from_json, to_json
from lab.data.own_files import digest_of_own, own_file, pin, pinned
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    text: str = own_file()
    text_sha256: str = ""

    def __post_init__(self) -> None:
        pin(self, "text")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "own.txt"
    path.write_text("the cat sat on the mat\n")
    return path


def test_the_digest_is_that_of_the_bytes_also_where_they_are_packed(tmp_path: Path) -> None:
    for name in ("own.txt", "own.txt.gz"):
        (tmp_path / name).write_bytes(b"abc")
        # FIPS 180-2, appendix B.1.
        assert digest_of_own(tmp_path / name) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_digest_of_a_folder_is_of_names_and_contents_without_the_hidden(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a").write_bytes(b"abc")
    whole = digest_of_own(tmp_path)
    assert whole == sha256(f"train/a {sha256(b'abc').hexdigest()}\n".encode()).hexdigest()
    (tmp_path / ".seen").touch()
    assert digest_of_own(tmp_path) == whole
    (tmp_path / "train" / "a").rename(tmp_path / "train" / "b")
    assert digest_of_own(tmp_path) != whole


def test_the_content_shapes_the_address_and_the_place_does_not(text: Path, tmp_path: Path) -> None:
    here = Config(text=str(text))
    there = tmp_path / "elsewhere.txt"
    there.write_bytes(text.read_bytes())
    assert address("e", Config(text=str(there))) == address("e", here) != address("e", Config())
    text.write_text("another text\n")
    assert address("e", Config(text=str(text))) != address("e", here)


def test_a_config_that_is_read_back_keeps_its_digest(text: Path) -> None:
    config = Config(text=str(text))
    text.write_text("another text\n")
    again = from_json(Config, to_json(config))
    assert again == config
    with pytest.raises(ValueError, match=r"own\.txt was changed: its SHA-256 is .*Put the old content back"):
        pinned(again, "text")
    text.write_text("the cat sat on the mat\n")
    assert pinned(again, "text") == text.resolve()
    assert pinned(Config(), "text") is None


def test_a_relative_place_is_kept_whole(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(text.parent)
    assert Config(text="own.txt").text == str(text.resolve())


def test_a_file_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no file .*nowhere\.txt"):
        Config(text=str(tmp_path / "nowhere.txt"))


def test_what_was_learnt_from_a_text_is_not_taken_for_another(text: Path) -> None:
    text.write_text("the cat sat on the mat. " * 20)
    config = replace(char_lstm.SMOKE, text=str(text))
    char_lstm.build(config, Seeds(0))
    text.write_text("uif dbu tbu po uif nbu. " * 20)  # as many symbols, so that the weights would fit
    with pytest.raises(ValueError, match="was changed"):
        char_lstm.build(config, Seeds(0))
