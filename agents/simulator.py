"""The simulator: one gymnasium environment as the agents take it, and how it is looked at."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

import agents.bricks  # noqa: F401 - gymnasium then knows lab/Bricks-v0
from lab.names import did_you_mean

Settings = Mapping[str, Any]


def make(name: str, settings: Settings, *, render: bool = False) -> gym.Env:
    """One simulator, without gymnasium's checker, which costs more than a small environment itself.

    `settings` are gymnasium.make's, and `stack`: observations are then the newest `stack` frames along a new axis 0,
    with zeros for those before the episode. Observations that are numbers (Discrete) come one-hot, as [n] float32.
    With `render`, one that can draw itself will. A name MODULE:ID imports the module, which registers the id. Raises
    ValueError for a name, a module or settings that do not exist, and for what the simulator needs and is not there.
    """
    settings = dict(settings)
    stack = settings.pop("stack", None)
    if stack is not None and (isinstance(stack, bool) or not isinstance(stack, int) or stack < 1):
        raise ValueError(f"{name}: stack is {stack!r}, but an observation is made of whole frames. Give 1 or more.")
    simulator = _made(name, settings)
    if render and draws_itself(simulator):
        simulator.close()
        _draw_without_a_screen()
        simulator = _made(name, settings | {"render_mode": "rgb_array"})
    space = simulator.observation_space
    if isinstance(space, gym.spaces.Discrete):
        simulator = _one_hot(simulator, space)
    if stack is not None:
        simulator = gym.wrappers.FrameStackObservation(simulator, stack, padding_type="zero")
    return simulator


def _made(name: str, settings: Settings) -> gym.Env:
    if name.startswith("ALE/"):
        _register_atari()
    try:
        return gym.make(name, disable_env_checker=True, **settings)
    except gym.error.UnregisteredEnv as error:
        raise ValueError(
            f"gymnasium cannot make an environment {name!r}: {error} "
            f"{did_you_mean(name.rpartition(':')[2], gym.registry)}"
        ) from error
    except gym.error.Error as error:
        raise ValueError(f"gymnasium cannot make an environment {name!r}: {str(error).rstrip('.')}.") from error
    except ModuleNotFoundError as error:
        raise ValueError(
            f"gymnasium cannot make an environment {name!r}: {str(error).rstrip('.')}. Install what is "
            "missing, or add the folder that the module lies in to $PYTHONPATH."
        ) from error
    except TypeError as error:
        raise ValueError(
            f"{name} does not take the settings {dict(settings)}: {error}. Give those of its own and gymnasium.make's."
        ) from error


def _draw_without_a_screen() -> None:
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo


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


def observation_format(name: str, space: gym.Space) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of one observation; a simulator's doubles are carried in single precision.

    Raises ValueError if it is of a kind that is not supported.
    """
    if isinstance(space, gym.spaces.Box):
        double = space.dtype == np.float64
        return space.shape, np.dtype(np.float32) if double else np.dtype(space.dtype)
    raise ValueError(
        f"{name} has observations {space}; only Box and Discrete ones are supported. Wrap it so that it gives one "
        "array, for instance by gymnasium.wrappers.FlattenObservation, and register that under a name of its own."
    )


def supported_action_space(name: str, space: gym.Space) -> gym.spaces.Discrete | gym.spaces.Box:
    """The space itself. Raises ValueError if it is of a kind that is not supported."""
    if isinstance(space, gym.spaces.Discrete | gym.spaces.Box):
        return space
    raise ValueError(
        f"{name} takes actions {space}; only Discrete and Box ones are supported. Wrap it so that an action is "
        "one number or one array, and register that under a name of its own."
    )


def for_simulator(actions: np.ndarray, space: gym.spaces.Discrete | gym.spaces.Box) -> list[Any]:
    """Actions [K, ...] as the simulator takes each one; discrete ones count from 0 here, from its own start there."""
    if isinstance(space, gym.spaces.Discrete):
        start = int(space.start)
        return [action + start for action in actions.tolist()]
    return [np.array(action, dtype=space.dtype) for action in actions]


def from_simulator(actions: list[Any], space: gym.spaces.Discrete | gym.spaces.Box) -> np.ndarray:
    """The inverse: [K, ...], discrete ones from 0 in as few bytes as hold them all."""
    if isinstance(space, gym.spaces.Discrete):
        counted = np.array(actions, dtype=np.int64) - int(space.start)
        return counted.astype(np.min_scalar_type(int(space.n) - 1))
    return np.array(actions, dtype=space.dtype).reshape(len(actions), *space.shape)


def own(action: Any) -> Any:
    """An action for a simulator to keep: some change the array that they are given."""
    return action.copy() if isinstance(action, np.ndarray) else action


class NothingToSee(ValueError):
    """The environment has no picture of itself."""


def draws_itself(simulator: gym.Env) -> bool:
    """Whether it can be made to draw pictures."""
    return "rgb_array" in (simulator.metadata.get("render_modes") or [])


def picture(name: str, simulator: gym.Env, observation: np.ndarray) -> np.ndarray:
    """How it looks now, [H, W, 3] uint8: as it draws itself, or else the newest frame of what it observes.

    Raises NothingToSee if it cannot draw on this machine, or if it draws nothing and its observation is no picture of
    uint8, [stack, H, W] or [H, W].
    """
    if simulator.render_mode == "rgb_array":
        try:
            drawn = np.asarray(simulator.render())
        except Exception as error:  # whatever a drawing library that lacks a screen or a driver raises
            raise NothingToSee(f"{name} cannot be watched: it failed to draw itself here, {error!r}.") from error
        if drawn.ndim != 3 or drawn.shape[2] != 3 or drawn.dtype != np.uint8:
            raise NothingToSee(
                f"{name} cannot be watched: its render() gave {list(drawn.shape)} {drawn.dtype}, but a picture is "
                "[H, W, 3] uint8. Mend that, or take 'rgb_array' out of its render modes."
            )
        return drawn
    coloured = observation.ndim >= 3 and observation.shape[-1] == 3
    frame = observation[-1] if observation.ndim == 3 + coloured else observation
    if observation.dtype != np.uint8 or frame.ndim != 2 + coloured:
        raise NothingToSee(
            f"{name} cannot be watched: it has no render mode 'rgb_array', and its observations, "
            f"{list(observation.shape)} {observation.dtype}, are no pictures. Give it that render mode."
        )
    return frame if coloured else np.repeat(frame[..., None], 3, axis=-1)
