"""spam_words: the protocol of the published number."""

from __future__ import annotations

import torch

from experiments.supervised.spam_words import Config, build
from lab.seeding import Seeds


def test_thirty_per_cent_are_for_training_and_none_of_them_for_testing() -> None:
    trial = build(Config(), Seeds(0))
    training, test = trial.batches.dataset, trial.evaluation["test"]
    assert trial.evaluation["train"] is training
    assert training.labels.bincount().tolist() == [1_448, 224]  # ham, spam: 30 % of 4,827 and of 747
    assert test.labels.bincount().tolist() == [3_379, 523]
    # Every word stands in a training message, so that none was learnt from the others.
    assert bool((training.inputs != 0).any(0).all())
    torch.testing.assert_close(training.inputs.norm(dim=1), torch.ones(len(training)))
