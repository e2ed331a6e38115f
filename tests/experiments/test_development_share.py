"""Held out: experiments without a development part of their own make one of what they would train on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.config import address
from lab.development import Development
from lab.experiment import Experiment, experiments, load
from lab.fit import Fit
from lab.seeding import Seeds

HOLDING_OUT = [name for name in experiments() if isinstance(load(name).Config(), Development)]


def built(experiment: Experiment, development_share: float) -> Fit:
    config = replace(experiment.smoke, development_share=development_share)
    trial = experiment.make(config, Seeds(0))
    assert isinstance(trial, Fit)
    return trial


@pytest.mark.parametrize("name", HOLDING_OUT)
def test_a_fifth_is_not_trained_on_but_judged_on_beside_what_is_judged_anyway(name: str) -> None:
    experiment = load(name)
    whole, parted = built(experiment, 0.0), built(experiment, 0.2)
    assert set(parted.evaluation) - set(whole.evaluation) == {"dev"}
    development = len(parted.evaluation["dev"])
    left, training = len(parted.batches.dataset), len(whole.batches.dataset)
    assert development == pytest.approx(0.2 * training, abs=5)
    assert development + left == pytest.approx(training, abs=1)  # a text may lose a window where it is cut
    for part in set(whole.evaluation) - {"train"}:
        assert len(parted.evaluation[part]) == len(whole.evaluation[part])


@pytest.mark.parametrize("name", HOLDING_OUT)
def test_runs_from_before_there_was_the_setting_are_where_they_were(name: str) -> None:
    experiment = load(name)
    config = experiment.Config()
    assert address(name, config) == address(name, replace(config, development_share=0.0))
    assert address(name, config) != address(name, replace(config, development_share=0.1))


@pytest.mark.parametrize("name", HOLDING_OUT)
@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_leaves_nothing_is_refused(name: str, share: float) -> None:
    with pytest.raises(ValueError, match=r"development_share is .* Set it from 0 to below 1"):
        replace(load(name).Config(), development_share=share)
