"""Missing labels: of several tasks at once, each example may have the labels of some and NaN for the others."""

from __future__ import annotations

import torch

from lab.data.dataset import Dataset


def drop_labels(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Replaces a share of each task's labels [N, T], rounded, by NaN, at random and for each task independently.

    What is dropped belongs to the data, as a split does: all seeds of an experiment learn from the same labels. Raises
    ValueError for labels that are not floating [N, T], or of which some are missing already.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}, but it is the part of the labels that is dropped. Set it from 0 to 1.")
    labels = dataset.labels
    if labels.ndim != 2 or not labels.is_floating_point() or bool(labels.isnan().any()):
        raise ValueError(
            f"The labels have shape {list(labels.shape)} and type {labels.dtype}, but labels are dropped from a "
            "complete table: floating, since a missing one becomes NaN, with a column for each task. Convert them by "
            "labels.float(), give a single task a column by [:, None], and drop labels once."
        )
    generator = torch.Generator().manual_seed(seed)
    kept = labels.clone()
    for task in range(labels.shape[1]):
        order = torch.randperm(len(labels), generator=generator)
        kept[order[: round(share * len(labels))].to(labels.device), task] = torch.nan
    return Dataset(dataset.inputs, kept)
