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


def test_fit_and_the_raw_loop_do_the_same_work(tmp_path: Path) -> None:
    contest = fit.Contest(ConvolutionConfig(channels=(3,), batch_norm=True, dropout=0.2), 2 * fit.LOG_EVERY, tmp_path)
    contest.fit(0)
    contest.raw(0)
    assert len(contest.losses["fit"]) == 2
    assert contest.losses["fit"][1] < contest.losses["fit"][0]  # something was learnt
    assert contest.difference() == 0.0
    contest.losses["raw"][1] += 0.25
    assert contest.difference() == pytest.approx(0.25)


def test_what_is_tracked_is_really_tracked(tmp_path: Path) -> None:
    tracked = tracking.Tracked(tracking.EXPERIMENTS[0], quick=True, folder=tmp_path)
    attempt = tracked.with_trackers(0)
    rows = (tmp_path / "mlp_digits-tracked-0" / "metrics.jsonl").read_text().splitlines()
    assert len(rows) == tracked.config.run.steps // tracked.config.run.log_every
    assert list(tmp_path.glob("mlp_digits-tracked-0/wandb/offline-run-*/*.wandb"))
    assert 0 < attempt.inside < attempt.seconds
    assert tracked.without(0).inside == 0
    assert not (tmp_path / "mlp_digits-bare-0" / "metrics.jsonl").exists()
