"""What a replay can take: transitions of the form it was made for, with values that it keeps unchanged."""

from __future__ import annotations

import numpy as np

from agents.agent import Transition

_NOUGHT_OR_ONE = frozenset((0.0, 1.0))


def check_form(transition: Transition, num: int | None, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raises ValueError unless it is of `num` environments (None: of any number), whose observations have that shape
    and dtype, and of one action, reward, discount and end for each.
    """
    given = len(transition.reward)
    if num is not None and given != num:
        raise ValueError(
            f"The replay began with {num} environments, each in a part of its own, but this transition "
            f"is of {given}. Use another replay for other environments."
        )
    for name in ("observation", "next_observation"):
        value = getattr(transition, name)
        if value.shape != (given, *shape) or value.dtype != dtype:
            raise ValueError(
                f"{name} is {list(value.shape)} of {value.dtype}, but the replay was made for {given} observations "
                f"{list(shape)} of {dtype}. Give the replay the environment's observation_shape and "
                "observation_dtype."
            )
    t = transition
    shapes = (t.action.shape, t.reward.shape, t.discount.shape, t.last.shape)
    if shapes != ((given,),) * 4:
        raise ValueError(
            f"action, reward, discount and last are {', '.join(str(list(shape)) for shape in shapes)}, but each "
            f"is one number an environment: [{given}]. Give them so."
        )


def check_values(actions: list[int], discounts: list[float], num_actions: int) -> None:
    """Raises ValueError for an action that there is not, and for a discount other than 0 and 1."""
    if min(actions) < 0 or max(actions) >= num_actions:
        raise ValueError(f"The actions {actions} are not all in [0, {num_actions}). Count actions from 0.")
    if not _NOUGHT_OR_ONE.issuperset(discounts):
        raise ValueError(
            f"The discounts {discounts} are not all 0 (terminated) or 1. What a later reward is worth is a "
            "setting of the replay."
        )


def kept_rewards(reward: np.ndarray, dtype: np.dtype) -> list[float]:
    """Rewards [N] as numbers that the dtype holds. Raises ValueError for those that it would change."""
    if dtype == np.float32:
        return reward.tolist()
    with np.errstate(invalid="ignore"):  # what does not fit becomes any number, which is seen below
        kept = reward.astype(dtype)
    if not np.array_equal(kept, reward):
        raise ValueError(
            f"The rewards {reward.tolist()} are not all {dtype} numbers, so they cannot be kept as "
            "such. Take a wider reward_dtype (float32 keeps fractions), or clip rewards before they are added."
        )
    return kept.tolist()
