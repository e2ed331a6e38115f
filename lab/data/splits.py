"""Splits: which examples are for training, development and testing, by a seed that belongs to the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from lab.data.dataset import Dataset
from lab.data.lines import LabelledText
from lab.normalisation import Normalisation

Labelled = TypeVar("Labelled", Dataset, LabelledText)

SMALL = (0.6, 0.2, 0.2)
"""Shares for training, development and test where examples are counted in thousands."""

LARGE = (0.98, 0.01, 0.01)
"""The same where they are counted in hundreds of thousands, of which a hundredth tells any two models apart."""


def split(dataset: Labelled, shares: Sequence[float], seed: int, *, stratified: bool = False) -> list[Labelled]:
    """Parts a data set at random into `shares` of it (which add up to 1), by a seed of its own.

    The split belongs to the data, not to the run: all seeds of an experiment are judged on the same examples. With
    `stratified` every part gets its share of each class [N] int64, rounded. Raises ValueError for shares that do not
    add up, or a class that a part would get none of.
    """
    if abs(sum(shares) - 1) > 1e-9 or min(shares) <= 0:
        raise ValueError(f"The shares {tuple(shares)} add up to {sum(shares)}. They must be above 0 and add up to 1.")
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed))
    groups = [order]
    if stratified:
        labels = _classes(dataset.labels)[order]
        groups = [order[labels == label] for label in labels.unique()]
    parts: list[list[Tensor]] = [[] for _ in shares]
    for group in groups:
        for part, chosen in zip(parts, group.split(_sizes(len(group), shares))):
            if stratified and not len(chosen):
                raise ValueError(
                    f"Class {int(dataset.labels[group[0]])} has {len(group)} examples, too few for each of the shares "
                    f"{tuple(shares)} to get one. Give fewer or larger shares, or split without stratifying."
                )
            part.append(chosen)
    device = dataset.labels.device
    return [dataset.subset(torch.cat(part).to(device)) for part in parts]


def hold_out(training: Labelled, share: float, seed: int) -> tuple[Labelled, dict[str, Labelled]]:
    """What is left to train on without a `share` of each class, and that as `dev`, to choose settings by.

    Of a share of 0, all of it and nothing. Otherwise as `split`, stratified.
    """
    if share == 0:
        return training, {}
    kept, development = split(training, (1 - share, share), seed, stratified=True)
    return kept, {"dev": development}


def _classes(labels: Tensor) -> Tensor:
    if labels.ndim != 1 or labels.is_floating_point():
        raise ValueError(
            f"The labels have shape {list(labels.shape)} and type {labels.dtype}, which put no example into one class, "
            "so classes cannot have their shares. Give one class number an example, or choose examples regardless of "
            "their labels: by split without stratifying."
        )
    return labels.cpu()


def _sizes(count: int, shares: Sequence[float]) -> list[int]:
    ends = [round(sum(shares[: i + 1]) * count) for i in range(len(shares))]
    return [end - start for start, end in zip([0, *ends], ends)]


def few(dataset: Dataset, count: int, seed: int) -> Dataset:
    """As many examples of each class [N] int64, `count` in all; with one seed a smaller draw is part of a larger one.

    Raises ValueError where `count` is no multiple of the number of classes, or a class has not enough.
    """
    labels = _classes(dataset.labels)
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed))
    classes = labels.unique()
    each = count // len(classes)
    if each * len(classes) != count or each == 0:
        raise ValueError(
            f"{count} examples cannot be shared evenly by {len(classes)} classes. Choose a multiple of {len(classes)}."
        )
    of_class = [order[labels[order] == label] for label in classes]
    if (least := min(map(len, of_class))) < each:
        raise ValueError(
            f"{count} examples are {each} of each class, but one class has only {least}. "
            f"Choose at most {least * len(classes)}."
        )
    # By turns, so that any batch in this order is balanced, too.
    chosen = torch.stack([members[:each] for members in of_class], 1).flatten()
    return dataset.subset(chosen.to(dataset.inputs.device))


def target_split(
    training: Dataset, target: Dataset, *, train_dev: float, test: float = 0.5, seed: int, stratified: bool = False
) -> dict[str, Dataset]:
    """Parts for training on one distribution to be good on another.

    Development and test sets come from the `target` distribution (a share `test` of it for testing), and from the
    training distribution a share `train_dev` is held out: what is worse on the development set than on that one is
    due to the distributions. `stratified` is that of `split`.

    Source: Ng 2018, "Machine learning yearning", chapters 37 to 40.
    """
    kept, held_out = split(training, (1 - train_dev, train_dev), seed, stratified=stratified)
    development, tested = split(target, (1 - test, test), seed, stratified=stratified)
    return {"train": kept, "train_dev": held_out, "dev": development, "test": tested}


def normalised(training: Dataset, *others: Dataset, axes: tuple[int, ...] = (0,)) -> list[Dataset]:
    """The parts of a split in their order, the inputs of all brought to mean 0 and deviation 1 of the training part.

    These are measured over `axes`, as `Normalisation.fit` says.
    """
    normalise = Normalisation.fit(training.inputs, axes)
    return [Dataset(normalise(part.inputs), part.labels) for part in (training, *others)]
