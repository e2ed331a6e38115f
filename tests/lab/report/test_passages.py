"""Passages: text that a run leaves, from the file to the page and the mirror, apart from captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lab.launching import launch
from lab.media import write_media
from lab.report.arms import sort_into_experiments
from lab.report.gather import gather
from lab.report.media import Exhibit, exhibits
from lab.report.page import write_report
from lab.tracking.mirror import _is_caption
from lab.trial import Passage, Picture

TEXT = "<b>3</b> lessons & counting\n  indented"


def shown(runs: Path) -> list[Exhibit]:
    (items,) = exhibits(sort_into_experiments(gather(runs))).values()
    return items


def test_a_passage_is_a_file_of_text(tmp_path: Path) -> None:
    path = write_media(tmp_path, 7, "sample", Passage("äöü\n\n  x\n"))
    assert path == tmp_path / "000000000007-sample.txt"
    assert path.read_bytes() == "äöü\n\n  x\n".encode()
    assert [file.name for file in tmp_path.iterdir()] == [path.name], "nothing is left aside"
    assert write_media(tmp_path, 8, "sample", Passage("")).read_bytes() == b"\n"


def test_a_passage_stands_on_the_page_as_it_is(toys: Path, runs: Path, tmp_path: Path, parse) -> None:
    launch("parrot")
    [exhibit] = shown(runs)
    assert (exhibit.name, exhibit.kind, exhibit.step, exhibit.text) == ("greeting", "passage", 3, TEXT)
    assert exhibit.is_wide
    page = parse(write_report(runs, tmp_path / "report.html").read_text(encoding="utf-8"))
    [figure] = page.all("figure", class_="exhibit wide")
    [passage] = figure.all("pre")
    assert passage.children == [TEXT], "its lines and marks as they are"


def test_a_text_beside_a_picture_is_its_caption(write_run, tmp_path: Path) -> None:
    media = write_run() / "media"
    write_media(media, 20, "answers", Picture(np.zeros((2, 2, 3), np.uint8), "what is seen"))
    write_media(media, 10, "answers", Passage("of the same name, but of another step"))
    write_media(media, 20, "sample", Passage("said"))
    found = {(item.name, item.kind): item for item in shown(tmp_path / "runs")}
    assert set(found) == {("answers", "picture"), ("answers", "passage"), ("sample", "passage")}
    assert found["answers", "picture"].caption == "what is seen"
    captions = {path.name for path in media.glob("*.txt") if _is_caption(path)}
    assert captions == {"000000000020-answers.txt"}


def test_half_a_passage_is_not_shown_but_told(write_run, tmp_path: Path) -> None:
    (write_run() / "media" / "20-sample.txt").write_text("no end of a li")
    [exhibit] = shown(tmp_path / "runs")
    assert exhibit.uri is None
    assert "is no whole TXT file" in exhibit.note
