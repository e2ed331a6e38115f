"""Environments: N copies of any gymnasium environment, stepped as one batch and resumed exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from agents.agent import Transition
from agents.simulator import (
    Settings,
    for_simulator,
    from_simulator,
    make,
    observation_format,
    own,
    picture,
    supported_action_space,
)
from lab.seeding import Seeds
from lab.trial import State

LONGEST = 27_000  # steps of an episode in evaluation that nothing else limits


@dataclass(frozen=True)
class Finished:
    """An episode that ended, as all that is needed to make it again: its seed and its actions."""

    copy: int  # which of the N environments it was played in
    number: int  # of the copy's episodes, counted from 0
    seed: int
    actions: np.ndarray  # [T, ...] as the agent gave them: in [0, num_actions) where they are discrete
    total_reward: float


@dataclass(frozen=True)
class Replayed:
    """One moment of an episode that is made again."""

    frame: np.ndarray | None  # [H, W, 3] uint8, before the action; none where no picture was asked for
    observation: np.ndarray  # [...] where the agent acted
    reward: float  # that followed its action


def _limit_of(simulator: gym.Env) -> int | None:
    return simulator.spec.max_episode_steps if simulator.spec is not None else None


def episode_seed(seeds: Seeds, copy: int, episode: int) -> int:
    """The seed of an episode of a copy; no simulator takes more than 31 bits for granted."""
    return seeds.derive(f"{copy}/{episode}") % 2**31


def check_saved_number(state: State, num: int) -> None:
    """Raises ValueError if a state was saved of another number of environments."""
    if len(state["episodes"]) != num:
        raise ValueError(
            f"The saved state is of {len(state['episodes'])} environments, but here are {num}. "
            "Go on with the number that the run began with."
        )


class Environments:
    """N copies of one gymnasium environment. Episodes begin again by themselves.

    Every episode is reset with a seed of its own, a function of the seeds, the copy and the episode's number, and its
    actions are logged. So a state is only (episode number, actions so far), and is restored by reset and
    replay, without any help from the simulator. Episodes should have a time limit: the log grows with them.
    """

    reward_dtype = np.float32

    def __init__(
        self,
        name: str,
        num: int,
        seeds: Seeds,
        *,
        settings: Settings | None = None,
        once: bool = False,
    ):
        """With `settings` for gymnasium.make, `max_episode_steps` among them.

        The setting `stack` is ours: an observation is then the newest so many frames, [stack, ...], zeros before
        the first. `once`: each copy plays one episode and then rests, for evaluation; where neither the environment nor
        the settings limit an episode's steps, it is cut after `LONGEST`, as a greedy agent may walk for ever.
        Observations that are numbers (Discrete) come one-hot, as [n] float32.
        Raises ValueError if there is no such environment or its spaces are of a kind that is not supported.
        """
        if num < 1:
            raise ValueError(f"{name}: num is {num}, but there must be at least one environment to act in.")
        self.name, self.num, self.settings, self.once = name, num, dict(settings or {}), once
        self._seeds = seeds
        self.stack: int = self.settings.get("stack", 1)  # frames along axis 0 of an observation
        self._copies = [make(name, self.settings) for _ in range(num)]
        if once and _limit_of(self._copies[0]) is None:
            self._copies = [gym.wrappers.TimeLimit(copy, LONGEST) for copy in self._copies]
        self.observation_shape, self.observation_dtype = observation_format(name, self._copies[0].observation_space)
        self.action_space = supported_action_space(name, self._copies[0].action_space)
        self._episodes = [0] * num  # number of the episode that each copy is in
        self._actions: list[list[Any]] = [[] for _ in range(num)]  # of that episode, as gymnasium takes them
        self._totals = np.zeros(num)  # [N] reward of that episode so far
        self._finished: list[Finished] = []
        self._sent: np.ndarray | None = None  # actions that were sent and not received yet
        self.resting = np.zeros(num, dtype=bool)  # [N] played its one episode
        self.observations = np.stack([self._begin(i, 0) for i in range(num)])  # [N, ...] to act on next

    @property
    def num_actions(self) -> int:
        """How many discrete actions there are. Raises ValueError if actions are continuous."""
        if isinstance(self.action_space, gym.spaces.Discrete):
            return int(self.action_space.n)
        raise ValueError(
            f"{self.name} has the action space {self.action_space}, so its actions cannot be counted. An agent "
            "that chooses among values of actions needs a Discrete space: take another environment, or another agent."
        )

    @property
    def action_meanings(self) -> list[str] | None:
        """The name of each discrete action, where the simulator has any (Atari's do)."""
        tell = getattr(self._copies[0].unwrapped, "get_action_meanings", None)
        return list(tell()) if tell is not None else None

    def fresh(self, num: int, seeds: Seeds, *, once: bool = False) -> Environments:
        """Other environments of the same kind, with episodes of their own. These here are not touched."""
        return Environments(self.name, num, seeds, settings=self.settings, once=once)

    def step(self, actions: np.ndarray) -> Transition:
        """Acts in every copy and returns what came of it: `send` and `recv` in one."""
        self.send(actions)
        return self.recv()

    def send(self, actions: np.ndarray) -> None:
        """Gives every copy its action: [N] in [0, num_actions), or [N, ...] for a continuous space.

        `recv` must follow. What is done in between is done while environments that have threads step; these have none.
        """
        if len(actions) != self.num:
            raise ValueError(f"{self.name}: {len(actions)} actions for {self.num} environments. Give each one.")
        assert self._sent is None, "recv() has to follow each send()"
        self._sent = actions

    def recv(self) -> Transition:
        """What came of the actions that were sent, in arrays of its own that no later step overwrites.

        Where an episode ended, the transition holds its true last observation, and `observations` the first of
        the next episode. A resting copy stays where it is, with reward 0.
        """
        assert self._sent is not None, "recv() follows a send()"
        actions, self._sent = self._sent, None
        observation = self.observations
        next_observation = np.empty_like(observation)
        reward = np.zeros(self.num, self.reward_dtype)
        discount = np.ones(self.num, np.float32)
        last, ended = np.zeros(self.num, bool), False
        for i, action in enumerate(for_simulator(actions, self.action_space)):
            if self.resting[i]:
                next_observation[i] = observation[i]
                continue
            self._actions[i].append(action)
            next_observation[i], reward[i], terminated, truncated, _ = self._copies[i].step(own(action))
            if terminated:
                discount[i] = 0.0
            if terminated or truncated:
                last[i], ended = True, True
        self._totals += reward
        self.observations = next_observation
        if ended:
            self.observations = next_observation.copy()
            self._end(last)
        return Transition(observation, actions, reward, discount, next_observation, last)

    def _end(self, last: np.ndarray) -> None:
        """Begins the next episode wherever one ended, or lets the copy rest."""
        for i in np.flatnonzero(last).tolist():
            episode, actions = self._episodes[i], from_simulator(self._actions[i], self.action_space)
            self._finished.append(Finished(i, episode, self._seed(i, episode), actions, float(self._totals[i])))
            if self.once:
                self.resting[i] = True
            else:
                self.observations[i] = self._begin(i, episode + 1)

    def _begin(self, i: int, episode: int) -> np.ndarray:
        self._episodes[i], self._actions[i], self._totals[i] = episode, [], 0.0
        observation, _ = self._copies[i].reset(seed=self._seed(i, episode))
        return np.asarray(observation, self.observation_dtype)

    def _seed(self, i: int, episode: int) -> int:
        return episode_seed(self._seeds, i, episode)

    def take_finished(self) -> list[Finished]:
        """The episodes that ended since the last call, in the order in which they did. They are not in the state."""
        taken, self._finished = self._finished, []
        return taken

    def replayed(self, seed: int, actions: np.ndarray, *, picture_every: int = 1) -> Iterator[Replayed]:
        """Makes an episode again, from its seed and its actions [T, ...], in a simulator of its own.

        The first of every `picture_every` steps has a picture, which may cost more than all else. Ends where the
        simulator says that the episode does, though actions may be left. Raises agents.simulator.NothingToSee if there
        are no pictures of it.
        """
        simulator = make(self.name, self.settings, render=True)
        try:
            observation, _ = simulator.reset(seed=seed)
            for step, action in enumerate(for_simulator(actions, self.action_space)):
                seen = np.array(observation, self.observation_dtype)
                frame = picture(self.name, simulator, seen) if step % picture_every == 0 else None
                observation, reward, terminated, truncated, _ = simulator.step(action)
                yield Replayed(frame, seen, float(self.reward_dtype(reward)))
                if terminated or truncated:
                    return
        finally:
            simulator.close()

    @property
    def frames_per_second(self) -> int:
        """How fast the simulator's own time passes."""
        return int(self._copies[0].metadata.get("render_fps", 30))

    def close(self) -> None:
        """Frees what the simulators hold."""
        for copy in self._copies:
            copy.close()

    def state_dict(self) -> State:
        """Each copy's episode number and actions so far; the observations only to check the replay by."""
        return {
            "episodes": list(self._episodes),
            "actions": [np.array(actions, dtype=self.action_space.dtype) for actions in self._actions],
            "resting": self.resting.copy(),
            "observations": self.observations.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Resets each copy into its episode and replays its actions.

        Raises ValueError if the state is of another number of copies, RuntimeError if the replay arrives at another
        observation than the saved one, bit for bit.
        """
        check_saved_number(state, self.num)
        self.observations = np.stack([self._go_to(i, state) for i in range(self.num)])
        self._finished, self._sent = [], None
        self.resting = np.array(state["resting"])

    def _go_to(self, i: int, state: State) -> np.ndarray:
        """Returns the observation at which the saved episode of copy `i` arrives."""
        observation = self._begin(i, state["episodes"][i])
        discrete = isinstance(self.action_space, gym.spaces.Discrete)
        self._actions[i] = state["actions"][i].tolist() if discrete else list(state["actions"][i].copy())
        for action in self._actions[i]:
            observation, reward, *_ = self._copies[i].step(own(action))
            self._totals[i] += self.reward_dtype(reward)
        observation = np.asarray(observation, self.observation_dtype)
        if observation.tobytes() != state["observations"][i].tobytes():
            raise RuntimeError(
                f"{self.name}: environment {i} was reset with the seed of its episode {self._episodes[i]} and given "
                f"the same {len(self._actions[i])} actions again, but arrived at {observation} instead of "
                f"{state['observations'][i]}. The simulator is not deterministic, or is another version than when the "
                "state was saved, so the run cannot go on exactly. Seed whatever it draws from in reset(seed=...), or "
                "install the version used before."
            )
        return observation
