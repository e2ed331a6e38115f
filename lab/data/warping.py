"""Warping: augments that read each image between its pixels: bilinear, and zero outside of it.

An augment draws numbers; a function beside it, named by a participle, does with them what can be worked out by hand.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from lab.data.augmentation import Augment, extent


def rotate(degrees: float) -> Augment:
    """Turns each image [B, C, H, W] about its centre by up to `degrees` either way, uniformly."""
    if not 0 <= degrees <= 180:
        raise ValueError(
            f"degrees is {degrees}, but images turn by up to so many degrees either way, and 180 already reach every "
            "angle. Choose 0 to 180."
        )

    def turned(images: Tensor, generator: torch.Generator) -> Tensor:
        draws = torch.rand(extent(images)[0], generator=generator, device=images.device)
        return rotated(images, (2 * draws - 1) * degrees)

    return turned


def rotated(images: Tensor, degrees: Tensor) -> Tensor:
    """Turns image i of [B, C, H, W] about its centre by degrees[i], counterclockwise as one looks at it."""
    radians = degrees.to(_arithmetic(images)).deg2rad()
    cosines, sines = radians.cos(), radians.sin()
    # Rows grow downwards, so that this matrix, from the new place to the old, turns clockwise.
    return _transformed(images, torch.stack((cosines, -sines, sines, cosines), -1).view(-1, 2, 2))


def zoom(low: float, high: float) -> Augment:
    """Magnifies each image [B, C, H, W] about its centre by a factor in [low, high]; below 1 it shrinks.

    The factor's logarithm is uniform, so that with low = 1 / high shrinking is as likely as growing.
    """
    if not 0 < low <= high < math.inf:
        raise ValueError(
            f"The factors go from {low} to {high}, but a factor is a finite number above 0. Give the lowest and the "
            "highest in that order, such as 0.8 and 1.25."
        )

    def magnified(images: Tensor, generator: torch.Generator) -> Tensor:
        draws = torch.rand(extent(images)[0], generator=generator, device=images.device)
        return zoomed(images, (math.log(low) + (math.log(high) - math.log(low)) * draws).exp())

    return magnified


def zoomed(images: Tensor, factors: Tensor) -> Tensor:
    """Magnifies image i of [B, C, H, W] about its centre by factors[i]."""
    dtype = _arithmetic(images)
    unit = torch.eye(2, dtype=dtype, device=images.device)
    return _transformed(images, unit / factors.to(dtype)[:, None, None])


def _transformed(images: Tensor, matrices: Tensor) -> Tensor:
    """The images [B, C, H, W] read at matrices [B, 2, 2] times each place.

    A place is (x to the right, y downwards) in pixels from the centre.
    """
    batch, height, width = extent(images)
    # The grid counts in half widths and half heights, in which a rotation of other than square images is none.
    scaled = F.pad(matrices, (0, 1))  # [B, 2, 3], moving the centre by nothing
    scaled[:, 0, 1] *= height / width
    scaled[:, 1, 0] *= width / height
    return _read(images, F.affine_grid(scaled, [batch, 1, height, width], align_corners=False))


def distort(strength: float, smoothness: float) -> Augment:
    """Moves every pixel of each image [B, C, H, W] its own way, neighbours alike: an elastic deformation.

    The displacements' standard deviation is `strength` pixels along each axis, and they vary over about `smoothness`
    pixels, the standard deviation of the Gaussian that smooths them: a smoothness far above the size shifts images
    whole. Source: Simard, Steinkraus and Platt 2003, "Best practices for convolutional neural networks", section 2.
    There the noise is uniform and each field is divided by its norm; here the noise is normal and divided by the
    standard deviation that smoothing leaves it, so that some images are distorted more than others.
    """
    if not 0 <= strength < math.inf:
        raise ValueError(
            f"strength is {strength}, but it is how many pixels the displacements deviate. Set it to a finite number, "
            "0 or more."
        )
    if not 0 < smoothness < math.inf:
        raise ValueError(
            f"smoothness is {smoothness}, but it is a Gaussian's standard deviation in pixels. Set it to a finite "
            "number above 0."
        )
    margin = math.ceil(3 * smoothness)  # pixels; beyond three standard deviations lie 0.3 % of the Gaussian

    def distorted(images: Tensor, generator: torch.Generator) -> Tensor:
        batch, height, width = extent(images)
        # Noise reaches past the edges by all that smoothing uses up, so that the edges move as much as the centre.
        size = (2 * batch, 1, height + 2 * margin, width + 2 * margin)
        noise = torch.randn(size, generator=generator, device=images.device)
        return displaced(images, strength * smoothed(noise, smoothness, margin).view(batch, 2, height, width))

    return distorted


def smoothed(noise: Tensor, smoothness: float, margin: int) -> Tensor:
    """Convolves noise [K, 1, H + 2 margin, W + 2 margin] with a Gaussian along both axes; returns [K, 1, H, W].

    smoothness is the Gaussian's standard deviation, margin where it is cut off, both in pixels. The kernel's squares
    add up to 1, so that independent noise keeps its variance.
    """
    distances = torch.arange(-margin, margin + 1, dtype=noise.dtype, device=noise.device)
    kernel = (-0.5 * (distances / smoothness) ** 2).exp()
    kernel = kernel / kernel.square().sum().sqrt()
    return F.conv2d(F.conv2d(noise, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))


def displaced(images: Tensor, displacements: Tensor) -> Tensor:
    """The images [B, C, H, W], each pixel read `displacements` away: [B, 2, H, W] pixels, (to the right, downwards)."""
    batch, height, width = extent(images)
    dtype = _arithmetic(images)
    unmoved = torch.eye(2, 3, dtype=dtype, device=images.device).expand(batch, 2, 3)
    right, down = displacements.to(dtype).unbind(1)
    # The grid goes from -1 to 1, which is a width or a height.
    moves = torch.stack((right * (2 / width), down * (2 / height)), -1)  # [B, H, W, 2]
    return _read(images, F.affine_grid(unmoved, [batch, 1, height, width], align_corners=False) + moves)


def _read(images: Tensor, grid: Tensor) -> Tensor:
    """The images [B, C, H, W] at places [B, H, W, 2], (x, y) from -1 to 1 between their outer edges."""
    read = F.grid_sample(images.to(grid.dtype), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return read.to(images.dtype).contiguous()


def _arithmetic(images: Tensor) -> torch.dtype:
    """The type to compute places and mixtures of pixels in; raises ValueError for inputs that are not fractions."""
    if not images.is_floating_point():
        raise ValueError(
            f"The images are of type {images.dtype}, which cannot hold a mixture of pixels. Convert the data set's "
            "inputs first, pixels by inputs.float() / 255."
        )
    # Half precision tells apart no more than 2,048 places along an axis, bfloat16 256.
    return torch.promote_types(images.dtype, torch.float32)
