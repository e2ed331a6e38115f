"""Atari environments: N copies of a game that step in threads of their own and are resumed exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import gymnasium as gym
import numpy as np

from agents.agent import Transition
from agents.atari_copy import Copy
from agents.atari_protocol import NATURE, AtariProtocol
from agents.emulator import FRAMES_PER_SECOND, Emulator, action_meanings, game_named
from agents.environments import Finished, Replayed, check_saved_number, episode_seed
from lab.seeding import Seeds
from lab.trial import State


class AtariEnvironments:
    """N copies of one Atari game under a protocol. Episodes begin again by themselves.

    They are used as agents.environments.Environments are, and resumed in the same way: every episode has a seed of its
    own, a function of the seeds, the copy and the episode's number, and its actions are logged.
    """

    observation_dtype = np.dtype(np.uint8)
    reward_dtype = np.int32

    def __init__(
        self,
        game: str,
        num: int,
        seeds: Seeds,
        protocol: AtariProtocol = NATURE,
        *,
        once: bool = False,
    ):
        """With the game by any of its names, such as 'ms_pacman', 'MsPacman' or 'ALE/MsPacman-v5'.

        `once`: each copy plays one episode and then rests, for evaluation.
        Raises ValueError if there is no such game, naming the nearest.
        """
        self.name = game_named(game)
        if num < 1:
            raise ValueError(f"{self.name}: num is {num}, but there must be at least one environment to act in.")
        self.num, self.protocol, self.once = num, protocol, once
        self.stack = protocol.stack  # frames along axis 0 of an observation
        self.observation_shape = (protocol.stack, protocol.image_height, protocol.image_width)
        self._background = ThreadPoolExecutor(min(num, os.cpu_count() or 1), thread_name_prefix="atari")
        self._seeds = seeds
        self._copies: list[Copy] = []  # until somebody looks: what is refused before has started no emulator
        self.action_meanings = action_meanings(self.name, full=protocol.full_action_space)  # the name of each action
        self.num_actions = len(self.action_meanings)
        self.action_space = gym.spaces.Discrete(self.num_actions)
        self._finished: list[Finished] = []
        self._sent: np.ndarray | None = None  # actions that were sent and not received yet
        self.resting = np.zeros(num, dtype=bool)  # [N] played its one episode
        self._observations: np.ndarray | None = None

    @property
    def observations(self) -> np.ndarray:
        """[N, stack, H, W] uint8, to act on next. The first look begins the first episodes."""
        if self._observations is None:
            self._observations = self._go_to([0] * self.num, [np.empty(0, np.uint8)] * self.num)
        return self._observations

    def fresh(self, num: int, seeds: Seeds, *, once: bool = False) -> AtariEnvironments:
        """Other environments of the same kind, with episodes of their own. These here are not touched."""
        return AtariEnvironments(self.name, num, seeds, self.protocol, once=once)

    def step(self, actions: np.ndarray) -> Transition:
        """Acts in every copy and returns what came of it: `send` and `recv` in one."""
        self.send(actions)
        return self.recv()

    def send(self, actions: np.ndarray) -> None:
        """Gives every copy its action, [N] in [0, num_actions), and returns while their threads are at it.

        `recv` must follow. Raises ValueError for actions of another number or kind.
        """
        assert self._sent is None, "recv() has to follow each send()"
        if np.shape(actions) != (self.num,):
            raise ValueError(f"{self.name}: actions {np.shape(actions)} for {self.num} environments. Give each one.")
        if actions.dtype.kind not in "iu" or actions.min() < 0 or actions.max() >= self.num_actions:
            raise ValueError(
                f"{self.name}: the actions {actions} ({actions.dtype}) are not all among the {self.num_actions} that "
                f"there are. Give integers from 0 to {self.num_actions - 1}: {', '.join(self.action_meanings)}."
            )
        _ = self.observations  # the episodes have begun
        self._sent = actions
        for copy, action, resting in zip(self._copies, actions.tolist(), self.resting):
            if not resting:
                copy.send(action)

    def recv(self) -> Transition:
        """What came of the actions that were sent, in arrays of its own that no later step overwrites.

        Where an episode ended, the transition holds its true last observation, and `observations` the first of
        the next episode. A resting copy stays where it is, with reward 0.
        """
        assert self._sent is not None, "recv() follows a send()"
        actions, self._sent = self._sent, None
        observation = self.observations
        next_observation = np.empty_like(observation)
        reward, discount = np.zeros(self.num, np.float32), np.ones(self.num, np.float32)
        last = np.zeros(self.num, bool)
        for i, copy in enumerate(self._copies):
            if self.resting[i]:
                next_observation[i] = observation[i]
                continue
            lives = copy.lives
            moment = copy.recv()
            next_observation[i], reward[i] = moment.observation, moment.reward
            if moment.terminated or (self.protocol.life_loss_is_terminal and moment.lives < lives):
                discount[i] = 0.0
            last[i] = moment.terminated or moment.truncated
        self._observations = next_observation
        if last.any():
            self._observations = next_observation.copy()
            self._end(last)
        return Transition(observation, actions, reward, discount, next_observation, last)

    def _end(self, last: np.ndarray) -> None:
        """Begins the next episode wherever one ended, or lets the copy rest."""
        for i in np.flatnonzero(last).tolist():
            copy = self._copies[i]
            self._finished.append(Finished(i, copy.episode, copy.seed, copy.logged(), float(copy.total)))
            if self.once:
                self.resting[i] = True
            else:
                self.observations[i] = copy.begin_next()

    def take_finished(self) -> list[Finished]:
        """The episodes that ended since the last call, in the order in which they did. They are not in the state."""
        taken, self._finished = self._finished, []
        return taken

    def replayed(self, seed: int, actions: np.ndarray, *, picture_every: int = 1) -> Iterator[Replayed]:
        """Makes an episode again, from its seed and its actions [T].

        The first of every `picture_every` steps has a picture, in colour. Ends where the game or the protocol does,
        though actions may be left.
        """
        emulator, camera = Emulator(self.name, self.protocol), Emulator(self.name, self.protocol, colour=True)
        moment, picture = emulator.begin(seed), camera.begin(seed).observation[0]
        for step, action in enumerate(actions.tolist()):
            emulator.send(action)
            camera.send(action)
            seen, moment = moment, emulator.recv()
            yield Replayed(picture if step % picture_every == 0 else None, seen.observation, float(moment.reward))
            picture = camera.recv().observation[0]
            if moment.terminated or moment.truncated:
                return

    @property
    def frames_per_second(self) -> int:
        """How many steps the console's own time has in a second."""
        return max(1, FRAMES_PER_SECOND // self.protocol.frame_skip)

    def close(self) -> None:
        """Ends the threads and frees the emulators."""
        self._background.shutdown(cancel_futures=True)
        self._copies.clear()

    def state_dict(self) -> State:
        """Each copy's episode number and actions so far; the observations only to check the replay by.

        Raises RuntimeError between `send` and `recv`.
        """
        self._check_nothing_is_sent()
        observations = self.observations.copy()  # first: the episodes have begun
        return {
            "episodes": [copy.episode for copy in self._copies],
            "actions": [copy.logged() for copy in self._copies],
            "resting": self.resting.copy(),
            "observations": observations,
        }

    def load_state_dict(self, state: State) -> None:
        """Begins each copy's episode anew and replays its actions, all copies at once.

        Raises ValueError if the state is of another number of copies, RuntimeError between `send` and `recv`, or if the
        replay arrives at another observation than the saved one, bit for bit.
        """
        self._check_nothing_is_sent()
        check_saved_number(state, self.num)
        observations = self._go_to(state["episodes"], state["actions"])
        self._check_arrival(observations, state)
        self._observations, self.resting, self._finished = observations, np.array(state["resting"]), []

    def _go_to(self, episodes: list[int], actions: list[np.ndarray]) -> np.ndarray:
        """Has each copy begin that episode and replay those actions, all at once. Returns where they arrive."""
        if not self._copies:
            make, seeds = partial(Emulator, self.name, self.protocol), self._seeds
            self._copies = [
                Copy(make, partial(episode_seed, seeds, i), self._background, once=self.once) for i in range(self.num)
            ]
        arriving = [copy.go_to(episode, log) for copy, episode, log in zip(self._copies, episodes, actions)]
        observations = np.stack([arrived.result() for arrived in arriving])
        for copy in self._copies:
            copy.prepare_next()
        return observations

    def _check_nothing_is_sent(self) -> None:
        if self._sent is not None:
            raise RuntimeError(
                f"{self.name}: actions were sent and their step is under way, so there is no state between the two "
                "that could be saved or left. Call recv() first."
            )

    def _check_arrival(self, observations: np.ndarray, state: State) -> None:
        for i, (here, saved) in enumerate(zip(observations, state["observations"])):
            if not np.array_equal(here, saved):
                raise RuntimeError(
                    f"{self.name}: copy {i} began its episode {state['episodes'][i]} with the same seed and was given "
                    f"the same {len(state['actions'][i])} actions again, but arrived at another picture than the saved "
                    "one. The protocol is another one or ale-py another version than when the state was saved, so the "
                    "run cannot go on exactly. Go on with what it began with."
                )
