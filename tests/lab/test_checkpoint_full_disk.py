"""A disk that fills while a checkpoint is saved: the ones before stay, and the room is given back."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lab.checkpoint import CheckpointError, Checkpoints, digest
from lab.tracked import PIECE
from tests.lab.saving import pieces, saved, state_at


@pytest.mark.parametrize("call", range(5))
def test_a_disk_that_fills_at_any_write_leaves_the_one_before(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = saved(tmp_path, 1)
    calls = iter(range(99))
    fsync = os.fsync

    def full(file: int) -> None:
        if next(calls) == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError) as raised:
        checkpoints.save(2, state_at(2))
    said = str(raised.value)
    assert f"step 2 could not be written under {tmp_path}: No space left on device" in said  # what and why
    assert "earlier checkpoints are untouched" in said
    assert "Make room" in said
    assert "same command again" in said
    monkeypatch.undo()
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert digest(found.state) == digest(state_at(found.step))
    assert found.step == (1 if call < 4 else 2), "the fifth is that of the folder, after the rename"
    assert not list(tmp_path.glob(".writing-*")), "the room it took is given back"
    assert len(pieces(checkpoints)) == (2 if call < 4 else 3)
    checkpoints.save(2, state_at(2))
    assert (found := Checkpoints(tmp_path).newest()) is not None
    assert found.step == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode != 0:
        pytest.skip("mounting a file system is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    def state(value: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(value)
        return {"large": torch.randint(0, 256, (5 * PIECE,), dtype=torch.uint8, generator=generator)}

    checkpoints = Checkpoints(small_disk / "checkpoints")
    checkpoints.save(1, state(1))
    for _ in range(3):
        with pytest.raises(CheckpointError, match="No space left on device"):
            checkpoints.save(2, state(2))
    found = checkpoints.newest()
    assert found is not None
    assert found.step == 1
    assert digest(found.state) == digest(state(1))
    assert len(pieces(checkpoints)) == 5, "the pieces of what was never saved went again"
