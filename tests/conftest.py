"""What every test stands on: runs in a temporary folder, one thread, no network, no W&B."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # also of the processes that tests start
os.environ["LAB_OFFLINE"] = "1"  # a data set that is not in $LAB_DATA is not fetched, and its tests are skipped

import torch

from lab.data import MissingData

torch.set_num_threads(1)

TOYS = Path(__file__).parent / "toys"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, Any, Any]:
    """Skips a test whose fixture needs a data set's files that are not in $LAB_DATA, and says which."""
    return (yield from _skipping())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """Skips a test that needs such files itself."""
    return (yield from _skipping())


def _skipping() -> Generator[None, Any, Any]:
    try:
        return (yield)
    except MissingData as error:
        if _data_settings() != DATA:  # the test looks for data in a folder of its own, so this is a failure
            raise
        pytest.skip(str(error))


def _data_settings() -> list[str | None]:
    return [os.environ.get(name) for name in ("LAB_DATA", "LAB_OFFLINE")]


DATA = _data_settings()


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that runs go to where a test does not say otherwise."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("LAB_RUNS", str(folder))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.delenv("LAB_EXPERIMENTS", raising=False)
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets this process reach nothing but itself."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and str(address[0]) not in (
            "127.0.0.1",
            "::1",
            "localhost",
        ):
            raise OSError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes the experiments in tests/toys known: `walk` and `walk_arms`."""
    monkeypatch.setenv("LAB_EXPERIMENTS", str(TOYS))
    return TOYS
