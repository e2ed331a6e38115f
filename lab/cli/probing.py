"""`lab probe`: puts the probe's questions to an experiment's model."""

from __future__ import annotations

from functools import partial

from lab.cli import UsageError
from lab.cli.running import settings_of, split_names
from lab.experiment import load

HELP = """usage: lab probe NAME [settings]

Check the model of an experiment before its results mean anything: does the loss start where ignorance puts it, do
gradients reach every parameter and agree with differences of the loss, do examples stay apart, does a causal model
keep the order, is one batch learnt by heart? The settings are those of `lab run NAME`.

Exit codes: 0 all is well, 1 a check failed, 2 wrong usage."""


def probe_command(words: list[str]) -> int:
    """`lab probe NAME [settings]`."""
    names, words = split_names(words)
    if len(names) != 1:
        if "--help" in words or "-h" in words:
            print(HELP)
            return 0
        raise UsageError("Which experiment? Give one name: `lab probe NAME`. `lab list` shows them.")
    experiment = load(names[0])
    options, config = settings_of("probe", experiment, words)

    from lab.launching import arms
    from lab.probe import Probed
    from lab.seeding import Seeds

    passed = True
    for variant, settings in arms(experiment, config, options.variant).items():
        trial = experiment.make(settings, Seeds(options.seed))
        if not isinstance(trial, Probed):
            raise ValueError(
                f"{experiment.name} cannot be probed: its {type(trial).__name__} has no probe_case(), as it trains no "
                "model on examples. Give it one that returns the module, a few examples and the loss."
            )
        if variant:
            print(variant)
        # Each as it comes: of a large recurrent network some take minutes.
        report = trial.probe_case().probe(seed=options.seed, tell=partial(print, flush=True))
        passed = passed and report.passed
    return 0 if passed else 1
