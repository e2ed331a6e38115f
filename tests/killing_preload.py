"""Imported once by the server that tests/killing.py forks its jobs from."""

import torch

torch.set_num_threads(1)  # a forked process cannot use its parent's thread pool

import lab.job  # noqa: E402, F401
from lab.experiment import experiments, load  # noqa: E402
from lab.seeding import Seeds  # noqa: E402

for _name in experiments():
    _experiment = load(_name)
    _experiment.make(next(iter(_experiment.variants(_experiment.smoke).values())), Seeds(0))  # imports what it imports
