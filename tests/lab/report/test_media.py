from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from lab.report.arms import sort_into_experiments
from lab.report.gather import gather
from lab.report.media import exhibits


def picture(kind="png", size=(40, 20), noise=False):
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    if noise:
        pixels = np.random.default_rng(0).integers(0, 256, size=pixels.shape, dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind)
    return buffer.getvalue()


@pytest.fixture
def shown(tmp_path):
    def of_all(budget=2**20):
        return exhibits(sort_into_experiments(gather(tmp_path / "runs")), budget)

    return of_all


def test_pictures_animations_and_videos_become_data(write_run, shown):
    media = write_run() / "media"
    files = {
        "20-sample.png": picture(),
        "20-episode.gif": picture("gif"),
        "20-film.mp4": b"\0\0\0\x18ftypisom" + b"x" * 9,
    }
    for name, data in files.items():
        (media / name).write_bytes(data)
    found = {exhibit.name: exhibit for exhibit in shown()["catch"]}
    assert {name: exhibit.kind for name, exhibit in found.items()} == {
        "sample": "picture",
        "episode": "animation",
        "film": "video",
    }
    kind, _, data = found["sample"].uri.partition(";base64,")
    assert kind == "data:image/png"
    assert base64.b64decode(data) == files["20-sample.png"]
    assert found["sample"].size == found["episode"].size == (40, 20)
    assert found["film"].uri.startswith("data:video/mp4;base64,")


@pytest.mark.parametrize("name", ["20-sample.png", "20-episode.gif", "20-film.mp4"])
def test_half_a_file_is_not_shown_but_told(write_run, shown, name):
    whole = {"png": picture(), "gif": picture("gif"), "mp4": b"\0\0\0\x18"}[name[-3:]]
    (write_run() / "media" / name).write_bytes(whole[: len(whole) // 2])
    [exhibit] = shown()["catch"]
    assert exhibit.uri is None
    assert "no whole" in exhibit.note
    assert exhibit.place == f"catch/aaaaaaaaaa/seed-0/media/{name}"


def test_one_seed_is_shown_and_rather_one_that_finished(write_run, shown):
    for seed, state in enumerate(["failed", "finished", "finished"]):
        (write_run(seed, status={"state": state}) / "media" / "20-a.png").write_bytes(picture())
    assert [exhibit.seed for exhibit in shown()["catch"]] == [1]


def test_what_exceeds_the_share_is_left_out_and_what_others_leave_over_is_used(write_run, shown):
    small, large = picture(), picture(size=(100, 100), noise=True)
    (write_run(experiment="a") / "media" / "20-large.png").write_bytes(large)
    (write_run(experiment="b") / "media" / "20-small.png").write_bytes(small)
    assert len(large) > 30_000
    assert all(e.uri for items in shown(len(small) + len(large)).values() for e in items)
    found = shown(len(small) + len(large) - 1)
    assert found["b"][0].uri is not None
    assert found["a"][0].uri is None
    assert found["a"][0].note.startswith("left out to keep this page light")
