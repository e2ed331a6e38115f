"""A replay that is obviously right: lists of whole transitions. And experience that shows what goes wrong in others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from agents.agent import Transition


@dataclass
class Step:
    """One transition of one environment, whole; or what a replay makes of several, from the first on."""

    time: int  # of the call to add
    environment: int
    frames_before: (
        int  # frames that its environment had given when it acted, the first stacks of episodes counted whole
    )
    observation: np.ndarray
    action: int
    reward: float
    discount: float
    next_observation: np.ndarray


class NaiveReplay:
    """Keeps everything that ever happened, and works out anew what a ring of frames could still give."""

    def __init__(self, frames_kept: int, stack: int, steps: int, discount: float):
        """`frames_kept` is how many frames of one environment fit."""
        self.frames_kept, self.stack, self.steps, self.discount = frames_kept, stack, steps, discount
        self.episodes: dict[int, list[list[Step]]] = {}
        self.over: dict[int, bool] = {}  # by environment: whether its last episode ended
        self.frames: dict[int, int] = {}  # by environment: given so far
        self.time = 0

    def add(self, transition: Transition) -> None:
        for i in range(len(transition.reward)):
            if self.over.get(i, True):
                self.episodes.setdefault(i, []).append([])
                self.frames[i] = self.frames.get(i, 0) + self.stack
            self.episodes[i][-1].append(
                Step(
                    self.time,
                    i,
                    self.frames[i],
                    transition.observation[i].copy(),
                    int(transition.action[i]),
                    float(transition.reward[i]),
                    float(transition.discount[i]),
                    transition.next_observation[i].copy(),
                )
            )
            self.frames[i] += 1
            self.over[i] = bool(transition.last[i])
        self.time += 1

    def drawable(self) -> list[Step]:
        """Everything that can be drawn, from old to new and by environment."""
        found = []
        for i, episodes in self.episodes.items():
            for number, episode in enumerate(episodes):
                over = self.over[i] or number < len(episodes) - 1
                for start, step in enumerate(episode):
                    first_frame = step.frames_before - self.stack
                    held = first_frame >= self.frames[i] - self.frames_kept
                    if held and (over or len(episode) - start >= self.steps):
                        found.append(self._returned(episode[start : start + self.steps]))
        return sorted(found, key=lambda one: (one.time, one.environment))

    def _returned(self, window: list[Step]) -> Step:
        reward, worth = 0.0, 1.0
        for step in window:
            reward += worth * step.reward
            worth *= self.discount * step.discount
        return replace(window[0], reward=reward, discount=worth, next_observation=window[-1].next_observation)


class Experience:
    """Endless transitions of environments whose episodes differ in length and end in every way.

    No two frames are alike. Discounts are 0 at a termination, and now and then within an episode (a life lost).
    """

    def __init__(
        self,
        num: int,
        seed: int,
        *,
        stack: int = 1,
        frame_shape: tuple[int, ...] = (2, 2),
        num_actions: int = 5,
        rewards: range | None = None,  # None: any numbers
        noisy_start: bool = False,  # the first stack's earlier frames are of their own, not zeros
        ends: float = 0.2,  # how often an episode does
    ):
        self.random = np.random.default_rng(seed)
        self.num, self.stack, self.frame_shape, self.num_actions = num, stack, frame_shape, num_actions
        self.rewards, self.noisy_start, self.ends = rewards, noisy_start, ends
        self.frames_made = 0
        self.stacks = [self.first() for _ in range(num)]

    def frame(self) -> np.ndarray:
        """Never the same twice: its number in the digits of base 251, plus 1 so that none is all zeros."""
        self.frames_made += 1
        digits = [self.frames_made // 251**i % 251 + 1 for i in range(3)]
        return np.resize(np.array(digits, np.uint8), self.frame_shape)

    def first(self) -> list[np.ndarray]:
        padding = [
            self.frame() if self.noisy_start else np.zeros(self.frame_shape, np.uint8) for _ in range(self.stack)
        ]
        return [*padding[1:], self.frame()]

    def observations(self) -> np.ndarray:
        if self.stack == 1:
            return np.stack([frames[0] for frames in self.stacks])
        return np.stack([np.stack(frames) for frames in self.stacks])

    def __iter__(self) -> Iterator[Transition]:
        return self

    def __next__(self) -> Transition:
        observation = self.observations()
        self.stacks = [[*frames[1:], self.frame()] for frames in self.stacks]
        next_observation = self.observations()
        last = self.random.random(self.num) < self.ends
        terminated = last & (self.random.random(self.num) < 0.5)
        life_lost = ~last & (self.random.random(self.num) < 0.1)
        reward = self.random.normal(size=self.num)
        if self.rewards is not None:
            reward = self.random.choice(list(self.rewards), self.num)
        for i in np.flatnonzero(last):
            self.stacks[i] = self.first()
        return Transition(
            observation,
            self.random.integers(self.num_actions, size=self.num),
            reward.astype(np.float32),
            (~(terminated | life_lost)).astype(np.float32),
            next_observation,
            last,
        )
