"""What experiments on scikit-learn's digits share: 1,797 images of 8 x 8 pixels, and their 60/20/20 split.

The split has a seed of its own, so all seeds of an experiment learn from and are judged on the same images.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised import _classifiers
from lab.data import Dataset, digits, split
from lab.data.splits import SMALL


@dataclass(frozen=True, kw_only=True)
class Problem(_classifiers.Problem):
    """The settings that all of them have."""

    batch_size: int = 64  # examples
    split_seed: int = 0  # which images are training, development and test


def parts(config: Problem) -> tuple[Dataset, dict[str, Dataset]]:
    """The images to train on, and those of development (`dev`) and to `test`, all on the run's device."""
    training, development, test = (
        part.to(config.run.torch_device()) for part in split(digits(), SMALL, config.split_seed)
    )
    return training, {"dev": development, "test": test}
