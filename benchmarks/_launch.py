"""A launcher in a process of its own: `python -m benchmarks._launch ENGINE RUNS NAME VARIANT SEED [KEY=VALUE ...]`.

It launches the smallest version of one arm, on one thread of the CPU, as `lab run` would; so it can be killed, too.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from lab.experiment import Experiment, load
from lab.launching import Launched, launch_configs


def smallest(experiment: Experiment, variant: str) -> Any:
    """The config of the smallest version of an arm."""
    config = experiment.variants(experiment.smoke)[variant]
    return replace(config, run=replace(config.run, threads=1, device="cpu", wandb="off"))


def launched(engine: str, runs: str, name: str, variant: str, seed: int, settings: dict[str, str]) -> Launched:
    """The run, once it has ended or was ended."""
    experiment = load(name)
    arm = [(variant, smallest(experiment, variant))]
    # Two at a time, though there is one: a local job then has a process of its own as well.
    return launch_configs(experiment, arm, [seed], jobs=2, runs_dir=runs, on=engine, engine_settings=settings)[0]


if __name__ == "__main__":
    engine, runs, name, variant, seed, *settings = sys.argv[1:]
    ended = launched(engine, runs, name, variant, int(seed), dict(each.split("=", 1) for each in settings))
    print(ended.state, ended.error or "")
