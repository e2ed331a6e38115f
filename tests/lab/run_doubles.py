"""A trial, a tracker and checkpoints that write on a tape what is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lab.checkpoint import Checkpoints
from lab.run import Outcome, RunConfig, run
from lab.seeding import Seeds
from lab.tracking import MemoryTracker
from lab.trial import Clip, Metrics, Picture, State


class Counter:
    """A trial that counts, writes on a tape what is asked of it, and draws from the global generator like dropout."""

    unit = "paces"

    def __init__(
        self, tape: list[str] | None = None, stride: int = 1, during: Callable[[int], Any] = lambda step: None
    ):
        self.tape = [] if tape is None else tape
        self.stride, self.during = stride, during
        self.steps = 0
        self.total = torch.zeros((), dtype=torch.float64)

    def step(self) -> Metrics:
        self.steps += self.stride
        self.tape.append(f"step to {self.steps}")
        self.total = self.total + torch.rand((), dtype=torch.float64)
        given = self.during(self.steps)
        return given if isinstance(given, dict) else {"total": self.total, "steps": float(self.steps)}

    def evaluate(self) -> Metrics:
        self.tape.append("evaluate")
        torch.rand(7)  # must not disturb training
        return {"score": self.total * 2}

    def state_dict(self) -> State:
        return {"total": self.total, "steps": self.steps}

    def load_state_dict(self, state: State) -> None:
        self.tape.append(f"load {state['steps']}")
        self.total, self.steps = state["total"], state["steps"]


class Illustrator(Counter):
    def illustrate(self) -> Mapping[str, Picture | Clip]:
        self.tape.append("illustrate")
        torch.rand(3)
        return {"square": Picture(np.zeros((2, 2, 3), np.uint8))}


class TapedTracker(MemoryTracker):
    def __init__(self, tape: list[str]) -> None:
        super().__init__()
        self.tape = tape

    def log(self, step: int, row: Mapping[str, float]) -> None:
        self.tape.append(f"log {step}: {' '.join(name for name in row if not name.startswith('time/'))}")
        super().log(step, row)

    def media(self, step: int, name: str, path: Path) -> None:
        self.tape.append(f"media {step} {path.name}")

    def commit(self, step: int) -> None:
        self.tape.append(f"commit {step}")

    def rewind(self, step: int) -> None:
        self.tape.append(f"rewind {step}")
        super().rewind(step)

    def finish(self, state: str, state_sha256: str | None = None) -> None:
        self.tape.append(f"finish {state}")
        super().finish(state)


class TapedCheckpoints(Checkpoints):
    def __init__(self, folder: Path, tape: list[str]):
        super().__init__(folder)
        self.tape = tape

    def save(self, step: int, state: State) -> None:
        self.tape.append(f"save {step}")
        super().save(step, state)


def config(**settings: Any) -> RunConfig:
    defaults: dict[str, Any] = {"steps": 20, "log_every": 5, "evaluate_every": 10, "save_every": 10, "wandb": "off"}
    return RunConfig(**(defaults | settings))


def drive(
    settings: RunConfig,
    folder: Path | None = None,
    trial: Counter | None = None,
    tracker: MemoryTracker | None = None,
    **more: Any,
) -> tuple[Outcome, list[dict[str, float]], Counter]:
    """A run of a new Counter; returns the rows without the clock too."""
    trial, tracker = trial or Counter(), tracker or MemoryTracker()
    checkpoints = Checkpoints(folder) if folder is not None else None
    outcome = run(trial, settings, tracker, checkpoints, seeds=Seeds(0), **more)
    return outcome, [timeless(row) for row in tracker.rows], trial


def timeless(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if not name.startswith("time/")}
