"""Stable-Baselines3's DQN plays Pong from pixels, without sticky actions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.atari import AtariEnvironments
from agents.atari_protocol import BASELINES, AtariProtocol
from agents.interaction import EvaluationConfig
from agents.sb3_config import SB3DQNConfig
from agents.stable_baselines import SB3Trial
from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of sb3_dqn_pong. The agent's are RL Baselines3 Zoo's: hyperparams/dqn.yml, atari."""

    agent: SB3DQNConfig = SB3DQNConfig(
        policy="CnnPolicy",
        net_arch=(),
        horizon=10_000_000,
        learning_rate=1e-4,
        batch_size=32,
        buffer_size=100_000,
        learning_starts=100_000,
        target_update_interval=1_000,
        train_freq=4,
        gradient_steps=1,
        exploration_fraction=0.1,
        exploration_final_eps=0.01,
    )
    protocol: AtariProtocol = BASELINES  # as SB3's AtariWrapper
    reward_clip: float = 1.0  # rewards are clipped to +- this before learning
    num_environments: int = 1  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig(episodes=10, epsilon=0.01)
    # A checkpoint is up to 5.6 GB: two stacks of frames a transition, all of them new after 100,000 steps.
    run: RunConfig = RunConfig(steps=10_000_000, log_every=5_000, evaluate_every=500_000, save_every=500_000)


def build(config: Config, seeds: Seeds) -> SB3Trial:
    """The trial: SB3's DQN x Pong."""
    return SB3Trial(
        config.agent,
        AtariEnvironments("pong", config.num_environments, seeds.child("environments"), config.protocol),
        seeds,
        config.evaluation,
        reward_clip=config.reward_clip,
        device=config.run.torch_device(),
    )


TARGET = Target(
    metric="eval/return",
    at_least=20.0,
    steps=10_000_000,
    statistic="mean",
    seeds=3,
    protocol="mean return of 10 episodes, 30 no-ops, no sticky actions, epsilon 0.01, last weights, 10 million agent "
    "steps (40 million frames); 3 seeds",
    source="RL Baselines3 Zoo, benchmark.md, DQN on PongNoFrameskip-v4: 20.602 +- 0.613 over 88 episodes, from one run "
    "of 10 million agent steps",
    published=20.602,
    needs="a GPU, or 21 to 35 hours a seed on two cores",
)

SMOKE = Config(
    agent=SB3DQNConfig(
        policy="CnnPolicy",
        net_arch=(),
        features_dim=16,
        horizon=500,
        batch_size=8,
        buffer_size=200,
        learning_starts=100,
        target_update_interval=40,
        train_freq=4,
        exploration_fraction=0.5,
    ),
    protocol=replace(BASELINES, image_height=42, image_width=42, max_frames=400),
    num_environments=2,
    evaluation=EvaluationConfig(episodes=1, epsilon=0.01),
    run=RunConfig(steps=400, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
)
