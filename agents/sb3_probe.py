"""What the probe takes of Stable-Baselines3's networks: those that act and value, to learn random values."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.probing import learning_random_values
from lab.probe import Case
from lab.seeding import Seeds


def probe_case(policy: Any, observations: np.ndarray, seeds: Seeds) -> Case:
    """Of a DQNPolicy or an ActorCriticPolicy, with observations [B, ...] as the environments give them.

    The spread of continuous actions, which is no function of them, is left out.
    """
    from stable_baselines3.common.preprocessing import preprocess_obs

    given, _ = policy.obs_to_tensor(observations)
    inputs = preprocess_obs(given, policy.observation_space, normalize_images=policy.normalize_images)
    assert isinstance(inputs, Tensor), "of a dictionary SB3Environments has none"
    return learning_random_values(_valuing(policy) if hasattr(policy, "q_net") else _ActorCritic(policy), inputs, seeds)


def _valuing(policy: Any) -> nn.Module:
    return nn.Sequential(policy.q_net.features_extractor, policy.q_net.q_net)


class _ActorCritic(nn.Module):
    """[B, ...] -> [B, A + 1]: logits, or of continuous actions means, and the value."""

    def __init__(self, policy: Any):
        super().__init__()
        self.features, self.hidden = policy.features_extractor, policy.mlp_extractor
        self.action, self.value = policy.action_net, policy.value_net

    def forward(self, inputs: Tensor) -> Tensor:
        acting, valuing = self.hidden(self.features(inputs))
        return torch.cat([self.action(acting), self.value(valuing)], 1)
