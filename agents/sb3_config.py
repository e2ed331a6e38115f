"""Settings of Stable-Baselines3's DQN and PPO, by SB3's own names and with its own defaults.

Source: stable_baselines3.DQN and stable_baselines3.PPO. Importing this file does not import SB3, which costs a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch

from lab.ranges import check_share

if TYPE_CHECKING:
    from stable_baselines3 import DQN, PPO
    from stable_baselines3.common.vec_env import VecEnv


@dataclass(frozen=True, kw_only=True)
class SB3DQNConfig:
    """Settings of stable_baselines3.DQN. Environment steps count those of all environments together."""

    policy: Literal["MlpPolicy", "CnnPolicy"] = "MlpPolicy"
    """CnnPolicy is the network of Mnih et al. 2015, for images [C, H, W] of uint8, at least 36 pixels a side."""
    net_arch: tuple[int, ...] = (64, 64)
    """Widths of the fully connected layers; with CnnPolicy of those after its features, by SB3's default none."""
    features_dim: int = 512
    """Units of the layer after the convolutions; CnnPolicy only."""
    horizon: int
    """Environment steps of a whole training, SB3's total_timesteps: the exploration rate falls over a share of it."""
    learning_rate: float = 1e-4
    """Of Adam."""
    buffer_size: int = 1_000_000
    """Transitions kept, each with two whole observations."""
    learning_starts: int = 100
    """Environment steps of random action before the first update."""
    batch_size: int = 32
    """Transitions an update."""
    tau: float = 1.0
    """How much of the learning network the target network takes on each time; 1 copies it."""
    gamma: float = 0.99
    """What a reward one step later is worth."""
    train_freq: int = 4
    """Steps of every environment from one block of updates to the next."""
    gradient_steps: int = 1
    """Updates in a block; -1 for as many as environment steps since the last."""
    target_update_interval: int = 10_000
    """Environment steps from one change of the target network to the next."""
    exploration_fraction: float = 0.1
    """Share of the horizon over which the exploration rate falls."""
    exploration_initial_eps: float = 1.0
    """Share of random actions at first."""
    exploration_final_eps: float = 0.05
    """Share of random actions at last."""
    max_grad_norm: float = 10.0
    """Longer gradients are shortened to this."""

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range and SB3 would not say so."""
        names = ("horizon", "features_dim", "buffer_size", "batch_size", "train_freq", "target_update_interval")
        _check_counts(self, names)
        check_share(self, "exploration_initial_eps", "exploration_final_eps")
        if not 0 < self.exploration_fraction <= 1:
            raise ValueError(
                f"exploration_fraction is {self.exploration_fraction}, but is a share of the horizon. Set it above 0 "
                "and to 1 at most."
            )

    def build(self, environments: VecEnv, seed: int, device: torch.device) -> DQN:
        """The algorithm, untrained. It seeds the global generators and draws its weights from them."""
        from stable_baselines3 import DQN

        return DQN(
            self.policy,
            environments,
            policy_kwargs=_policy_settings(self),
            learning_rate=self.learning_rate,
            buffer_size=self.buffer_size,
            learning_starts=self.learning_starts,
            batch_size=self.batch_size,
            tau=self.tau,
            gamma=self.gamma,
            train_freq=self.train_freq,
            gradient_steps=self.gradient_steps,
            target_update_interval=self.target_update_interval,
            exploration_fraction=self.exploration_fraction,
            exploration_initial_eps=self.exploration_initial_eps,
            exploration_final_eps=self.exploration_final_eps,
            max_grad_norm=self.max_grad_norm,
            seed=seed,
            device=device,
        )


@dataclass(frozen=True, kw_only=True)
class SB3PPOConfig:
    """Settings of stable_baselines3.PPO. Environment steps count those of all environments together."""

    policy: Literal["MlpPolicy", "CnnPolicy"] = "MlpPolicy"
    """CnnPolicy is the network of Mnih et al. 2015, for images [C, H, W] of uint8, at least 36 pixels a side."""
    net_arch: tuple[int, ...] = (64, 64)
    """Widths of the tanh layers, alike for policy and value; with CnnPolicy after its features, by default none."""
    features_dim: int = 512
    """Units of the layer after the convolutions; CnnPolicy only."""
    horizon: int
    """Environment steps of a whole training, SB3's total_timesteps: what falls linearly falls over this."""
    learning_rate: float = 3e-4
    """Of Adam, at first."""
    clip_range: float = 0.2
    """How far the ratio of new to old probability may leave 1, at first."""
    linear_decay: bool = False
    """On: learning rate and clip range fall in a straight line to 0 over the horizon (RL Baselines3 Zoo's `lin_`)."""
    n_steps: int = 2048
    """Steps of every environment in a rollout."""
    batch_size: int = 64
    """Transitions an update."""
    n_epochs: int = 10
    """Times that each rollout is gone through."""
    gamma: float = 0.99
    """What a reward one step later is worth."""
    gae_lambda: float = 0.95
    """Memory of the advantage estimate (Schulman et al. 2016)."""
    ent_coef: float = 0.0
    """Weight of the entropy in the loss."""
    vf_coef: float = 0.5
    """Weight of the value's error in the loss."""
    max_grad_norm: float = 0.5
    """Longer gradients are shortened to this."""
    use_sde: bool = field(default=False, metadata={"later": True})
    """On: continuous actions explore by noise that is a function of the state (Raffin et al. 2021, gSDE)."""
    sde_sample_freq: int = field(default=-1, metadata={"later": True})
    """Steps of every environment after which that function is drawn anew; -1 for once a rollout."""

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range and SB3 would not say so."""
        _check_counts(self, ("horizon", "features_dim", "n_steps", "batch_size", "n_epochs"))
        if self.sde_sample_freq < 1 and self.sde_sample_freq != -1:
            raise ValueError(
                f"sde_sample_freq is {self.sde_sample_freq}, but it counts steps. Set it to 1 or more, or to -1 "
                "for once a rollout."
            )

    def build(self, environments: VecEnv, seed: int, device: torch.device) -> PPO:
        """The algorithm, untrained. It seeds the global generators and draws its weights from them."""
        from stable_baselines3 import PPO
        from stable_baselines3.common.utils import LinearSchedule

        def over_time(value: float) -> Any:
            return LinearSchedule(value, 0.0, 1.0) if self.linear_decay else value

        return PPO(
            self.policy,
            environments,
            policy_kwargs=_policy_settings(self),
            learning_rate=over_time(self.learning_rate),
            clip_range=over_time(self.clip_range),
            n_steps=self.n_steps,
            batch_size=self.batch_size,
            n_epochs=self.n_epochs,
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            ent_coef=self.ent_coef,
            vf_coef=self.vf_coef,
            max_grad_norm=self.max_grad_norm,
            use_sde=self.use_sde,
            sde_sample_freq=self.sde_sample_freq,
            seed=seed,
            device=device,
        )


def _check_counts(config: SB3DQNConfig | SB3PPOConfig, names: tuple[str, ...]) -> None:
    for name in names:
        if (value := getattr(config, name)) < 1:
            raise ValueError(f"{name} is {value}, but nothing is counted in less than ones. Set it to at least 1.")


def _policy_settings(config: SB3DQNConfig | SB3PPOConfig) -> dict[str, Any]:
    settings: dict[str, Any] = {"net_arch": list(config.net_arch)}
    if config.policy == "CnnPolicy":
        settings["features_extractor_kwargs"] = {"features_dim": config.features_dim}
    return settings
