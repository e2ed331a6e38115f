"""Ray, on a cluster of this machine that all of these tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.kills import jobs_in, parent_of
from lab.checkpoint import Checkpoints
from lab.launching import launch
from lab.store import RunDirectory
from tests.lab.engines.watching import once_it_trains
from tests.lab.test_launching import shas, timeless

ray = pytest.importorskip("ray", reason="--on ray needs the extra `cluster`")
pytestmark = [pytest.mark.usefixtures("toys"), pytest.mark.xdist_group("ray")]
SLOW = {"seconds": 0.02, "run.log_every": 3, "run.save_every": 1000}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two processors, nothing served."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[3])
    ray.init(
        address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error",
        _node_ip_address="127.0.0.1",
    )  # fmt: skip
    yield
    ray.shutdown()
    del os.environ["PYTHONPATH"]
    if inherited is not None:
        os.environ["PYTHONPATH"] = inherited


@pytest.mark.skipif(not Path("/proc").exists(), reason="the worker is found in /proc")
def test_a_worker_that_is_killed_is_replaced_and_the_run_goes_on_exactly(runs: Path) -> None:
    changes = SLOW | {"run.steps": 60, "run.save_every": 5}
    killed: list[int] = []

    def kill(directory: RunDirectory) -> None:
        (job,) = jobs_in(directory)
        server = parent_of(job)
        assert server is not None
        worker = parent_of(server)
        assert worker is not None
        killed.append(worker)
        os.kill(worker, signal.SIGKILL)

    watch = once_it_trains(kill)
    (moved,) = launch("walk", [3], on="ray", changes=changes, watch=watch)
    (straight,) = launch("walk", [3], changes=changes | {"seconds": 0.0}, runs_dir=runs.with_name("alone"))
    assert killed, "the run was over before its worker could be killed"
    assert shas([moved]) == shas([straight])
    assert timeless(moved.directory) == timeless(straight.directory)
    stood_on = moved.directory.environment()
    assert stood_on["engine"]["name"] == "ray"
    assert stood_on["threads"] == 1
    assert [item.did for item in launch("walk", [3], on="ray", changes=changes)] == ["nothing"]


def test_ctrl_c_lets_the_run_save(runs: Path) -> None:
    watch = once_it_trains(lambda directory: signal.raise_signal(signal.SIGINT))
    launched = launch("walk", [0, 1], on="ray", jobs=1, changes=SLOW | {"run.steps": 100_000}, watch=watch)
    assert [(item.state, item.error) for item in launched] == [("interrupted", "SIGINT"), ("waiting", None)]
    directory = launched[0].directory
    assert not directory.locked()
    assert Checkpoints(directory.checkpoints).steps() == [directory.status()["step"]]
