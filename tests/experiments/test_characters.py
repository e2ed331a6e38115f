"""The experiments on characters: a text of one's own, what is judged, and what is shown and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.supervised import char_lstm, char_transformer, char_transformer_large
from lab.fit import Fit
from lab.seeding import Seeds
from lab.trial import Manner, Passage

EXPERIMENTS = pytest.mark.parametrize("experiment", [char_lstm, char_transformer, char_transformer_large])
TEXT = "Ein Fischer fischt frische Fische.\n" * 20  # 700 characters: 630 to learn from, 70 to be judged on


def trial_of(experiment: Any, folder: Path) -> Fit:
    (folder / "own.txt").write_text(TEXT)
    return experiment.build(replace(experiment.SMOKE, text=str(folder / "own.txt")), Seeds(0))


@pytest.mark.parametrize("experiment", [char_lstm, char_transformer])
def test_seeds_side_by_side_do_not_share_their_cores(experiment: Any) -> None:
    assert experiment.Config().run.threads == 1


@EXPERIMENTS
def test_a_text_of_ones_own_is_learnt_shown_and_said(experiment: Any, tmp_path: Path) -> None:
    trial = trial_of(experiment, tmp_path)
    judged = trial.evaluation["validation"]
    assert len(judged) == 69 // experiment.SMOKE.context
    assert judged.inputs[0, :7].tolist() == trial.learner.vocabulary.encode(TEXT[630:637])
    before = trial.evaluate()["validation_loss"]
    for _ in range(60):
        trial.step()
    assert trial.evaluate()["validation_loss"] < before
    passage = trial.illustrate()["sample"]
    assert isinstance(passage, Passage)
    assert set(passage.text) <= set(TEXT)
    assert trial.reply("Ein", Manner(length=5)).startswith("Ein")


@EXPERIMENTS
def test_a_text_that_is_too_short_is_refused(experiment: Any, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("Kurz.")
    with pytest.raises(ValueError, match="Give a longer text, or shorter windows"):
        experiment.build(replace(experiment.SMOKE, text=str(tmp_path / "own.txt")), Seeds(0))


@pytest.mark.parametrize(
    ("experiment", "least", "most"),
    [
        (char_transformer, 780_000, 850_000),
        (char_lstm, 700_000, 850_000),
        (char_transformer_large, 10_600_000, 10_900_000),
    ],
)
def test_the_networks_are_as_large_as_the_ones_that_they_are_held_to(experiment: Any, least: int, most: int) -> None:
    """The ones of nanoGPT have 0.80 and 10.65 million weights, tied with the head's and without biases."""
    network = experiment.build(experiment.Config(), Seeds(0)).learner.network
    assert least <= sum(parameter.numel() for parameter in network.parameters()) <= most
