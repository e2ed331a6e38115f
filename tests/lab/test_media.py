"""Pictures and clips, read back by other programs' eyes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from lab.media import write_clip, write_media, write_picture
from lab.trial import Clip, Picture


def frames(count: int = 4, height: int = 48, width: int = 64) -> np.ndarray:
    """A white bar that moves to the right."""
    moving = np.zeros((count, height, width, 3), np.uint8)
    for k in range(count):
        moving[k, :, 8 * k : 8 * k + 8] = 255
    return moving


def test_a_picture_survives(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    path = write_media(tmp_path / "media", 1_200, "answers", Picture(pixels))
    assert path == tmp_path / "media" / "000000001200-answers.png"
    assert np.array_equal(np.asarray(Image.open(path)), pixels)
    write_media(tmp_path / "media", 1_200, "answers", Picture(pixels[::-1].copy()))
    assert np.array_equal(np.asarray(Image.open(path)), pixels[::-1])
    assert [file.name for file in path.parent.iterdir()] == [path.name], "nothing is left aside"


def test_a_caption_lies_beside_its_picture(tmp_path: Path) -> None:
    path = write_media(tmp_path, 7, "answers", Picture(np.zeros((2, 2, 3), np.uint8), "what is seen"))
    assert path.with_suffix(".txt").read_text() == "what is seen\n"


def test_a_gif(tmp_path: Path) -> None:
    path = tmp_path / "clip.gif"
    write_clip(path, Clip(frames(), frames_per_second=25))
    with Image.open(path) as image:
        assert isinstance(image, GifImageFile)
        assert (image.n_frames, image.size, image.info["duration"]) == (4, (64, 48), 40)
        for k in range(4):
            image.seek(k)
            assert np.array_equal(np.asarray(image.convert("RGB")), frames()[k])


def test_a_gif_is_not_faster_than_browsers_play_it(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.gif", Clip(frames(), frames_per_second=1_000))
    with Image.open(tmp_path / "clip.gif") as image:
        assert image.info["duration"] == 20


@pytest.mark.parametrize(("height", "width"), [(48, 64), (49, 65)])
def test_an_mp4(height: int, width: int, tmp_path: Path) -> None:
    path = write_media(tmp_path, 7, "episode", Clip(frames(12, height, width), frames_per_second=10))
    assert path.name == "000000000007-episode.mp4"
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    assert (about["size"], about["fps"], about["codec"]) == ((64, 48), 10.0, "h264")
    read = [np.frombuffer(frame, np.uint8).reshape(48, 64, 3) for frame in reader]
    assert len(read) == 12
    for k in range(8):
        assert read[k].mean((0, 2)).argmax() // 8 == k, "the bar is where it was"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


class Film:
    """Frames that are made when they are gone through, and counted."""

    def __init__(self, fails_after: int = 99) -> None:
        self.fails_after, self.made = fails_after, 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for frame in frames():
            self.made += 1
            if self.made > self.fails_after:
                raise ZeroDivisionError
            yield frame


def test_frames_that_are_made_one_by_one(tmp_path: Path) -> None:
    film = Film()
    gif = write_media(tmp_path, 7, "film", Clip(film), gif=True)
    assert (gif.name, film.made) == ("000000000007-film.gif", 4)
    with Image.open(gif) as image:
        assert getattr(image, "n_frames", 0) == 4
    mp4 = write_media(tmp_path, 7, "film", Clip(film))
    assert (mp4.suffix, film.made) == (".mp4", 8)
    reader = imageio_ffmpeg.read_frames(str(mp4))
    next(reader)
    assert len(list(reader)) == 4
    with pytest.raises(ZeroDivisionError):
        write_media(tmp_path, 8, "film", Clip(Film(fails_after=2)))
    assert not (tmp_path / "000000000008-film.mp4").exists()


def test_another_ending(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'clip.avi' ends in '.avi', but a clip is written as .mp4 or .gif"):
        write_clip(tmp_path / "clip.avi", Clip(frames()))


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    write_picture(tmp_path / "a.png", pixels)
    with pytest.raises(TypeError):
        write_picture(tmp_path / "a.png", np.zeros((2, 2, 7)))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), pixels)
