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
    """The trial of a DQN in environments that count their actions; with `overlap` they step while it learns.

    Raises ValueError, before any of them steps, for a replay that does not fit into memory or is too small for them.
    """
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


def overlap_pays(num_environments: int, device: torch.device | str) -> bool:
    """Whether emulators had better step while the DQN learns.

    A single one takes the core from the update that it runs beside, where there are only two.
    """
    return num_environments > 1 or torch.device(device).type != "cpu"
