"""vae_mnist: what the first thousand updates come to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.generative import vae_mnist
from experiments.generative.vae_mnist import EvaluationConfig
from lab.seeding import Seeds


def test_a_thousand_updates_bring_the_bound_below_115_nats() -> None:
    config = replace(vae_mnist.Config(), evaluation=EvaluationConfig(importance_samples=1))
    trial = vae_mnist.build(config, Seeds(0))
    for _ in range(1_000):
        trial.step()
    metrics = trial.evaluate()
    assert metrics["test_nelbo"] < 115
    assert metrics["test_nll"] == pytest.approx(metrics["test_nelbo"], abs=0.5), "one code weighs as the bound does"
