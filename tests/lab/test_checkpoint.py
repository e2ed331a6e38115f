"""Checkpoints on the disk: what is written and in which order, what goes, and what is in the way."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from lab.checkpoint import Checkpoints
from lab.tracked import PIECE
from tests.lab.saving import pieces, saved, state_at


def test_only_changed_pieces_are_written(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1)
    before = pieces(checkpoints)
    assert len(before) == 2, "two of the three pieces are equal (all zeros)"
    checkpoints.save(2, state_at(2))
    after = pieces(checkpoints)
    assert {name: after[name] for name in before} == before, "nothing that was there is touched"
    assert len(after) == 3


def test_old_checkpoints_and_their_pieces_go(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2, 3, keep=2)
    assert checkpoints.steps() == [2, 3]
    assert len(pieces(checkpoints)) == 3  # zeros, and one each
    checkpoints.save(4, {"small": torch.ones(1)})
    checkpoints.save(5, {"small": torch.ones(1)})
    assert pieces(checkpoints) == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pieces", "step-000000000004", "step-000000000005"]


def test_steps_are_ordered_as_numbers_and_strangers_are_passed_over(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    for step in (9, 100, 10**13):
        checkpoints.save(step, {"steps": step})
    for stranger in ("step-one", "step-000000000001 (copy)", "notes"):
        (tmp_path / stranger).mkdir()
    assert checkpoints.steps() == [9, 100, 10**13]


def test_nothing_saved_is_no_error(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "absent").newest() is None


def test_a_checkpoint_appears_by_one_rename_after_everything_in_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def synced(file: int) -> None:
        tape.append(f"sync {Path(os.readlink(f'/proc/self/fd/{file}')).relative_to(tmp_path)}")
        fsync(file)

    def renamed(self: Path, target: Path) -> Path:
        tape.append(f"rename {target.relative_to(tmp_path)}")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    Checkpoints(tmp_path).save(7, {"large": torch.zeros(PIECE, dtype=torch.uint8)})
    zeros = f"pieces/{sha256(bytes(PIECE)).hexdigest()}"
    assert tape == [
        f"sync {zeros}.writing",
        f"rename {zeros}",
        "sync .writing-step-000000000007/tensors.safetensors",
        "sync .writing-step-000000000007/state.json",
        "sync .writing-step-000000000007",
        "rename step-000000000007",
        "sync .",
        "sync pieces",
    ]


def test_tensors_whose_headers_length_looks_like_a_pickle_are_read(tmp_path: Path) -> None:
    alike = 0
    for count in range(1, 30):
        for length in (1, 10, 100):
            checkpoints = Checkpoints(tmp_path / f"{count}-{length}")
            state = {"trial": [torch.full((length,), float(i)) for i in range(count)]}
            checkpoints.save(1, state)
            packed = (checkpoints.folder / "step-000000000001" / "tensors.safetensors").read_bytes()
            if packed[0] == 0x80 and 2 <= packed[1] <= 5:  # the first bytes of a pickle of protocol 2 to 5
                alike += 1
                found = checkpoints.newest()
                assert found is not None
                assert [tensor[0].item() for tensor in found.state["trial"]] == list(range(count))
    assert alike, "no header was of such a length"
