"""A DQN in environments, as a trial."""

from __future__ import annotations

import torch

from agents.dqn import DQN
from agents.dqn_config import DQNConfig
from agents.interaction import EvaluationConfig, Interaction
from agents.world import World
from lab.seeding import Seeds


def dqn_in(
    environments: World,
    config: DQNConfig,
    seeds: Seeds,
    *,
    evaluation: EvaluationConfig,
    device: torch.device | str = "cpu",
    overlap: bool = False,
) -> Interaction:
    """The trial of a DQN in environments that count their actions; with `overlap` they step while it learns."""
    agent = DQN(
        config,
        environments.observation_shape,
        environments.num_actions,
        seeds.child("agent"),
        observation_dtype=environments.observation_dtype,
        reward_dtype=environments.reward_dtype,
        stack=environments.stack,
        device=device,
    )
    agent.replay.check_environments(environments.num)
    return Interaction(agent, environments, seeds, evaluation, overlap=overlap)
