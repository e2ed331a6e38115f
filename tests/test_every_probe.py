"""The probe's questions put to every experiment's model in its smallest version. A new experiment is found here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.experiment import experiments, load
from lab.probe import Probed
from lab.seeding import Seeds

WITHOUT_EXAMPLES = {
    "clipping_surface": "two numbers on a surface that is drawn",
    "word2vec_enwiki": "a text, whose words are one another's examples; tests hold its gradients to autograd's",
}
AS_ANOTHER = {  # the networks and the pictures of one that is asked, for which emulators take half a minute each
    "dqn_atari": "rainbow_pong",
    "dqn_breakout": "rainbow_pong",
    "dqn_pong": "rainbow_pong",
    "dqn_pong_small": "rainbow_pong",
    "dqn_seven_games": "rainbow_pong",
}
BY_HEART = "one batch is learnt by heart"  # for which the smallest networks are too small


@pytest.mark.parametrize("name", [name for name in experiments() if name not in AS_ANOTHER])
def test_the_model_passes_the_probe(name: str) -> None:
    """Of the first arm; further arms may begin badly on purpose."""
    experiment = load(name)
    config = next(iter(experiment.variants(experiment.smoke).values()))
    trial = experiment.make(replace(config, run=replace(config.run, device="cpu")), Seeds(0))
    if name in WITHOUT_EXAMPLES:
        if isinstance(trial, Probed):
            with pytest.raises(ValueError, match="cannot be probed"):
                trial.probe_case()
        return
    assert isinstance(trial, Probed), "`lab probe` looks at every experiment's model"
    case = trial.probe_case()
    assert case.expected is not None or experiment.listing.wing != "supervised", "a supervised learner knows its loss"
    report = case.probe(overfit_steps=0)
    assert [str(check) for check in report.checks if not check.passed and check.name != BY_HEART] == []
