"""Every benchmark's quick mode runs and gives a whole result; what it claims to be equal is equal."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from benchmarks import fit, tracking
from benchmarks.__main__ import found
from lab.backbones import ConvolutionConfig


@pytest.mark.parametrize("name", found())
def test_quick_mode_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_RUNS", str(tmp_path))
    result = importlib.import_module(f"benchmarks.{name}").measure(quick=True)
    assert result.rows
    assert result.checks
    assert all(len(row) == len(result.header) for row in result.rows)
    assert result.title in str(result)
    assert list(tmp_path.iterdir()) == []  # it clears its workplace


@pytest.mark.parametrize("arm", ["fit", "lightning", "as it comes"])
def test_all_loops_do_the_same_work(arm: str, tmp_path: Path) -> None:
    if arm != "fit":
        pytest.importorskip("pytorch_lightning", reason="make bench installs it")
    contest = fit.Contest(ConvolutionConfig(channels=(3,), batch_norm=True, dropout=0.2), 2 * fit.LOG_EVERY, tmp_path)
    arms = contest.arms()
    arms[arm](0)
    arms["raw"](0)
    assert len(contest.losses[arm]) == 2
    assert contest.losses[arm][1] < contest.losses[arm][0]  # something was learnt
    assert contest.difference(arm) == 0.0
    contest.losses["raw"][1] += 0.25
    assert contest.difference(arm) == pytest.approx(0.25)


def test_a_peer_that_is_not_installed_is_left_out_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "lightning_is_installed", lambda: False)
    result = fit.measure(quick=True)
    assert [row[3] for row in result.rows] == [row[-1] for row in result.rows] == [fit.LEFT_OUT] * 2
    assert "is not installed, so its arm is left out. `make bench` installs it." in str(result)
    assert not [check for check in result.checks if "ightning" in check.name]


def test_what_is_tracked_is_really_tracked(tmp_path: Path) -> None:
    tracked = tracking.Tracked(tracking.EXPERIMENTS[0], quick=True, folder=tmp_path)
    attempt = tracked.with_trackers(0)
    rows = (tmp_path / "mlp_digits-tracked-0" / "metrics.jsonl").read_text().splitlines()
    assert len(rows) == tracked.config.run.steps // tracked.config.run.log_every
    assert list(tmp_path.glob("mlp_digits-tracked-0/wandb/offline-run-*/*.wandb"))
    assert 0 < attempt.inside < attempt.seconds
    assert tracked.without(0).inside == 0
    assert not (tmp_path / "mlp_digits-bare-0" / "metrics.jsonl").exists()
