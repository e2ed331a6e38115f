"""One copy of an Atari game, playing episode after episode without a pause between them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future

import numpy as np

from agents.emulator import Emulator, Moment


class Copy:
    """Plays an episode in one emulator while another gets the next one ready in the background.

    To seed an emulator takes as long as some 200 steps, because ale-py builds the whole console again for it.
    """

    episode: int  # number of the one that goes on
    actions: bytearray  # taken in it
    total: int  # reward in it
    lives: int

    def __init__(
        self, make: Callable[[], Emulator], seed_of: Callable[[int], int], background: Executor, *, once: bool
    ):
        """With the seed of each episode's number. `once`: there is only one episode. `go_to` says where to begin."""
        self._make, self._seed_of, self._background, self._once = make, seed_of, background, once
        self._emulator = make()  # of the episode that goes on
        self._next: Future[tuple[Emulator, Moment]] | None = None

    @property
    def seed(self) -> int:
        """That of the episode that goes on."""
        return self._seed_of(self.episode)

    def go_to(self, episode: int, actions: np.ndarray) -> Future[np.ndarray]:
        """Begins an episode and replays the actions [T], in the background, up to an observation.

        `prepare_next` must follow, once all copies are on their way or have arrived.
        """
        self.episode, self.actions = episode, bytearray(actions.tolist())
        return self._background.submit(self._replay)

    def _replay(self) -> np.ndarray:
        moment = self._emulator.replay(self.seed, self.actions)
        self.total, self.lives = moment.reward, moment.lives
        return moment.observation

    def prepare_next(self) -> None:
        """Has the next episode got ready in the background."""
        if not self._once:
            spare = None if self._next is None else self._next.result()[0]
            self._prepare(spare)

    def begin_next(self) -> np.ndarray:
        """Goes on to the next episode. Returns its first observation."""
        assert self._next is not None, "a copy that plays once has no next episode"
        spare = self._emulator
        self._emulator, moment = self._next.result()
        self.episode, self.actions, self.total, self.lives = self.episode + 1, bytearray(), 0, moment.lives
        self._prepare(spare)
        return moment.observation

    def _prepare(self, spare: Emulator | None) -> None:
        self._next = self._background.submit(self._ready, spare, self._seed_of(self.episode + 1))

    def _ready(self, spare: Emulator | None, seed: int) -> tuple[Emulator, Moment]:
        emulator = self._make() if spare is None else spare
        return emulator, emulator.begin(seed)

    def send(self, action: int) -> None:
        """Lets the game go on by one step, in its own thread. `recv` must follow."""
        self.actions.append(action)
        self._emulator.send(action)

    def recv(self) -> Moment:
        """Waits for the step that was sent."""
        moment = self._emulator.recv()
        self.total += moment.reward
        self.lives = moment.lives
        return moment

    def logged(self) -> np.ndarray:
        """The actions of the episode so far, [T] uint8."""
        return np.array(self.actions, np.uint8)
