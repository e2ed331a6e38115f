"""Multi30k: read where its files are, and told where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.data.files import MissingData
from lab.data.multi30k import read_multi30k


def put(folder: Path, *, without: str = "") -> Path:
    folder.mkdir()
    for part in ("train", "val", "test"):
        for language in ("de", "en"):
            if f"{part}.{language}" != without:
                (folder / f"{part}.{language}").write_text(f"{part} {language}\n")
    return folder


def test_its_parts_go_from_german_to_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_DATA", str(tmp_path))
    put(tmp_path / "multi30k")
    parts = read_multi30k()
    assert (parts.train.sources, parts.train.targets) == (("train de",), ("train en",))
    assert (parts.val.targets, parts.test.sources) == (("val en",), ("test de",))


def test_files_that_are_not_there_are_named_with_where_to_get_them(tmp_path: Path) -> None:
    folder = put(tmp_path / "mine", without="val.en")
    with pytest.raises(MissingData, match=r"Of Multi30k val\.en are not in .*mine\. Get them from https://github"):
        read_multi30k(folder)
