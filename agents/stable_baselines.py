"""Stable-Baselines3: its DQN and PPO as a trial, launched, logged, verified and compared like every other.

Source: Raffin et al. 2021, "Stable-Baselines3: Reliable Reinforcement Learning Implementations", JMLR 22(268).
Importing this file does not import SB3, which costs a second; building a trial does.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

import gymnasium as gym
import numpy as np
import torch

from agents.agent import Agent
from agents.interaction import EvaluationConfig, Interaction
from agents.memory import free_memory
from agents.sb3_config import SB3DQNConfig, SB3PPOConfig
from agents.sb3_probe import probe_case
from agents.world import World
from lab.probe import Case
from lab.seeding import Seeds, global_generators, set_global_generators
from lab.sharing import runs_at_a_time
from lab.tracked import Tracked
from lab.trial import Metrics, State

if TYPE_CHECKING:
    from stable_baselines3.common.buffers import ReplayBuffer

    from agents.sb3_environments import SB3Environments


class SB3Trial(Interaction):
    """SB3's algorithm x our environments, with the same numbers as SB3's own `learn` with the same seed, bit for bit.

    Everything of it resumes exactly, where SB3 itself saves hardly more than weights. `agent.model` is SB3's algorithm,
    whose `save` writes a zip that SB3 opens. Judging, showing and recording are Interaction's: of the greedy actions,
    for PPO the likeliest ones.
    """

    def __init__(
        self,
        config: SB3DQNConfig | SB3PPOConfig,
        environments: World,
        seeds: Seeds,
        evaluation: EvaluationConfig,
        *,
        reward_clip: float | None = None,
        device: torch.device | str = "cpu",
    ):
        """With `reward_clip` it learns from rewards clipped to +- this, while returns are told unclipped.

        Raises ValueError for a replay that does not fit into memory, and for actions that SB3 does not take.
        """
        from agents.sb3_environments import SB3Environments

        driven: _Driven
        theirs = SB3Environments(environments, reward_clip)
        seed = seeds.derive("sb3") % 2**32  # numpy's global generator takes 32 bits
        if isinstance(config, SB3DQNConfig):
            _ = environments.num_actions  # refuses those that cannot be counted
            _check_memory(config.buffer_size, environments)
            driven = SB3DQN(config, theirs, seed, torch.device(device))
        else:
            _check_bounded(environments)
            driven = SB3PPO(config, theirs, seed, torch.device(device))
        # An agent but for `learn`: of SB3 that cannot be had apart from its own steps in the environments.
        super().__init__(cast(Agent, driven), environments, seeds, evaluation)
        self._driven = driven

    def step(self) -> Metrics:
        """What `learn` repeats, a rollout and the training on it; `return` and `length` where episodes ended."""
        metrics = self._driven.go_on()
        self._steps = int(self._driven.model.num_timesteps)
        return metrics | self._note_ended()

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state."""
        super().load_state_dict(state)
        # By the model's own environments, which may hold the axes of images in another order.
        self._driven.model._last_obs = self._driven.model.env.reset()


_LOGGED = ("loss", "policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction")


class _Driven(ABC):
    """What DQN and PPO have in common: a model that is driven by the methods that its `learn` calls, in their order.

    Some of them are private to SB3, so that another version of it may need other calls.
    """

    counters: tuple[str, ...] = ("num_timesteps", "_n_updates", "_episode_num", "_current_progress_remaining")

    def __init__(
        self, config: SB3DQNConfig | SB3PPOConfig, environments: SB3Environments, seed: int, device: torch.device
    ):
        from stable_baselines3.common.logger import Logger

        self._generators = _OwnGenerators(device)
        with self._generators.in_place():
            self.model: Any = config.build(environments, seed, device)
            self.model.set_logger(Logger(folder=None, output_formats=[]))
            # As `learn` begins. It never does so again: SB3's schedules run on over the horizon when a run is resumed.
            _, self._callback = self.model._setup_learn(config.horizon)

    def go_on(self) -> Metrics:
        """A rollout, the training on it, and what SB3 reports of that."""
        with self._generators.in_place():
            self._roll_out_and_train()
        told = self.model.logger.name_to_value
        metrics: Metrics = {name: float(told[f"train/{name}"]) for name in _LOGGED if f"train/{name}" in told}
        self.model.logger.dump()  # to nowhere: so that nothing is told twice
        return metrics

    @abstractmethod
    def _roll_out_and_train(self) -> None:
        """The body of the loop in SB3's `learn`."""

    def act(self, observations: np.ndarray, explore: bool) -> np.ndarray:
        """The best known actions [N] (or [N, ...]); `explore` it does only in its own steps."""
        return self.model.policy.predict(observations, deterministic=True)[0]

    def probe_case(self, observations: np.ndarray, seeds: Seeds) -> Case:
        """See agents.sb3_probe."""
        return probe_case(self.model.policy, observations, seeds)

    def state_dict(self) -> State:
        """Weights, target network, optimiser, counters, and the generators that SB3 draws from.

        These are Python's, numpy's and torch's global ones, which are the agent's own while it is at work, and the
        action space's.
        """
        model = self.model
        return {
            "policy": model.policy.state_dict(),
            "optimizer": model.policy.optimizer.state_dict(),
            "counters": {name: getattr(model, name) for name in self.counters},
            "last_episode_starts": model._last_episode_starts.copy(),
            "actions": model.action_space.np_random.bit_generator.state,
            "generators": self._generators.state,
        }

    def load_state_dict(self, state: State) -> None:
        """Takes up copies of a state."""
        model = self.model
        model.policy.load_state_dict(state["policy"])
        model.policy.optimizer.load_state_dict(deepcopy(state["optimizer"]))
        for name in self.counters:
            setattr(model, name, state["counters"][name])
        model._last_episode_starts = np.array(state["last_episode_starts"])
        model.action_space.np_random.bit_generator.state = state["actions"]
        self._generators.state = deepcopy(state["generators"])


