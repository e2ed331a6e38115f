"""Labels that a classifier can learn from: whole numbers from 0, one a class, and every class among them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def check_labels(labels: Tensor, num_classes: int, part: str) -> None:
    """Raises ValueError, naming the part of the data and the example, for labels that name none of the classes.

    labels [N] int64 in [0, num_classes), or soft [N, num_classes]. It waits for the device once: call it before
    training begins.
    """
    if labels.ndim == 2 and labels.is_floating_point():
        if labels.shape[1] != num_classes:
            raise ValueError(
                f"The soft labels of the {part} part have {labels.shape[1]} columns, but there are {num_classes} "
                "classes. Give them a column for each class."
            )
        return
    if labels.ndim != 1 or labels.dtype != torch.int64:
        raise ValueError(
            f"The labels of the {part} part have shape {list(labels.shape)} and type {labels.dtype}, but each example "
            "needs one class number. Give labels [N] of int64."
        )
    wrong = ((labels < 0) | (labels >= num_classes)).nonzero()
    if len(wrong):
        first = int(wrong[0])
        raise ValueError(
            f"Example {first} of the {part} part (counted from 0) has the label {int(labels[first])}, but there are "
            f"{num_classes} classes, numbered 0 to {num_classes - 1} ({len(wrong)} of {len(labels)} labels are out of "
            "that range). Number the classes from 0, or give the classifier as many outputs as there are classes."
        )


def check_classes(labels: Tensor, num_classes: int, part: str, names: Sequence[str] = ()) -> None:
    """Also raises ValueError, naming the classes, if one of them has no example, so that it could not be learnt.

    By their numbers, or by `names`, one a class.
    """
    check_labels(labels, num_classes, part)
    if labels.ndim == 2:
        return
    absent = (labels.bincount(minlength=num_classes) == 0).nonzero().flatten().tolist()
    if absent:
        told = [f"{label} ({names[label]!r})" if names else str(label) for label in absent[:5]]
        first = ", ".join(told) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        raise ValueError(
            f"No example of the {part} part ({len(labels)} examples) has the label {first}, but there are "
            f"{num_classes} classes, and one without examples cannot be learnt. Split with stratified=True, add "
            "examples, or number only the classes that there are and give the classifier as many outputs."
        )
