"""Folders of images: one sub-folder a class."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from lab.data.dataset import Dataset

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF")
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")


@dataclass(frozen=True)
class ImageFolder:
    """Images as examples: inputs float32 [N, C, H, W] in [0, 1], labels int64 [N]."""

    dataset: Dataset
    classes: tuple[str, ...]  # label i is classes[i]
    paths: tuple[Path, ...]  # example i comes from paths[i]


def read_images(folder: str | Path, *, channels: Literal[1, 3] = 3, size: tuple[int, int] | None = None) -> ImageFolder:
    """Reads `folder/<class>/<image>`: PNG, JPEG, BMP and the first frame of GIF, turned as their EXIF says.

    Classes and, within each, images are sorted by name. `channels` is 3 for RGB or 1 for luminance; transparency is
    dropped, and 16-bit images keep their upper 8 bits. `size` (H, W) is what all are resized to, with antialiased
    bilinear weights and without keeping proportions; without it, all must have one size. Hidden files and folders do
    not count. Raises ValueError, which names the file, for anything else that lies there and for images that do not
    open, are cut short, or have more pixels than Pillow takes for safe.
    """
    folder = Path(folder)
    if channels not in (1, 3):
        raise ValueError(
            f"channels is {channels}, but images are read with 1 (luminance) or 3 (RGB). Choose one of them."
        )
    if size is not None and min(size) < 1:
        raise ValueError(f"size is {size}, but (height, width) are counts of pixels. Choose both from 1 up.")
    by_class = _listed(folder)
    paths = tuple(path for images in by_class.values() for path in images)
    inputs = torch.empty(0)
    for index, path in enumerate(paths):
        image = _pixels(path, channels, size)  # [C, H, W]
        if index == 0:
            inputs = torch.empty(len(paths), *image.shape)  # whole at once, so that no second copy is ever made
        if image.shape != inputs.shape[1:]:
            first, other = tuple(inputs.shape[2:]), tuple(image.shape[1:])
            raise ValueError(
                f"{paths[0]} is {first} pixels (height, width) but {path} is {other}, and a batch holds one size. "
                f"Have all resized, for instance by size={first}."
            )
        torch.div(image, 255, out=inputs[index])
    counts = torch.tensor([len(images) for images in by_class.values()])
    labels = torch.arange(len(by_class)).repeat_interleave(counts)
    return ImageFolder(Dataset(inputs, labels), tuple(by_class), paths)


def _listed(folder: Path) -> dict[str, list[Path]]:
    """The images of each class; both sorted by name."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise ValueError(f"The folder {folder} {what}. Name a folder that has one sub-folder a class.")
    entries = _visible(folder)
    if not entries:
        raise ValueError(f"{folder} is empty. Put the images into it, in one sub-folder a class.")
    if not any(entry.is_dir() for entry in entries):
        raise ValueError(
            f"{folder} has no sub-folders, so no image has a class. Sort the images into one sub-folder a class."
        )
    for entry in entries:
        if not entry.is_dir():
            raise ValueError(f"{entry} is a file beside the classes' folders. Move it into one of them, or away.")
    return {entry.name: _images(entry) for entry in entries}


def _images(folder: Path) -> list[Path]:
    images = _visible(folder)
    if not images:
        raise ValueError(f"The class {folder} has no images. Put some there, or remove the folder.")
    for path in images:
        if path.is_dir():
            raise ValueError(
                f"{path} is a folder within a class. Move its images up into {folder}, or the folder away."
            )
        if path.suffix.lower() not in ENDINGS:
            raise ValueError(f"{path} is no image by its ending, which is one of {', '.join(ENDINGS)}. Move it away.")
    return images


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)


def _pixels(path: Path, channels: Literal[1, 3], size: tuple[int, int] | None) -> Tensor:
    """One image as uint8 [C, H, W]."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    content = path.read_bytes()  # outside the try: what the system refuses says so itself
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            upright = _eight_bits(ImageOps.exif_transpose(image)).convert("L" if channels == 1 else "RGB")
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is no image: it does not begin like {', '.join(FORMATS)}. Move it away.") from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{path} is suspiciously large, perhaps a decompression bomb ({error}). Shrink it, or set "
            f"PIL.Image.MAX_IMAGE_PIXELS if you trust it."
        ) from error
    except Exception as error:  # of many types, depending on the format and on where it is broken
        raise ValueError(f"{path} is corrupt or cut short ({error}). Copy it again, or move it away.") from error
    if size is not None:
        upright = upright.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(upright).reshape(upright.height, upright.width, channels)).permute(2, 0, 1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """The image with 8 bits a channel and no palette, which Pillow then converts without loss or warning."""
    from PIL import Image

    if image.mode.startswith("I;16"):  # which Pillow would cut off at 255 instead of scaling
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGBA") if image.mode == "P" else image