class SB3PPO(_Driven):
    """Each rollout is used up in the step that made it, so that none is in the state."""

    def _roll_out_and_train(self) -> None:
        """The body of the loop in SB3's OnPolicyAlgorithm.learn."""
        model = self.model
        model.collect_rollouts(model.env, self._callback, model.rollout_buffer, n_rollout_steps=model.n_steps)
        model._update_current_progress_remaining(model.num_timesteps, model._total_timesteps)
        model.train()


class SB3DQN(_Driven):
    """With its replay in tensors that a checkpoint saves by what changed in them."""

    counters = (*_Driven.counters, "_n_calls", "exploration_rate")

    def __init__(self, config: SB3DQNConfig, environments: SB3Environments, seed: int, device: torch.device):
        super().__init__(config, environments, seed, device)
        self._replay = _Replay(self.model.replay_buffer)

    def _roll_out_and_train(self) -> None:
        """The body of the loop in SB3's OffPolicyAlgorithm.learn."""
        model = self.model
        rollout = model.collect_rollouts(
            model.env,
            train_freq=model.train_freq,
            action_noise=model.action_noise,
            callback=self._callback,
            learning_starts=model.learning_starts,
            replay_buffer=model.replay_buffer,
        )
        self._replay.wrote(rollout.episode_timesteps // model.n_envs)
        if model.num_timesteps > model.learning_starts:
            updates = model.gradient_steps if model.gradient_steps >= 0 else rollout.episode_timesteps
            if updates > 0:
                model.train(batch_size=model.batch_size, gradient_steps=updates)

    @torch.no_grad()
    def values(self, observations: np.ndarray) -> np.ndarray:
        """Expected discounted return of each action: [N, ...] -> [N, A]."""
        self.model.policy.set_training_mode(False)
        return self.model.q_net(self.model.policy.obs_to_tensor(observations)[0]).cpu().numpy()

    def state_dict(self) -> State:
        return super().state_dict() | {"replay": self._replay.state_dict()}

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict(state)
        self._replay.load_state_dict(state["replay"])


_FIELDS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")  # of SB3's ReplayBuffer


class _Replay:
    """SB3's replay buffer, its arrays in tensors that know what was written since they were saved."""

    def __init__(self, buffer: ReplayBuffer):
        self.buffer = buffer
        self.fields: dict[str, Tracked] = {}
        for name in _FIELDS:
            array = getattr(buffer, name)
            self.fields[name] = Tracked(array.shape, torch.from_numpy(array[:0]).dtype)
            setattr(buffer, name, self.fields[name].tensor.numpy())  # the same memory

    def wrote(self, count: int) -> None:
        """Takes note that so many rows were written up to where the buffer stands."""
        rows = np.arange(self.buffer.pos - count, self.buffer.pos) % self.buffer.buffer_size
        for field in self.fields.values():
            field.wrote(rows)

    def state_dict(self) -> State:
        return {"position": self.buffer.pos, "full": self.buffer.full, **self.fields}

    def load_state_dict(self, state: State) -> None:
        self.buffer.pos, self.buffer.full = state["position"], state["full"]
        for name, field in self.fields.items():
            field.take(state[name])


def _check_bounded(environments: World) -> None:
    space = environments.action_space
    if isinstance(space, gym.spaces.Box) and not space.is_bounded():
        raise ValueError(
            f"{environments.name} takes actions {space}, but SB3 takes continuous ones between finite bounds only. "
            "Wrap it in gymnasium.wrappers.RescaleAction, and register that under a name of its own."
        )


def _check_memory(buffer_size: int, environments: World) -> None:
    """Refuses a replay that does not fit: ValueError with the arithmetic."""
    observation = int(np.prod(environments.observation_shape)) * np.dtype(environments.observation_dtype).itemsize
    one = 2 * observation + 8 + 3 * 4  # an action, and reward, done and timeout
    free, runs = free_memory(torch.device("cpu")), runs_at_a_time()
    if runs * buffer_size * one > free:
        fewer = "" if runs == 1 else f", or let fewer than {runs} runs go at a time (jobs)"
        raise ValueError(
            f"A replay of {buffer_size:,} transitions needs {buffer_size * one / 2**30:.1f} GiB in SB3, which keeps "
            f"two observations of {observation:,} bytes and 20 more in each. There are {free / 2**30:.1f} GiB free. "
            f"Set buffer_size to {int(0.9 * free / one / max(1, runs)):,} at most{fewer}."
        )


class _OwnGenerators:
    """States of the process's global generators that are one agent's own, since SB3 draws from no others."""

    def __init__(self, device: torch.device):
        if device.type == "cuda":
            torch.cuda.init()  # its generators can be asked for their states only from then on
        self.state = _global_states()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the global generators go on from the agent's states; what is drawn leaves no trace outside."""
        outside = _global_states()
        _set_global_states(self.state)
        try:
            yield
        finally:
            self.state = _global_states()
            _set_global_states(outside)


def _global_states() -> State:
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(legacy=False),
        "torch": global_generators(),
    }


def _set_global_states(states: State) -> None:
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    set_global_generators(states["torch"])
