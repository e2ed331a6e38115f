"""Checkpoints that a kill or a disk spoilt: noticed, passed over and told."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.checkpoint import CheckpointError, Checkpoints, digest
from tests.lab.saving import (
    empty,
    flip,
    folder_of,
    own_piece,
    pieces,
    rewrite_body,
    saved,
    state_at,
    truncate,
)


@pytest.mark.parametrize("damage", [truncate, empty, flip, Path.unlink], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("kind", ["state.json", "tensors.safetensors", "piece"])
def test_the_one_before_a_torn_checkpoint_is_used_and_told(
    kind: str, damage: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = saved(tmp_path, 100, 250, 300)
    spoilt = [own_piece(checkpoints, s) if kind == "piece" else folder_of(checkpoints, s) / kind for s in (250, 300)]
    for path in spoilt:
        damage(path)
    with caplog.at_level(logging.WARNING):
        found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert found.step == 100
    assert digest(found.state) == digest(state_at(100))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "checkpoint of step 300 is not intact" in told[0]
    assert "200 steps are repeated" in told[0]
    assert "checkpoint of step 250 is not intact" in told[1]
    assert "150 steps are repeated" in told[1]
    assert all("step 100" in line for line in told)


@pytest.mark.parametrize("place", [0.0, 0.02, 0.1, 0.3, 0.9, 1.0])
def test_a_bit_flipped_anywhere_in_a_checkpoint_is_noticed(place: float, tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    for name in ("state.json", "tensors.safetensors"):
        flip(folder_of(checkpoints, 2) / name, place)
        found = Checkpoints(tmp_path).newest()
        assert found is not None
        assert found.step == 1 or digest(found.state) == digest(state_at(2))
        flip(folder_of(checkpoints, 2) / name, place)


def test_an_intact_run_warns_of_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    saved(tmp_path, 1, 2).newest()
    assert caplog.records == []


def test_what_a_kill_while_saving_leaves_is_passed_over_and_cleared(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 10)
    left = tmp_path / f".writing-{folder_of(checkpoints, 20).name}"
    shutil.copytree(folder_of(checkpoints, 10), left)
    truncate(left / "state.json")
    (tmp_path / "pieces" / f"{'0' * 64}.writing").write_bytes(b"half a piece")
    again = Checkpoints(tmp_path)
    found = again.newest()
    assert found is not None
    assert found.step == 10
    again.save(15, state_at(15))
    assert not left.exists()
    assert len(pieces(again)) == 3
    assert again.steps() == [10, 15]


@pytest.mark.parametrize("kind", ["state.json", "tensors.safetensors", "piece"])
def test_none_intact_is_an_error_that_says_what_and_what_to_do(kind: str, tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    spoilt = [own_piece(checkpoints, s) if kind == "piece" else folder_of(checkpoints, s) / kind for s in (1, 2)]
    for path in spoilt:
        flip(path)
    with pytest.raises(
        CheckpointError, match=r"None of the checkpoints under .* is intact \(step 2: .*; step 1: .*--fresh"
    ):
        Checkpoints(tmp_path).newest()


def test_a_damaged_piece_is_not_taken_for_its_content_when_it_is_due_again(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    flip(own_piece(checkpoints, 2))
    resumed = Checkpoints(tmp_path)
    found = resumed.newest()
    assert found is not None
    assert found.step == 1
    resumed.save(2, state_at(2))  # the same state again, as an exact resume makes it
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert found.step == 2
    assert digest(found.state) == digest(state_at(2))


def test_a_torn_checkpoint_ahead_pushes_no_intact_one_out(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 50, 100, keep=2)
    truncate(folder_of(checkpoints, 100) / "state.json")
    resumed = Checkpoints(tmp_path, 2)
    assert resumed.newest() is not None
    resumed.save(60, state_at(60))  # at another cadence
    assert resumed.steps() == [50, 60]
    truncate(folder_of(resumed, 60) / "state.json")
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert found.step == 50


def test_a_checkpoint_of_another_schema_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    rewrite_body(checkpoints, 2, lambda body: body.update(schema="lab.checkpoint/99"))
    found = checkpoints.newest()
    assert found is not None
    assert found.step == 1
    assert "its schema is 'lab.checkpoint/99'" in caplog.text
