"""What a checkpoint holds of the networks, without what only training needs; no trial is built to get at it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from lab.trial import State

# Parts of a learner's or agent's state that are no weights: optimisers and averages, experience, the copy of a network
# that targets come from, pictures of the way.
_FOR_TRAINING = re.compile(r"(\w+_)?(descents?|optimi[sz]ers?|moments|replay|frozen|kept)")


def learnt_weights(state: State) -> dict[str, Tensor]:
    """The weights and running statistics in a trial's state, by dotted names such as `network.0.weight`.

    Of a `Fit` those of its learner, as it was at its best where early stopping keeps that; of an `Interaction` those of
    its agent; of another trial all that there are. Nothing where it holds none. Where an average of the weights is
    judged, these are what it is taken of: the state does not name averages by parameter. `lab export` has them.
    """
    best = state.get("best") or {}
    return dict(_weights(best.get("kept") or state.get("learner") or state.get("agent") or state, ""))


def _weights(part: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Tensor]]:
    if not all(isinstance(name, str) for name in part):
        return  # an optimiser's moments, by the numbers of the parameters
    tensors = [value for value in part.values() if isinstance(value, Tensor)]
    is_network = len(tensors) == len(part) and any(tensor.is_floating_point() for tensor in tensors)
    for name, value in part.items():
        if _FOR_TRAINING.fullmatch(name):
            continue
        if isinstance(value, Mapping):
            yield from _weights(value, f"{prefix}{name}.")
        elif isinstance(value, Tensor) and (is_network or value.is_floating_point()):  # a network's counters, too
            yield f"{prefix}{name}", value
