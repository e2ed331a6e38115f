"""Viewing: an episode made again, from its seed and its actions, as a moving picture with the agent's values beside."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agents.agent import Agent, Valued
from agents.environments import Replayed
from agents.panel import Panel
from agents.simulator import NothingToSee
from agents.world import World
from lab.trial import Clip

log = logging.getLogger("lab")
_TOGETHER = 64  # observations that the agent is asked about at once


class AnotherEpisode(ValueError):
    """The simulator does not make again what was recorded."""


def watched(
    environments: World,
    agent: Agent,
    seed: int,
    actions: np.ndarray,
    total_reward: float,
    *,
    width: int,
    max_frames: int | None = None,
) -> Clip:
    """The episode of `seed` and `actions` [T, ...], in another environment of the same kind.

    The environment's picture is `width` pixels across. Beside it are the values that the agent, as it is now, gives to
    each action where it acted. With `max_frames`, of every so many steps one is shown. Raises AnotherEpisode if the
    rewards do not add up to `total_reward`.
    """
    if width < 1:
        raise ValueError(f"A picture {width} pixels wide cannot be seen. Give a width of 1 or more.")
    recorded = Recording(environments, seed, actions)
    rewards, values, height = _first_look(recorded, agent, width)
    again = float(np.cumsum(rewards)[-1])  # in this order to the last bit, as the environments add up
    if len(rewards) != len(actions) or again != total_reward:
        raise AnotherEpisode(
            f"{environments.name}: the episode was recorded with a return of {total_reward:g} in {len(actions)} steps, "
            f"but its seed {seed} and the same actions now give {again:g} in {len(rewards)}. The simulator is "
            "another version than when the run was made (environment.json in the run's folder names that), or it is "
            "not deterministic. Install that version to watch what happened."
        )
    names = environments.action_meanings or []
    if values is not None and len(names) != values.shape[1]:
        names = [f"action {number}" for number in range(values.shape[1])]
    every = -(-len(rewards) // max_frames) if max_frames else 1
    panel = Panel(height, rewards, values, names)
    return Clip(
        Film(recorded, panel, width, every),
        max(1, environments.frames_per_second // every),
        f"return {total_reward:g} in {len(rewards)} steps, {every} a frame",
    )


@dataclass(frozen=True)
class Recording:
    """An episode that is made again whenever it is gone through."""

    environments: World
    seed: int
    actions: np.ndarray  # [T, ...]

    def __len__(self) -> int:
        return len(self.actions)

    def again(self, picture_every: int) -> Iterator[Replayed]:
        """Its moments; the first of every `picture_every` has a picture."""
        return self.environments.replayed(self.seed, self.actions, picture_every=picture_every)


@dataclass(frozen=True)
class Film:
    """The frames [H, W, 3] uint8, made when they are gone through: a long episode of large ones needs no memory."""

    recorded: Recording
    panel: Panel
    width: int
    every: int  # steps from one frame to the next

    def __len__(self) -> int:
        return -(-len(self.recorded) // self.every)

    def __iter__(self) -> Iterator[np.ndarray]:
        actions = self.recorded.actions
        try:
            for step, moment in enumerate(self.recorded.again(self.every)):
                if moment.frame is not None:
                    action = int(actions[step]) if actions.ndim == 1 else None
                    yield _side_by_side(scaled(moment.frame, self.width), self.panel.at(step, action))
        except NothingToSee as error:  # a run that has learnt all it should does not fail over its film
            log.warning("The film ends early: %s", error)


def _first_look(recorded: Recording, agent: Agent, width: int) -> tuple[np.ndarray, np.ndarray | None, int]:
    """The rewards [T], the values [T, A] if the agent can tell them, and the height of the scaled picture."""
    rewards: list[float] = []
    values: list[np.ndarray] = []
    met: list[np.ndarray] = []
    height = 0
    for moment in recorded.again(picture_every=len(recorded)):  # one tells how high they are
        if moment.frame is not None:
            height = len(scaled(moment.frame, width))
        rewards.append(moment.reward)
        met.append(moment.observation)
        if len(met) == _TOGETHER:
            values += _asked(agent, met)
            met = []
    values += _asked(agent, met)
    return np.array(rewards), np.concatenate(values) if values else None, height


def _asked(agent: Agent, observations: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [agent.values(np.stack(observations))] if observations and isinstance(agent, Valued) else []


def scaled(frame: np.ndarray, width: int) -> np.ndarray:
    """A picture [H, W, 3] uint8 as `width` pixels across, in its proportions.

    Larger, each pixel becomes a square with sharp edges first; then, and smaller, each is the mean of an area.
    """
    from PIL import Image

    height, times = max(1, round(frame.shape[0] * width / frame.shape[1])), -(-width // frame.shape[1])
    squares = frame.repeat(times, axis=0).repeat(times, axis=1)
    return np.asarray(Image.fromarray(squares).resize((width, height), Image.Resampling.BOX))


def _side_by_side(picture: np.ndarray, panel: np.ndarray) -> np.ndarray:
    """The panel right of the picture, which stands in the middle of its height if it is the lower one."""
    height, width = picture.shape[:2]
    whole = np.full((len(panel), width + panel.shape[1], 3), 255, np.uint8)
    top = (len(panel) - height) // 2
    whole[top : top + height, :width] = picture
    whole[:, width:] = panel
    return whole
