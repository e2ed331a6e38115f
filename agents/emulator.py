"""The emulator: one Atari game under a protocol, in a thread of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

import ale_py
import numpy as np
from ale_py import roms
from ale_py.vector_env import AtariVectorEnv

from agents.atari_protocol import AtariProtocol

FRAMES_PER_SECOND = 60  # of the console (NTSC)
_FOR_TWO_PLAYERS = {"combat", "joust", "maze_craze", "warlords"}  # loading one of them ends the process


def games() -> list[str]:
    """The names of all games that one player can play, such as 'ms_pacman'."""
    return sorted(set(roms.get_all_rom_ids()) - _FOR_TWO_PLAYERS)


def game_named(name: str) -> str:
    """The game that is meant by 'ms_pacman', 'Ms. Pacman', 'ALE/MsPacman-v5' or 'MsPacmanNoFrameskip-v4'.

    What such a name says beyond the game, about the protocol, is passed over.

    Raises ValueError if it is for two players, or, naming the nearest games, if there is none.
    """
    bare = re.sub(r"^ALE/|(NoFrameskip|Deterministic)?-v\d+$", "", name)
    meant = re.sub(r"[^a-z0-9]", "", bare.lower())
    known = {game.replace("_", ""): game for game in games()}
    if meant in known:
        return known[meant]
    if meant in {game.replace("_", "") for game in _FOR_TWO_PLAYERS}:
        raise ValueError(f"The Atari game {name!r} is for two players, but an agent plays alone. Take another game.")
    nearest = ", ".join(repr(known[near]) for near in get_close_matches(meant, known, n=3, cutoff=0.0))
    raise ValueError(
        f"There is no Atari game {name!r}. The nearest of {len(known)}: {nearest}. agents.emulator.games() gives all."
    )


class Moment(NamedTuple):
    """What an emulator shows after a step."""

    observation: np.ndarray  # [stack, H, W] uint8, or [1, H, W, 3] in colour
    reward: int  # the game's points
    terminated: bool  # the game is over
    truncated: bool  # it is not, but the protocol's time is up
    lives: int  # that are left; 0 at all times in games without


class Emulator:
    """One game, played in episodes that are each a function of their seed and actions.

    ale-py's vector environment with a single game in it. Several in one would all have to wait whenever one of them is
    seeded anew, which takes as long as some 200 steps.
    """

    def __init__(self, game: str, protocol: AtariProtocol, *, colour: bool = False):
        """`colour`: observations are of the same episodes, but as the console's own screen shows them."""
        height, width = _screen_size(game) if colour else (protocol.image_height, protocol.image_width)
        self._vector = AtariVectorEnv(
            game,
            1,
            num_threads=1,
            max_num_frames_per_episode=protocol.max_frames,
            repeat_action_probability=protocol.sticky_action_probability,
            full_action_space=protocol.full_action_space,
            img_height=height,
            img_width=width,
            grayscale=not colour,
            stack_num=1 if colour else protocol.stack,
            frameskip=protocol.frame_skip,
            maxpool=protocol.max_pool,
            noop_max=protocol.noop_max + 1,  # ale-py draws from 0 to one less than this
            use_fire_reset=protocol.fire_on_reset,
            reward_clipping=False,  # else the true score could not be told
        )

    def begin(self, seed: int) -> Moment:
        """Begins the episode of this seed, in [0, 2**31)."""
        observations, info = self._vector.reset(seed=seed)
        return Moment(observations[0], 0, False, False, int(info["lives"][0]))

    def send(self, action: int) -> None:
        """Lets the game go on by one step, in its own thread. `recv` must follow."""
        self._vector.ale.send([action], [1.0])

    def recv(self) -> Moment:
        """Waits for the step that was sent. After an episode's last one `begin` must follow."""
        observations, rewards, terminated, truncated, info = self._vector.ale.recv()
        lives = int(info["lives"][0])
        return Moment(observations[0], int(rewards[0]), bool(terminated[0]), bool(truncated[0]), lives)

    def replay(self, seed: int, actions: Iterable[int]) -> Moment:
        """Begins the episode of this seed and takes the actions. The reward of the moment is that of all of them."""
        moment, total = self.begin(seed), 0
        for action in actions:
            self.send(action)
            moment = self.recv()
            total += moment.reward
        return moment._replace(reward=total)


def action_meanings(game: str, *, full: bool) -> list[str]:
    """The name of each action: of those that do something in the game, or with `full` of all that the joystick has."""
    console = _console(game)
    return [action.name for action in (console.getLegalActionSet() if full else console.getMinimalActionSet())]


def _screen_size(game: str) -> tuple[int, int]:
    """Height and width in pixels of what the console shows: 210 x 160 for most games."""
    return _console(game).getScreenDims()


def _console(game: str) -> ale_py.ALEInterface:
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    console = ale_py.ALEInterface()
    console.loadROM(roms.get_rom_path(game))
    return console
