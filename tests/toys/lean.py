"""Pushes a cart to the side that its pole leans to, now and then by chance: an agent that learns nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from agents.agent import Transition
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.trial import Metrics, State


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of lean."""

    overlap: bool = False
    evaluation: EvaluationConfig = EvaluationConfig(episodes=2)
    run: RunConfig = field(
        default_factory=lambda: RunConfig(
            steps=600, log_every=100, evaluate_every=200, save_every=150, threads=1, device="cpu", wandb="off"
        )
    )


class Leaner:
    """The agent."""

    def __init__(self, seeds: Seeds):
        self.chance = seeds.numpy("chance")
        self.learnt = 0

    def act(self, observations: np.ndarray, explore: bool) -> np.ndarray:
        """The side that the pole leans to; a fifth of the time any, if it explores."""
        best = (observations[:, 2] > 0).astype(np.int64)
        if not explore:
            return best
        return np.where(self.chance.random(len(best)) < 0.2, self.chance.integers(2, size=len(best)), best)

    def learn(self, transition: Transition) -> Metrics:
        """Counts."""
        self.learnt += len(transition.reward)
        return {"learnt": float(self.learnt)}

    def values(self, observations: np.ndarray) -> np.ndarray:
        """How far the pole leans to each side."""
        return observations[:, 2:3] * np.array([-1.0, 1.0])

    def state_dict(self) -> State:
        """Its generator and its count."""
        return {"chance": self.chance.bit_generator.state, "learnt": self.learnt}

    def load_state_dict(self, state: State) -> None:
        """Goes on."""
        self.chance.bit_generator.state, self.learnt = state["chance"], state["learnt"]


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: the leaner x two carts."""
    environments = Environments("CartPole-v1", 2, seeds.child("environments"))
    return Interaction(Leaner(seeds), environments, seeds, config.evaluation, overlap=config.overlap)


TARGET = None

SMOKE = Config()
