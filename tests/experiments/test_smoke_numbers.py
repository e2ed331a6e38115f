"""What each supervised system reaches in seconds, with one seed: a number to fall short of when something breaks.

The full numbers are over five seeds, and `lab verify` holds them to theirs (RESULTS.md). The optimum of logistic
regression is in test_logistic_breast_cancer.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.config import replace as with_settings
from lab.experiment import load
from lab.run import run
from lab.seeding import Seeds


def reached(name: str, arm: str = "", updates: int | None = None) -> dict[str, float]:
    """What seed 0 is judged by at the end, of all updates or, by a decay as short, of fewer."""
    experiment = load(name)
    config = experiment.variants(experiment.Config())[arm]
    if updates is not None:
        config = with_settings(config, {"run.steps": updates, "classifier.optimizer.decay.steps": updates})
    config = replace(config, run=replace(config.run, evaluate_every=0, device="cpu", threads=1))
    return dict(run(experiment.make(config, Seeds(0)), config.run, seeds=Seeds(0)).metrics)


@pytest.mark.parametrize(
    ("name", "settings", "metric", "least"),
    [
        ("mlp_spiral", {"arm": "mlp"}, "eval/test_accuracy", 0.98),
        ("mlp_fashion", {"updates": 2_000}, "eval/test_accuracy", 0.86),
        ("spam_words", {}, "eval/test_mcc", 0.893),
        ("mismatch_fashion", {"arm": "catalogue", "updates": 400}, "eval/train_dev_accuracy", 0.88),
    ],
)
def test_it_reaches(name: str, settings: dict[str, Any], metric: str, least: float) -> None:
    assert reached(name, **settings)[metric] >= least


def test_linear_regression_is_least_squares_and_a_network_is_no_worse() -> None:
    """2980.6126 is the least mean squared error of the training part, by numpy's least squares."""
    linear, network = reached("linear_diabetes"), reached("mlp_diabetes")
    assert linear["eval/train_mse"] == pytest.approx(2980.6126, rel=1e-6)
    assert network["eval/test_mse"] <= linear["eval/test_mse"]


def test_logistic_regression_stays_near_chance_on_the_spiral() -> None:
    assert reached("mlp_spiral", "logistic")["eval/test_accuracy"] < 0.6


def test_sharing_beats_four_networks() -> None:
    tasks = ("odd", "at_least_five", "loop", "prime")
    alone = [reached("multitask_digits", task)["eval/test_accuracy"] for task in tasks]
    assert reached("multitask_digits", "shared")["eval/test_accuracy"] > sum(alone) / len(alone)
