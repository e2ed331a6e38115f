"""The loss of every model before it learns, held to what its learner expects. A new experiment is found here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.experiment import experiments, load
from lab.fit import Fit, ProbedLearner
from lab.gradients import steady
from lab.probe import Probed
from lab.probe.checks import loss_at_the_start, right_labels
from lab.seeding import Seeds


@pytest.mark.parametrize("name", [name for name, listing in experiments().items() if listing.wing != "agents"])
def test_the_loss_begins_where_its_learner_expects_it(name: str) -> None:
    """Of the first arm, in its smallest version; further arms may begin badly on purpose."""
    experiment = load(name)
    config = next(iter(experiment.variants(experiment.smoke).values()))
    trial = experiment.make(replace(config, run=replace(config.run, device="cpu")), Seeds(0))
    if not isinstance(trial, Probed) or (isinstance(trial, Fit) and not isinstance(trial.learner, ProbedLearner)):
        pytest.skip("it has no model to ask")
    case = trial.probe_case()
    if case.expected is None:
        assert experiment.listing.wing != "supervised", "a supervised learner's probe_case says what loss it expects"
        pytest.skip("its learner does not say what loss it expects")
    inputs = case.inputs.double() if case.inputs.is_floating_point() else case.inputs
    start = loss_at_the_start(float(case.loss(steady(case.module), inputs).detach()), case.expected)
    assert start.passed, start
    if case.expected.labels is not None:
        labels = right_labels(case.expected.labels, case.expected.label_range)
        assert labels.passed, labels
