"""Interaction: the trial of an agent in environments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agents.agent import Agent, ProbedAgent, Valued
from agents.environments import Environments
from lab.probe import Case
from lab.seeding import Seeds
from lab.trial import Clip, Metrics, State

PROBED_OBSERVATIONS = 16  # different ones, for the probe
PROBED_STEPS = 500  # steps of each fresh environment, in which they are met
PROBED_EVERY = 25  # steps from one look at the environments to the next, as neighbours in time are alike


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How an agent is judged: the mean return of fresh episodes in which it does not explore."""

    episodes: int = 20
    """Episodes, each with a seed of its own."""
    epsilon: float = 0.0
    """Share of random actions, which some protocols ask for."""

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        if self.episodes < 1:
            raise ValueError(f"evaluation.episodes is {self.episodes}, which gives no mean. Set it to at least 1.")
        if not 0 <= self.epsilon <= 1:
            raise ValueError(f"evaluation.epsilon is {self.epsilon}, but a share lies between 0 and 1.")


@dataclass(frozen=True)
class Episode:
    """One episode as it was watched."""

    clip: Clip
    rewards: np.ndarray  # [T]
    values: np.ndarray | None  # [T, A] what the agent expected of each action, if it can say so


class Interaction:
    """agent x environments: act, step, learn."""

    unit = "environment steps"

    def __init__(
        self,
        agent: Agent,
        environments: Environments,
        seeds: Seeds,
        evaluation: EvaluationConfig = EvaluationConfig(),
    ):
        self.agent, self.environments, self.evaluation = agent, environments, evaluation
        self._seeds = seeds
        self._steps = 0
        self._returns = np.zeros(environments.num)  # [N] of the episodes that are going on
        self._lengths = np.zeros(environments.num, np.int64)  # [N]

    @property
    def steps(self) -> int:
        """Environment steps done, of all environments together."""
        return self._steps

    def step(self) -> Metrics:
        """One step of every environment; `return` and `length` where episodes ended, and what the agent reports."""
        actions = self.agent.act(self.environments.observations, explore=True)
        transition = self.environments.step(actions)
        metrics = self.agent.learn(transition)
        self._steps += self.environments.num
        self._returns += transition.reward
        self._lengths += 1
        if transition.last.any():
            ended = transition.last
            metrics |= {"return": float(self._returns[ended].mean()), "length": float(self._lengths[ended].mean())}
            self._returns[ended] = 0
            self._lengths[ended] = 0
        return metrics

    def evaluate(self) -> Metrics:
        """Mean return and length, and the lowest return, of fresh episodes.

        They are a function of weights, steps and seeds alone.
        """
        seeds = self._seeds.child(f"evaluation/{self._steps}")
        environments = self.environments.fresh(self.evaluation.episodes, seeds, once=True)
        returns, lengths = np.zeros(environments.num), np.zeros(environments.num)
        chance = seeds.numpy("epsilon")
        while not environments.resting.all():
            actions = self.agent.act(environments.observations, explore=False)
            if self.evaluation.epsilon > 0:
                by_chance = chance.random(environments.num) < self.evaluation.epsilon
                actions = np.where(by_chance, chance.integers(environments.num_actions, size=environments.num), actions)
            lengths += ~environments.resting
            returns += environments.step(actions).reward
        environments.close()
        return {"return": float(returns.mean()), "return_min": float(returns.min()), "length": float(lengths.mean())}

    def play(self, seeds: Seeds, *, max_frames: int = 200, max_width: int = 400) -> Episode:
        """Watches one episode, the same for the same weights and seeds, as at most so many frames of so many pixels."""
        environments = self.environments.fresh(1, seeds, once=True, render=True)
        frames, rewards, values = [], [], []
        while not environments.resting.all():
            frames.append(_shrunk(environments.frame(), max_width))
            if isinstance(self.agent, Valued):
                values.append(self.agent.values(environments.observations)[0])
            rewards.append(environments.step(self.agent.act(environments.observations, explore=False)).reward[0])
        environments.close()
        every = -(-len(frames) // max_frames)
        clip = Clip(
            np.stack(frames[::every]),
            max(1, environments.frames_per_second // every),
            f"return {sum(rewards):g} in {len(rewards)} steps, {every} a frame",
        )
        return Episode(clip, np.array(rewards), np.stack(values) if values else None)

    def illustrate(self) -> Mapping[str, Clip]:
        """One episode without exploration."""
        return {"episode": self.play(self._seeds.child(f"illustration/{self._steps}")).clip}

    def probe_case(self) -> Case:
        """The agent's, on different observations from fresh environments in which actions are random."""
        if not isinstance(self.agent, ProbedAgent):
            raise ValueError(
                f"{type(self.agent).__name__} cannot be probed: it has no probe_case(observations, seeds). Give it "
                "one that returns its module, the inputs and a loss."
            )
        seeds = self._seeds.child("probe")
        environments, chance = self.environments.fresh(PROBED_OBSERVATIONS, seeds), seeds.numpy("actions")
        met = []
        for step in range(PROBED_STEPS):
            environments.step(chance.integers(environments.num_actions, size=environments.num))
            if step % PROBED_EVERY == 0:
                met.append(environments.observations)
        environments.close()
        different = np.unique(np.concatenate(met), axis=0)
        few = chance.permutation(len(different))[:PROBED_OBSERVATIONS]
        return self.agent.probe_case(different[few], seeds)

    def state_dict(self) -> State:
        """Agent, environments, and the episodes that are going on."""
        return {
            "steps": self._steps,
            "agent": self.agent.state_dict(),
            "environments": self.environments.state_dict(),
            "returns": self._returns.copy(),
            "lengths": self._lengths.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state."""
        self._steps = state["steps"]
        self.agent.load_state_dict(state["agent"])
        self.environments.load_state_dict(state["environments"])
        self._returns, self._lengths = np.array(state["returns"]), np.array(state["lengths"])


def _shrunk(frame: np.ndarray, max_width: int) -> np.ndarray:
    """A picture of at most so many pixels across: each pixel the mean of a square of the larger one's."""
    square = -(-frame.shape[1] // max_width)
    height, width = frame.shape[0] // square * square, frame.shape[1] // square * square
    parts = frame[:height, :width].reshape(height // square, square, width // square, square, -1)
    return parts.mean((1, 3)).astype(np.uint8)
