"""Our environments as a VecEnv, the batch of environments that Stable-Baselines3 learns in.

Source: stable_baselines3.common.vec_env.DummyVecEnv, whose behaviour the tests hold this to.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from agents.spaces import box
from agents.world import World


class SB3Environments(VecEnv):
    """N of our environments behind SB3's interface: episodes begin again by themselves, and their seeds are ours.

    SB3 asks for three things that our transitions say otherwise. `dones` is where an episode ended or a life was lost
    (a discount of 0); the last observation of what is done lies in its info as `terminal_observation`; and
    `TimeLimit.truncated` says that it was cut off without being over.
    """

    def __init__(self, environments: World, reward_clip: float | None = None):
        """With `reward_clip` SB3 learns from rewards clipped to +- this."""
        self.environments, self.reward_clip = environments, reward_clip
        # The action space is SB3's own, which draws from it. Actions are counted from 0 on either side.
        actions = environments.action_space
        actions = gym.spaces.Discrete(int(actions.n)) if isinstance(actions, gym.spaces.Discrete) else deepcopy(actions)
        space = box(environments.observation_shape, environments.observation_dtype)
        super().__init__(environments.num, space, actions)

    def reset(self) -> np.ndarray:
        """The observations [N, ...] to act on next: SB3 asks at its beginning, and episodes that are going on go on."""
        return self.environments.observations

    def step_async(self, actions: np.ndarray) -> None:
        """Gives every environment its action, [N] (or [N, ...])."""
        self.environments.send(actions)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Observations [N, ...], rewards [N] float32, dones [N] bool, and an info for each environment."""
        transition = self.environments.recv()
        over = transition.discount == 0
        dones = transition.last | over
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": bool(cut)} for cut in transition.last & ~over]
        for i in np.flatnonzero(dones).tolist():
            infos[i]["terminal_observation"] = transition.next_observation[i]
        rewards = transition.reward.astype(np.float32)
        if self.reward_clip is not None:
            rewards = rewards.clip(-self.reward_clip, self.reward_clip)
        return self.environments.observations, rewards, dones, infos

    def close(self) -> None:
        self.environments.close()

    # ---- what SB3 may ask of single environments, which only its own wrappers do ---------------------------------

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """None for `render_mode`, which SB3 asks for when it begins; there is no other."""
        if attr_name == "render_mode":
            return [None] * self.num_envs
        raise AttributeError(f"{type(self).__name__} has no single environments to take {attr_name!r} from.")

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError(f"{type(self).__name__} has no single environments to set {attr_name!r} in.")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        raise AttributeError(f"{type(self).__name__} has no single environments to call {method_name!r} of.")

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """None is wrapped in anything of SB3's."""
        return [False] * self.num_envs

    def get_images(self) -> Sequence[np.ndarray | None]:
        return [None] * self.num_envs
