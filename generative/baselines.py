"""What the distances of samples come to for pictures that no model made: without these, a model's say little.

Real pictures against other real ones are the floor of what a generator could reach with as many pictures, which is
above 0 (Binkowski et al. 2018, section 2, on the bias of the Frechet distance); noise is what it begins at.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from generative.distances import SampleMetrics
from generative.judge import Judge


def baselines(
    judge: Judge, train: Tensor, test: Tensor, count: int, draws: torch.Generator
) -> dict[str, SampleMetrics]:
    """`count` pictures of each kind against real ones, by name.

    "train": training pictures against the test ones. "halves": training pictures against as many other training
    pictures as there are test ones. "pixels" and "uniform": noise against the test ones. No picture is on both sides.
    Raises ValueError where there are too few training pictures [N, C, H, W] for the halves.
    """
    if count + len(test) > len(train):
        raise ValueError(
            f"Halves of {count} and {len(test)} pictures take {count + len(test)}, but there are {len(train)} training "
            "pictures. Judge by fewer."
        )
    order = torch.randperm(len(train), generator=draws, device=train.device)
    ours, others = train[order[:count]], train[order[count : count + len(test)]]
    halves = Judge(judge.features, f"{len(others):,} other training pictures")
    return {
        "train": judge(test, ours, "training pictures"),
        "halves": halves(others, ours, "training pictures"),
        "pixels": judge(test, independent_pixels(train, count, draws), "each pixel drawn by itself"),
        "uniform": judge(test, uniform_noise(count, test.shape[1:], draws), "uniform noise"),
    }


def independent_pixels(pictures: Tensor, count: int, draws: torch.Generator) -> Tensor:
    """[count, ...], each pixel that of a picture drawn for it alone from pictures [N, ...].

    So each has the histogram that it has there, and knows of no other.
    """
    flat = pictures.flatten(1)
    each = torch.randint(len(flat), (count, flat.shape[1]), generator=draws, device=flat.device)
    return flat.gather(0, each).unflatten(1, pictures.shape[1:])


def uniform_noise(count: int, shape: Sequence[int], draws: torch.Generator) -> Tensor:
    """[count, *shape], each number uniform in [0, 1)."""
    return torch.rand(count, *shape, generator=draws, device=draws.device)
