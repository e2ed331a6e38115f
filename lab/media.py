"""Writes pictures and clips to files that browsers show: PNG, GIF and MP4."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

import numpy as np

from lab.grids import drawn, to_json
from lab.trial import Clip, Grid, Illustration, Passage, Picture


def write_media(folder: Path, step: int, name: str, thing: Illustration, *, gif: bool = False) -> Path:
    """Writes `<step>-<name>.png` or `.mp4` (or `.gif`) under `folder`, aside and renamed, and returns its path.

    A caption goes beside it as `<step>-<name>.txt`; a passage is such a file with nothing beside it. Of a grid it is a
    picture, and its numbers go beside it as `<step>-<name>.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(thing, Passage):
        path = folder / f"{step:012d}-{name}.txt"
        write_passage(path, thing.text)
        return path
    ending = ".png" if isinstance(thing, Picture | Grid) else ".gif" if gif else ".mp4"
    path = folder / f"{step:012d}-{name}{ending}"
    if isinstance(thing, Picture):
        write_picture(path, thing.pixels)
    elif isinstance(thing, Grid):
        write_passage(path.with_suffix(".json"), to_json(thing))
        write_picture(path, drawn(thing))
    else:
        write_clip(path, thing)
    if thing.caption:
        path.with_suffix(".txt").write_text(thing.caption + "\n")
    return path


def write_passage(path: Path, text: str) -> None:
    """Writes text as UTF-8 with a line end at its end."""
    aside = path.with_name(f".{path.name}")
    aside.write_text(text.removesuffix("\n") + "\n", encoding="utf-8")
    os.replace(aside, path)


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Writes pixels [H, W, 3] uint8 as an image of the kind that the path's ending names."""
    from PIL import Image

    aside = path.with_name(f".{path.name}")
    Image.fromarray(pixels).save(aside, format=path.suffix.removeprefix("."))
    os.replace(aside, path)


def write_clip(path: Path, clip: Clip) -> None:
    """Writes a clip as `.mp4` (H.264) or `.gif`. Raises ValueError for another ending."""
    aside = path.with_name(f".{path.name}")
    if path.suffix == ".gif":
        _write_gif(aside, clip)
    elif path.suffix == ".mp4":
        _write_mp4(aside, clip)
    else:
        raise ValueError(f"{path.name!r} ends in {path.suffix!r}, but a clip is written as .mp4 or .gif.")
    os.replace(aside, path)


def _write_gif(path: Path, clip: Clip) -> None:
    from PIL import Image

    frames = (Image.fromarray(frame) for frame in clip.frames)
    # A GIF counts in hundredths of a second, and browsers slow down what is below two of them.
    duration = max(20, round(1000 / clip.frames_per_second / 10) * 10)
    next(frames).save(path, format="gif", save_all=True, append_images=frames, duration=duration, loop=0)


def _write_mp4(path: Path, clip: Clip) -> None:
    import imageio_ffmpeg

    frames = iter(clip.frames)
    first = next(frames)
    height, width = first.shape[0] // 2 * 2, first.shape[1] // 2 * 2  # H.264 wants even sides
    writer = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=clip.frames_per_second, codec="libx264", macro_block_size=2,
        output_params=["-crf", "24", "-movflags", "+faststart", "-threads", "1"], ffmpeg_log_level="error",
    )  # fmt: skip
    writer.send(None)
    try:
        for frame in chain([first], frames):
            writer.send(np.ascontiguousarray(frame[:height, :width]))
    finally:
        writer.close()
