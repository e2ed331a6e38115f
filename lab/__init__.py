"""A deep-learning research lab: seeded, exactly resumable experiments on one torch backbone.

    import lab
    lab.launch("dqn_cartpole", seeds=range(5))

The parts are modules of their own (lab.backbones, lab.schedules, lab.optim, lab.data, lab.fit, ...). The names below
are loaded when they are first used, so that `import lab` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.checkpoint import Checkpoints
    from lab.data import Batches, Dataset
    from lab.experiment import Target, experiments
    from lab.fit import Fit
    from lab.launching import launch
    from lab.run import Outcome, RunConfig
    from lab.seeding import Seeds
    from lab.trained import load_run
    from lab.trial import Clip, Picture, Trial

__version__ = "0.1.0"

_HOMES = {
    "Batches": "lab.data",
    "Checkpoints": "lab.checkpoint",
    "Clip": "lab.trial",
    "Dataset": "lab.data",
    "Fit": "lab.fit",
    "Outcome": "lab.run",
    "Picture": "lab.trial",
    "RunConfig": "lab.run",
    "Seeds": "lab.seeding",
    "Target": "lab.experiment",
    "Trial": "lab.trial",
    "experiments": "lab.experiment",
    "launch": "lab.launching",
    "load_run": "lab.trained",
}

__all__ = [
    "Batches",
    "Checkpoints",
    "Clip",
    "Dataset",
    "Fit",
    "Outcome",
    "Picture",
    "RunConfig",
    "Seeds",
    "Target",
    "Trial",
    "experiments",
    "launch",
    "load_run",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lab' has no attribute {name!r}")
