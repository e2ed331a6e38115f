"""The likeliest tags that make sense together: no I-<slot> but after a B-<slot> or I-<slot> of the same slot."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lab.backbones import valid_steps


def may_follow(tags: Sequence[str]) -> Tensor:
    """Whether tag j may come right after tag i: bool [K + 1, K], of which the last row says what may come first."""
    before = [*tags, "O"]
    return torch.tensor([[not tag.startswith("I-") or earlier[2:] == tag[2:] for tag in tags] for earlier in before])


def likeliest_legal(logits: Tensor, lengths: Tensor, allowed: Tensor) -> Tensor:
    """The sequence of tags with the highest sum of logits among those allowed: int64 [B, T], any tag in the padding.

    logits [B, T, K], whose tags are otherwise independent; lengths [B]; allowed of `may_follow`. Source: Viterbi 1967,
    "Error bounds for convolutional codes and an asymptotically optimum decoding algorithm".
    """
    barred = torch.zeros(allowed.shape, device=logits.device, dtype=logits.dtype).masked_fill(
        ~allowed.to(logits.device), -torch.inf
    )
    valid = valid_steps(lengths, logits.shape[1])
    scores, came_from = logits[:, 0] + barred[-1], []
    for t in range(1, logits.shape[1]):
        best, before = (scores[:, :, None] + barred[:-1]).max(1)  # [B, K] over the tag before
        # In the padding every tag keeps its score and comes from itself.
        inside = valid[:, t, None]
        came_from.append(torch.where(inside, before, torch.arange(logits.shape[2], device=logits.device)))
        scores = torch.where(inside, best + logits[:, t], scores)
    path = [scores.argmax(-1)]
    for before in reversed(came_from):
        path.append(before.gather(1, path[-1][:, None]).squeeze(1))
    return torch.stack(path[::-1], 1)
