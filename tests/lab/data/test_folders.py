"""Folders of images: right pixels in a fixed order, and errors that name the file."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from lab.data import read_images

CORNERS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [51, 102, 153], [255, 255, 255]]], np.uint8)


def save(path: Path, pixels: np.ndarray = CORNERS, **settings: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **settings)  # type: ignore[arg-type]
    return path


def fails(folder: Path, *parts: str, **settings: object) -> None:
    """Reading fails with each part, in that order."""
    with pytest.raises(ValueError, match=".*".join(re.escape(part) for part in parts)):
        read_images(folder, **settings)  # type: ignore[arg-type]


def refused(folder: Path) -> str:
    """With which words; none if it is read."""
    try:
        read_images(folder)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.gif", "x.PNG"])
def test_pixels(tmp_path: Path, name: str) -> None:
    save(tmp_path / "a" / name)
    read = read_images(str(tmp_path))
    assert (read.dataset.inputs.shape, read.dataset.inputs.dtype) == ((1, 3, 2, 3), torch.float32)
    expected = torch.tensor(CORNERS.astype(np.float32) / np.float32(255)).permute(2, 0, 1)
    assert torch.equal(read.dataset.inputs[0], expected)
    assert read.dataset.inputs.is_contiguous()


def test_a_jpeg(tmp_path: Path) -> None:
    for name in ("x.jpg", "y.jpeg"):
        save(tmp_path / "a" / name, np.full((8, 16, 3), (200, 100, 50), np.uint8), quality=95)
    inputs = read_images(tmp_path).dataset.inputs
    assert inputs.shape == (2, 3, 8, 16)
    assert torch.allclose(inputs.mean((0, 2, 3)) * 255, torch.tensor([200.0, 100, 50]), atol=2)


def test_one_channel_is_luminance(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png")
    inputs = read_images(tmp_path, channels=1).dataset.inputs
    assert inputs.shape == (1, 1, 2, 3)
    weighted = torch.tensor(CORNERS, dtype=torch.float32) @ torch.tensor([0.299, 0.587, 0.114])  # ITU-R 601
    assert torch.allclose(inputs[0, 0] * 255, weighted, atol=1)


def test_labels_classes_and_order(tmp_path: Path) -> None:
    for index, name in enumerate(["b/2.png", "a/10.png", "B/1.png", "b/10.png", "a/2.gif", "b/1.bmp"]):
        save(tmp_path / name, np.full((1, 1, 3), index, np.uint8))
    read = read_images(tmp_path)
    assert read.classes == ("B", "a", "b")
    order = ["B/1.png", "a/10.png", "a/2.gif", "b/1.bmp", "b/10.png", "b/2.png"]
    assert [path.relative_to(tmp_path).as_posix() for path in read.paths] == order
    assert (read.dataset.labels.tolist(), read.dataset.labels.dtype) == ([0, 1, 1, 2, 2, 2], torch.int64)
    assert (read.dataset.inputs[:, 0, 0, 0] * 255).round().tolist() == [2, 1, 4, 5, 3, 0]


def test_the_order_is_not_that_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        save(tmp_path / name)
    straight = read_images(tmp_path)
    listed = os.listdir
    listings: list[object] = []

    def backwards(path: str) -> list[str]:
        listings.append(path)
        return sorted(listed(path), reverse=True)

    monkeypatch.setattr(os, "listdir", backwards)
    assert [path.name for path in tmp_path.iterdir()] == ["b", "a"]
    again = read_images(tmp_path)
    assert len(listings) == 4
    assert (again.paths, again.classes) == (straight.paths, straight.classes)


def test_hidden_files_do_not_count(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "a" / "._x.png").write_bytes(b"x")
    save(tmp_path / ".thumbnails" / "x.png")
    assert read_images(tmp_path).paths == (tmp_path / "a" / "x.png",)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_upright(tmp_path: Path, orientation: int) -> None:
    """Each orientation undone by hand: 1 as is, 2 mirrored, 3 half a turn, 4 upside down, 5-8 with axes swapped."""
    undone = {
        1: CORNERS, 2: CORNERS[:, ::-1], 3: CORNERS[::-1, ::-1], 4: CORNERS[::-1],
        5: CORNERS.swapaxes(0, 1), 6: np.rot90(CORNERS, -1),
        7: CORNERS[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(CORNERS),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / "a" / "x.png", exif=exif)
    image = read_images(tmp_path).dataset.inputs[0].permute(1, 2, 0) * 255
    assert np.array_equal(image.round().numpy().astype(np.uint8), undone[orientation])


def test_the_first_frame_of_a_gif(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "lime", "blue")]
    (tmp_path / "a").mkdir()
    frames[0].save(tmp_path / "a" / "x.gif", save_all=True, append_images=frames[1:])
    inputs = read_images(tmp_path).dataset.inputs
    assert inputs.shape == (1, 3, 3, 4)
    assert inputs.amax((0, 2, 3)).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.filterwarnings("error")
def test_other_kinds_of_pixels(tmp_path: Path) -> None:
    """16 bits, black and white, transparency, a palette and CMYK, each without a warning."""
    grey = np.array([[0, 256 * 100 + 77, 65_535]], np.uint16)
    save(tmp_path / "a" / "sixteen.png", grey)
    save(tmp_path / "b" / "one.png", np.array([[False, True, True]]))
    save(tmp_path / "c" / "alpha.png", np.array([[[9, 8, 7, 0], [6, 5, 4, 128], [3, 2, 1, 255]]], np.uint8))
    (tmp_path / "d").mkdir()
    palette = Image.fromarray(CORNERS[:1]).quantize(3)
    palette.save(tmp_path / "d" / "palette.png", transparency=b"\x00\x80\xff")
    Image.new("CMYK", (3, 1), (0, 255, 255, 0)).save(tmp_path / "d" / "red.jpg", quality=100)
    images = (read_images(tmp_path).dataset.inputs * 255).round().permute(0, 2, 3, 1)[:, 0].tolist()  # [N][W][C]
    assert images[0] == [[0.0] * 3, [100.0] * 3, [255.0] * 3]
    assert images[1] == [[0.0] * 3, [255.0] * 3, [255.0] * 3]
    assert images[2] == [[9.0, 8.0, 7.0], [6.0, 5.0, 4.0], [3.0, 2.0, 1.0]]
    assert images[3] == CORNERS[0].tolist()
    assert np.allclose(images[4], [[255, 0, 0]] * 3, atol=3)
    assert read_images(tmp_path, channels=1).dataset.inputs.shape == (5, 1, 1, 3)


def test_mixed_sizes(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", np.zeros((2, 3, 3), np.uint8))
    save(tmp_path / "a" / "2.png", np.zeros((2, 3, 3), np.uint8))
    save(tmp_path / "b" / "3.png", np.zeros((3, 2, 3), np.uint8))
    save(tmp_path / "b" / "4.png", np.zeros((9, 9, 3), np.uint8))
    fails(tmp_path, f"{tmp_path / 'a' / '1.png'} is (2, 3)", f"{tmp_path / 'b' / '3.png'} is (3, 2)", "size=(2, 3)")
    assert read_images(tmp_path, size=(5, 7)).dataset.inputs.shape == (4, 3, 5, 7)


def test_shrinking_is_antialiased(tmp_path: Path) -> None:
    """Stripes of one pixel become grey; bilinear weights without antialiasing would keep some of them."""
    save(tmp_path / "a" / "x.png", np.tile(np.array([0, 255], np.uint8), (64, 32)))
    inputs = read_images(tmp_path, channels=1, size=(4, 8)).dataset.inputs
    assert inputs.shape == (1, 1, 4, 8)
    assert torch.allclose(inputs, torch.tensor(0.5), atol=0.03)


def test_enlarging_is_bilinear(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png", np.array([[0, 200]], np.uint8))
    inputs = read_images(tmp_path, channels=1, size=(1, 4)).dataset.inputs
    assert (inputs * 255).round().flatten().tolist() == [0, 50, 150, 200]  # centres at -1/4, 1/4, 3/4 and 5/4


def test_images_turn_before_they_are_resized(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    save(tmp_path / "a" / "x.png", np.array([[0, 200]], np.uint8), exif=exif)
    inputs = read_images(tmp_path, channels=1, size=(4, 1)).dataset.inputs
    assert (inputs * 255).round().flatten().tolist() == [0, 50, 150, 200]


def test_folders_that_hold_nothing(tmp_path: Path) -> None:
    fails(tmp_path / "absent", "absent is not there", "one sub-folder a class")
    (tmp_path / "file").touch()
    fails(tmp_path / "file", "file is a file")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".hidden").touch()
    fails(tmp_path / "empty", "empty is empty")
    save(tmp_path / "flat" / "x.png")
    fails(tmp_path / "flat", "flat has no sub-folders", "one sub-folder a class")
    save(tmp_path / "classes" / "a" / "x.png")
    (tmp_path / "classes" / "b").mkdir()
    (tmp_path / "classes" / "b" / ".hidden.png").touch()
    fails(tmp_path / "classes", f"The class {tmp_path / 'classes' / 'b'} has no images")


def test_files_that_do_not_belong(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png")
    stray = tmp_path / "labels.csv"
    stray.touch()
    fails(tmp_path, f"{stray} is a file beside")
    stray.unlink()
    for name in ("notes.txt", "x.webp", "x"):
        stray = tmp_path / "a" / name
        stray.touch()
        fails(tmp_path, f"{stray} is no image by its ending", ".png, .jpg, .jpeg, .bmp, .gif")
        stray.unlink()
    (tmp_path / "a" / "inner.png").mkdir()
    fails(tmp_path, f"{tmp_path / 'a' / 'inner.png'} is a folder within a class")


@pytest.mark.parametrize("content", [b"", b"text\n", b"<svg/>", b"II*\x00\x08\x00\x00\x00"])
def test_something_that_is_no_image(tmp_path: Path, content: bytes) -> None:
    save(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "2.png").write_bytes(content)
    fails(tmp_path, f"{tmp_path / 'a' / '2.png'} is no image", "PNG, JPEG, BMP, GIF")


def test_an_image_of_another_format_under_a_known_ending(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png", format="TIFF")
    fails(tmp_path, f"{tmp_path / 'a' / 'x.png'} is no image", "PNG, JPEG, BMP, GIF")


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.bmp", "x.gif"])
def test_an_image_cut_short_is_refused_or_whole(tmp_path: Path, name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = save(tmp_path / "a" / name, pixels)
    whole, content = read_images(tmp_path).dataset.inputs, path.read_bytes()
    refusals = 0
    for length in range(len(content)):
        path.write_bytes(content[:length])
        if refusal := refused(tmp_path):
            assert refusal.startswith((f"{path} is no image", f"{path} is corrupt or cut short"))
            refusals += 1
        else:
            assert torch.equal(read_images(tmp_path).dataset.inputs, whole)
    assert refusals >= len(content) - 20, "only what follows the pixels may be missing"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.bmp", "x.gif"])
def test_a_changed_byte_never_ends_in_another_error(tmp_path: Path, name: str) -> None:
    draws = np.random.default_rng(1)
    path = save(tmp_path / "a" / name, draws.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    content = path.read_bytes()
    for _ in range(300):
        changed = bytearray(content)
        changed[draws.integers(len(content))] = draws.integers(256)
        path.write_bytes(changed)
        refusal = refused(tmp_path)  # any error but a ValueError fails the test
        assert refusal == "" or refusal.startswith(str(path))


def test_a_decompression_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "bomb.png"
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")))
    fails(tmp_path, f"{path} is suspiciously large", "3600000000 pixels", "MAX_IMAGE_PIXELS")
    save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2)
    fails(tmp_path, f"{path} is suspiciously large", "6 pixels")


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    fails(tmp_path, "channels is 4", "1 (luminance) or 3 (RGB)", channels=4)
    fails(tmp_path, "size is (0, 5)", "from 1 up", size=(0, 5))


def test_a_file_that_may_not_be_read_says_so_itself(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "a" / "x.png"))):
        read_images(tmp_path)


def test_many_modes_and_sizes_fill_their_own_place(tmp_path: Path) -> None:
    for index in range(12):
        image = Image.new(["RGB", "L", "RGBA", "P"][index % 4], (index + 3, 20 - index))
        ImageDraw.Draw(image).rectangle((0, 0, index + 3, 20), fill=255 if image.mode in "LP" else "white")
        (tmp_path / f"class {index % 3}").mkdir(exist_ok=True)
        image.save(tmp_path / f"class {index % 3}" / f"{index:02}.png")
    read = read_images(tmp_path, size=(6, 6))
    alone = []
    for path in read.paths:
        only = tmp_path.parent / f"{tmp_path.name} {path.stem}" / "a"
        only.mkdir(parents=True)
        (only / path.name).write_bytes(path.read_bytes())
        alone.append(read_images(only.parent, size=(6, 6)).dataset.inputs)
    assert torch.equal(read.dataset.inputs, torch.cat(alone))
    assert read.dataset.labels.tolist() == [int(path.parent.name.split()[1]) for path in read.paths]


def test_importing_the_package_does_not_import_pillow() -> None:
    program = "import sys, lab.data; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
