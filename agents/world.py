"""The world: what an agent acts in, N environments stepped as one batch, whoever simulates them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from agents.agent import Transition
from agents.environments import Finished, Replayed
from lab.seeding import Seeds
from lab.trial import State


class World(Protocol):
    """N environments of one kind, as agents.environments.Environments and its Atari twin are. Episodes restart."""

    @property
    def name(self) -> str:
        """As its simulator knows it."""
        ...

    @property
    def num(self) -> int:
        """N."""
        ...

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Of one observation."""
        ...

    @property
    def observation_dtype(self) -> np.dtype:
        """Of one observation."""
        ...

    @property
    def stack(self) -> int:
        """Frames along axis 0 of an observation, the newest last; 1 where it is one frame whole."""
        ...

    @property
    def reward_dtype(self) -> Any:
        """The smallest numpy type that holds a reward exactly."""
        ...

    @property
    def action_space(self) -> gym.spaces.Discrete | gym.spaces.Box:
        """What an action is to the simulator."""
        ...

    @property
    def num_actions(self) -> int:
        """How many discrete actions there are. Raises ValueError if they cannot be counted."""
        ...

    @property
    def action_meanings(self) -> Sequence[str] | None:
        """The name of each action, where they have names."""
        ...

    @property
    def observations(self) -> np.ndarray:
        """[N, ...] to act on next."""
        ...

    @property
    def resting(self) -> np.ndarray:
        """[N] bool: played its one episode."""
        ...

    @property
    def frames_per_second(self) -> int:
        """Steps in a second of the simulator's own time."""
        ...

    def fresh(self, num: int, seeds: Seeds, *, once: bool = False) -> World:
        """Others of the same kind, with episodes of their own; `once`: each plays one and then rests."""
        ...

    def step(self, actions: np.ndarray) -> Transition:
        """Acts in every one and returns what came of it: `send` and `recv` in one."""
        ...

    def send(self, actions: np.ndarray) -> None:
        """Gives every one its action; `recv` must follow."""
        ...

    def recv(self) -> Transition:
        """What came of it, in arrays that no later step overwrites."""
        ...

    def take_finished(self) -> list[Finished]:
        """The episodes that ended since the last call. They are not in the state."""
        ...

    def replayed(self, seed: int, actions: np.ndarray, *, picture_every: int = 1) -> Iterator[Replayed]:
        """Makes an episode again; the first of every `picture_every` steps has a picture."""
        ...

    def close(self) -> None:
        """Frees what the simulators hold."""
        ...

    def state_dict(self) -> State:
        """Everything that is needed to go on exactly."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Takes up a state so that what follows equals never having stopped, bit for bit."""
        ...
