"""Imported once by the server that tests/killing.py forks its jobs from."""

from contextlib import suppress
from dataclasses import replace

import torch

torch.set_num_threads(1)  # a forked process cannot use its parent's thread pool

import matplotlib.backends.backend_agg  # noqa: E402, F401 # a run's pictures are drawn by it, half a second to import

import lab.job  # noqa: E402, F401
from lab.data import MissingData  # noqa: E402
from lab.experiment import experiments, load  # noqa: E402
from lab.seeding import Seeds  # noqa: E402

for _name in experiments():
    _experiment = load(_name)
    _config = next(iter(_experiment.variants(_experiment.smoke).values()))
    # Building a trial imports what it needs; on the CPU, since a process that has started CUDA cannot be forked.
    with suppress(MissingData):  # its files are not here, and so its tests are skipped
        _experiment.make(replace(_config, run=replace(_config.run, device="cpu")), Seeds(0))
