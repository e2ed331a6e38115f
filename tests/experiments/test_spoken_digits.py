"""ctc_digits and ctc_held_out: who is heard in training, and who in the test strings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from experiments.supervised import ctc_digits, ctc_held_out, speech_attention
from lab.backbones import TransformerConfig
from lab.data.sequences import Padded
from lab.data.spoken_digits import SPEAKERS, hold_out, read_spoken_digits
from lab.data.spoken_strings import StringBatches
from lab.fit import Fit
from lab.seeding import Seeds


def heard_by(trial: Fit) -> tuple[list[int], list[int]]:
    """The speakers and the takes that training strings are drawn from."""
    assert isinstance(trial.batches, StringBatches)
    recordings = trial.batches.strings.recordings
    return recordings.speakers.unique().tolist(), recordings.takes.unique().tolist()


def test_known_speakers_are_judged_by_recordings_that_are_not_trained_on() -> None:
    trial = ctc_digits.build(ctc_digits.SMOKE, Seeds(0))
    assert heard_by(trial) == ([0, 1], list(range(5, 50)))


@pytest.mark.parametrize("experiment", [ctc_digits, speech_attention])
def test_without_test_strings_nothing_is_judged(experiment: Any) -> None:
    trial = experiment.build(replace(experiment.SMOKE, test_strings=0), Seeds(0))
    trial.step()
    assert (trial.evaluate(), trial.illustrate()) == ({}, {})
    with pytest.raises(ValueError, match=r"test_strings is -1, but it is 0 or more"):
        replace(experiment.SMOKE, test_strings=-1)


def test_each_speaker_is_held_out_in_an_arm_of_its_own() -> None:
    arms = ctc_held_out.variants(ctc_held_out.Config())
    assert tuple(arms) == SPEAKERS
    assert all(arm.held_out == name for name, arm in arms.items())
    for number, arm in enumerate(ctc_held_out.variants(ctc_held_out.SMOKE).values()):
        assert heard_by(ctc_held_out.build(arm, Seeds(0))) == ([1 - number], list(range(50)))


def test_the_strings_for_testing_do_not_depend_on_the_runs_seed() -> None:
    first, second = (ctc_digits.build(ctc_digits.SMOKE, Seeds(seed)).evaluation["test"] for seed in (0, 1))
    for a, b in zip(first.fields, second.fields):  # type: ignore[attr-defined]
        assert a.values.equal(b.values)
    assert len(first) == ctc_digits.SMOKE.test_strings


def test_both_experiments_share_their_settings() -> None:
    known, held_out = ctc_digits.Config(), ctc_held_out.Config()
    shared = {name: getattr(known, name) for name in known.__dataclass_fields__}
    assert shared == {name: getattr(held_out, name) for name in shared}


def test_a_transformer_is_built_for_the_longest_string_there_can_be() -> None:
    config = replace(ctc_digits.SMOKE, backbone=TransformerConfig(width=8, num_heads=2, num_layers=1))
    trial = ctc_digits.build(config, Seeds(0))
    others, _ = hold_out(read_spoken_digits(config.speakers), "nicolas")
    longest = int(others.waveforms.lengths.max()) * config.strings.most_words
    frames = torch.tensor([(longest - config.spectra.frame) // config.spectra.hop + 1])
    learner = trial.learner
    logits = learner.predict(Padded(torch.zeros(1, int(frames), config.spectra.num_features), frames))  # type: ignore[attr-defined]
    assert logits.values.shape[-1] == 11
