"""DQN on CartPole-v1 beside Stable-Baselines3's, both at the RL Zoo's hyperparameters: environment steps a second.

Ours runs as `lab run` does, through `run` and `Interaction`, without evaluation and checkpoints, which SB3's `learn`
does not have either. Same machine, one thread each, in turn in one run; the score of these settings is not the subject.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import stable_baselines3
import torch

from agents.dqn import DQN
from agents.dqn_config import DQNConfig
from agents.dqn_trial import dqn_in
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from benchmarks.measure import Check, Elapsed, Result, Spread, alternate, between, command, paired_ratio
from lab.backbones import MLPConfig
from lab.provenance import fixed_bits
from lab.run import RunConfig, run
from lab.schedules import constant, linear
from lab.seeding import Seeds

AT_LEAST = 2.0  # times SB3's environment steps a second
STEPS = 80 * 256  # environment steps of one run; whole blocks, so that both do the same updates

WIDTHS = (256, 256)
# rl-baselines3-zoo, hyperparams/dqn.yml, CartPole-v1; exploration falls over 16 % of 50,000 steps.
ZOO = DQNConfig(
    backbone=MLPConfig(widths=WIDTHS),
    discount=0.99,
    learning_rate=2.3e-3,
    learning_rate_decay=constant(1.0),
    max_gradient_norm=10.0,
    exploration=linear(1.0, 0.04, 8_000),
    learn_after=1_000,
    train_every=256,
    updates=128,
    batch_size=64,
    replay_capacity=100_000,
    copy_target_every=10,
)


class Arms:
    """One run of each, counting the updates that they do."""

    def __init__(self, steps: int):
        self.steps = steps
        self.updates: dict[str, int] = {}
        self.had_processor = 1.0  # the least share of its time for which a run had a processor

    def ours(self, repeat: int) -> float:
        """Environment steps a second of the lab."""
        seeds = Seeds(repeat)
        environments = Environments("CartPole-v1", 1, seeds.child("environments"))
        trial = dqn_in(environments, ZOO, seeds, evaluation=EvaluationConfig())
        trial.evaluate = dict  # type: ignore[method-assign]  # SB3's `learn` judges nothing either
        config = RunConfig(steps=self.steps, log_every=1_000, evaluate_every=0, save_every=0, device="cpu", threads=1)
        with fixed_bits(1, deterministic=True):
            elapsed = Elapsed.of(lambda: run(trial, config))
        self.updates["ours"] = _updates(trial)
        return self._speed(elapsed)

    def peer(self, repeat: int) -> float:
        """Environment steps a second of SB3."""
        model = stable_baselines3.DQN(
            "MlpPolicy",
            "CartPole-v1",
            learning_rate=ZOO.learning_rate,
            buffer_size=ZOO.replay_capacity,
            learning_starts=ZOO.learn_after,
            batch_size=ZOO.batch_size,
            gamma=ZOO.discount,
            train_freq=ZOO.train_every,
            gradient_steps=ZOO.updates,
            target_update_interval=ZOO.copy_target_every,
            exploration_fraction=ZOO.exploration.steps / self.steps,
            exploration_initial_eps=ZOO.exploration.start,
            exploration_final_eps=ZOO.exploration.end,
            max_grad_norm=ZOO.max_gradient_norm,
            policy_kwargs={"net_arch": list(WIDTHS)},
            seed=repeat + 1,
            device="cpu",
        )
        elapsed = Elapsed.of(lambda: model.learn(self.steps))
        self.updates["Stable-Baselines3"] = int(model._n_updates)
        return self._speed(elapsed)

    def _speed(self, elapsed: Elapsed) -> float:
        self.had_processor = min(self.had_processor, elapsed.processor / elapsed.wall)
        return self.steps / elapsed.wall


def _updates(trial: Interaction) -> int:
    assert isinstance(trial.agent, DQN)
    return trial.agent.descent.updates


def measure(quick: bool = False) -> Result:
    """How many times SB3's environment steps a second ours does."""
    arms = Arms(8 * 256 if quick else STEPS)
    runs: dict[str, Callable[[int], float]] = {"ours": arms.ours, "Stable-Baselines3": arms.peer}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        speeds = alternate(runs, repeats=2 if quick else 5)
    finally:
        torch.set_num_threads(threads)
    if arms.updates["ours"] != arms.updates["Stable-Baselines3"]:
        raise RuntimeError(f"The two did not do the same work: updates {arms.updates}. Compare their settings.")
    ratio = paired_ratio(speeds["ours"], speeds["Stable-Baselines3"])
    return Result(
        title="DQN on CartPole-v1 at the RL Zoo's hyperparameters: medians (quartiles)",
        header=("", "environment steps/s", "updates a run"),
        rows=[(name, Spread.of(speeds[name]).text(digits=0), f"{arms.updates[name]:,}") for name in runs],
        checks=[Check(name="ours over SB3's", value=ratio.estimate, interval=ratio, at_least=AT_LEAST)],
        notes=[
            f"{arms.steps:,} environment steps a run, {len(speeds['ours'])} runs each, one thread.",
            f"Every run had a processor for {100 * arms.had_processor:.0f} % of its time or more; well below 100 %, "
            "others were using the machine and the ratio says little.",
            f"Ratio {between(ratio, 2)}: the median over pairs of neighbouring runs, with its 95 % interval.",
        ],
    )


if __name__ == "__main__":
    sys.exit(command(measure))
