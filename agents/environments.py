"""Environments: N copies of any gymnasium environment, stepped as one batch and resumed exactly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from agents.agent import Transition
from lab.names import did_you_mean
from lab.seeding import Seeds
from lab.trial import State

Settings = Mapping[str, Any]


class Environments:
    """N copies of one gymnasium environment. Episodes begin again by themselves.

    Every episode is reset with a seed of its own, a function of the seeds, the copy and the episode's number, and its
    actions are logged. So a state is only (episode number, actions so far), and is restored by reset and
    replay, without any help from the simulator. Episodes should have a time limit: the log grows with them.
    """

    def __init__(
        self,
        name: str,
        num: int,
        seeds: Seeds,
        *,
        settings: Settings | None = None,
        once: bool = False,
        render: bool = False,
    ):
        """With `settings` for gymnasium.make, `max_episode_steps` among them.

        `once`: each copy plays one episode and then rests, for evaluation. `render`: `frame` is available.
        Observations that are numbers (Discrete) come one-hot, as [n] float32.
        Raises ValueError if there is no such environment or its spaces are of a kind that is not supported.
        """
        if num < 1:
            raise ValueError(f"{name}: num is {num}, but there must be at least one environment to act in.")
        self.name, self.num, self.settings, self.once = name, num, dict(settings or {}), once
        self._seeds = seeds
        self._copies = [_make(name, self.settings, render) for _ in range(num)]
        self.observation_shape, self.observation_dtype = _observation_format(name, self._copies[0].observation_space)
        self.action_space = _supported_action_space(name, self._copies[0].action_space)
        self._episodes = [0] * num  # number of the episode that each copy is in
        self._actions: list[list[Any]] = [[] for _ in range(num)]  # of that episode, as gymnasium takes them
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

    def fresh(self, num: int, seeds: Seeds, *, once: bool = False, render: bool = False) -> Environments:
        """Other environments of the same kind, with episodes of their own. These here are not touched."""
        return Environments(self.name, num, seeds, settings=self.settings, once=once, render=render)

    def step(self, actions: np.ndarray) -> Transition:
        """Acts in every copy: actions [N] in [0, num_actions), or [N, ...] for a continuous space.

        Where an episode ended, the transition holds its true last observation, and `observations` the first of
        the next episode. A resting copy stays where it is, with reward 0.
        """
        observation = self.observations
        next_observation = np.empty_like(observation)
        reward = np.zeros(self.num, np.float32)
        discount = np.ones(self.num, np.float32)
        last, ended = np.zeros(self.num, bool), False
        for i, action in enumerate(self._for_gymnasium(actions)):
            if self.resting[i]:
                next_observation[i] = observation[i]
                continue
            self._actions[i].append(action)
            next_observation[i], reward[i], terminated, truncated, _ = self._copies[i].step(action)
            if terminated:
                discount[i] = 0.0
            if terminated or truncated:
                last[i], ended = True, True
        self.observations = next_observation
        if ended:
            self.observations = next_observation.copy()
            self._end(last)
        return Transition(observation, actions, reward, discount, next_observation, last)

    def _for_gymnasium(self, actions: np.ndarray) -> list[Any]:
        if len(actions) != self.num:
            raise ValueError(f"{self.name}: {len(actions)} actions for {self.num} environments. Give each one.")
        if isinstance(self.action_space, gym.spaces.Discrete):
            start = int(self.action_space.start)
            return [action + start for action in actions.tolist()]
        return [np.array(action, dtype=self.action_space.dtype) for action in actions]

    def _end(self, last: np.ndarray) -> None:
        """Begins the next episode wherever one ended, or lets the copy rest."""
        for i in np.flatnonzero(last).tolist():
            if self.once:
                self.resting[i] = True
            else:
                self.observations[i] = self._begin(i, self._episodes[i] + 1)

    def _begin(self, i: int, episode: int) -> np.ndarray:
        self._episodes[i], self._actions[i] = episode, []
        seed = self._seeds.derive(f"{i}/{episode}") % 2**31  # no simulator takes more than 31 bits for granted
        observation, _ = self._copies[i].reset(seed=seed)
        return np.asarray(observation, self.observation_dtype)

    @property
    def frames_per_second(self) -> int:
        """How fast the simulator's own time passes."""
        return int(self._copies[0].metadata.get("render_fps", 30))

    def frame(self) -> np.ndarray:
        """The first copy as a picture, [H, W, 3] uint8."""
        return np.asarray(self._copies[0].render())

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
        if len(state["episodes"]) != self.num:
            raise ValueError(
                f"The saved state is of {len(state['episodes'])} environments, but here are {self.num}. "
                "Go on with the number that the run began with."
            )
        self.observations = np.stack([self._replay(i, state) for i in range(self.num)])
        self.resting = np.array(state["resting"])

    def _replay(self, i: int, state: State) -> np.ndarray:
        """Returns the observation at which the saved episode of copy `i` arrives."""
        observation = self._begin(i, state["episodes"][i])
        discrete = isinstance(self.action_space, gym.spaces.Discrete)
        self._actions[i] = state["actions"][i].tolist() if discrete else list(state["actions"][i])
        for action in self._actions[i]:
            observation = self._copies[i].step(action)[0]
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


def _make(name: str, settings: Settings, render: bool) -> gym.Env:
    """One simulator, without gymnasium's checker, which costs more than a small environment itself."""
    mode = {}
    if render:
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame then draws without a screen
        mode = {"render_mode": "rgb_array"}
    if name.startswith("ALE/"):
        _register_atari()
    try:
        simulator = gym.make(name, disable_env_checker=True, **mode, **settings)
    except gym.error.Error as error:
        raise ValueError(
            f"gymnasium cannot make an environment {name!r}: {error} {did_you_mean(name, gym.registry)}"
        ) from error
    except TypeError as error:
        raise ValueError(f"{name} does not take the settings {dict(settings)}: {error}.") from error
    space = simulator.observation_space
    return _one_hot(simulator, space) if isinstance(space, gym.spaces.Discrete) else simulator


def _register_atari() -> None:
    """Makes gymnasium know the Atari games, whose ids begin with ALE/; they stay silent about who made them."""
    import ale_py

    gym.register_envs(ale_py)
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)


def _one_hot(simulator: gym.Env, space: gym.spaces.Discrete) -> gym.Env:
    """The simulator with observation number k as row k of the identity, [n] float32."""
    rows, start = np.eye(space.n, dtype=np.float32), space.start
    return gym.wrappers.TransformObservation(
        simulator, lambda number: rows[number - start], gym.spaces.Box(0.0, 1.0, (int(space.n),), np.float32)
    )


def _observation_format(name: str, space: gym.Space) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of one observation; a simulator's doubles are carried in single precision."""
    if isinstance(space, gym.spaces.Box):
        double = space.dtype == np.float64
        return space.shape, np.dtype(np.float32) if double else np.dtype(space.dtype)
    raise ValueError(
        f"{name} has observations {space}; only Box and Discrete ones are supported. Wrap it so that it gives one "
        "array, for instance by gymnasium.wrappers.FlattenObservation, and register that under a name of its own."
    )


def _supported_action_space(name: str, space: gym.Space) -> gym.spaces.Discrete | gym.spaces.Box:
    if isinstance(space, gym.spaces.Discrete | gym.spaces.Box):
        return space
    raise ValueError(
        f"{name} takes actions {space}; only Discrete and Box ones are supported. Wrap it so that an action is "
        "one number or one array, and register that under a name of its own."
    )
