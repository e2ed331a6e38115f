"""The agent: what acts and learns, and the transition, the one form in which experience reaches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from lab.probe import Case
from lab.seeding import Seeds
from lab.trial import Metrics, State


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of N environments. Experience crosses as arrays; each agent moves it to its own device."""

    observation: np.ndarray  # [N, ...] where the agent acted
    action: np.ndarray  # [N] (or [N, ...] where actions have axes)
    reward: np.ndarray  # [N] float32, as the environment gave it
    discount: np.ndarray  # [N] float32: 0 where the episode truly terminated, else 1, at a time limit too
    next_observation: np.ndarray  # [N, ...] what followed; of an ended episode its true last observation
    last: np.ndarray  # [N] bool: the episode ended here, by termination or by truncation


class Agent(Protocol):
    """Acts in N environments at once and learns from what came of it.

    An agent owns its networks, optimisers and counters; only `learn` changes them. `act` may draw from the
    agent's generators when it explores, and changes nothing otherwise.
    """

    def act(self, observations: np.ndarray, explore: bool) -> np.ndarray:
        """Chooses an action for each environment: [N, ...] -> [N]. Without `explore` it is the best known one."""
        ...

    def learn(self, transition: Transition) -> Metrics:
        """Takes in one transition of each environment, and learns when it is time to."""
        ...

    def state_dict(self) -> State:
        """Everything that is needed to go on exactly."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Takes up a state so that what follows equals never having stopped, bit for bit."""
        ...


@runtime_checkable
class RunningAhead(Protocol):
    """An agent whose work waits in a device's queue, so that the process can do something else meanwhile."""

    @property
    def runs_ahead(self) -> bool:
        """Whether it is so here."""
        ...

    def ask(self, observations: np.ndarray, explore: bool) -> Callable[[], np.ndarray]:
        """As `act`, without waiting: the call of what is returned gives the actions."""
        ...


@runtime_checkable
class Valued(Protocol):
    """An agent that can say what it expects of each action."""

    def values(self, observations: np.ndarray) -> np.ndarray:
        """Expected discounted return of each action: [N, ...] -> [N, A]."""
        ...


@runtime_checkable
class ProbedAgent(Protocol):
    """An agent whose model can be probed."""

    def probe_case(self, observations: np.ndarray, seeds: Seeds) -> Case:
        """Its module, the observations [B, ...] as inputs, and a loss on them."""
        ...


def check_observations(observations: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raises ValueError where observations are not [N, *shape] of that type, for which an agent was built."""
    if observations.shape[1:] != shape:
        raise ValueError(
            f"The observations are {list(observations.shape)}, but the agent was built for "
            f"[N, {', '.join(map(str, shape))}]: one for each of N environments. Add the axis that is missing, or "
            "build it with their shape."
        )
    if observations.dtype != dtype:
        raise ValueError(
            f"The observations are of {observations.dtype}, but the agent was built for {dtype}, "
            "which says how they are scaled. Convert them, or build it with observation_dtype of theirs."
        )
