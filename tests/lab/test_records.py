"""Records: written whole or not at all, read back as they were, and cut off where a run goes on from."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.records import Records
from lab.store import RunError
from lab.trial import Record


def record(number: int, length: int = 3, dtype: type = np.uint8) -> Record:
    return {"kind": "training" if number % 2 else "evaluation", "number": number, "return": number / 3,
            "actions": np.arange(length).astype(dtype)}  # fmt: skip


def same(one: list[Record], other: list[Record]) -> bool:
    assert [list(each) for each in one] == [list(each) for each in other]
    for a, b in zip(one, other, strict=True):
        for key in a:
            if isinstance(a[key], np.ndarray):
                assert a[key].dtype == b[key].dtype
                assert np.array_equal(a[key], b[key])
            else:
                assert a[key] == b[key]
                assert type(a[key]) is type(b[key])
    return True


def test_records_are_read_as_they_were_written_in_the_order_of_steps(tmp_path: Path) -> None:
    records = Records(tmp_path / "episodes")
    assert records.read() == []
    early, late = [record(1), record(2, length=0), record(3, length=500)], [record(4)]
    records.write(1_000_000_000_000, late)
    records.write(90, early)
    assert same(records.read(), early + late)
    assert sorted(path.name for path in records.folder.iterdir()) == [
        "step-000000000090.npz",
        "step-1000000000000.npz",
    ]


def test_arrays_keep_their_type_and_the_shape_of_their_rows(tmp_path: Path) -> None:
    records, pushed = Records(tmp_path), np.random.default_rng(0).random((4, 2), dtype=np.float32)
    records.write(1, [{"actions": pushed}, {"actions": pushed[:0]}, {"actions": pushed[1:]}])
    assert same(records.read(), [{"actions": pushed}, {"actions": pushed[:0]}, {"actions": pushed[1:]}])


def test_nothing_is_no_file(tmp_path: Path) -> None:
    Records(tmp_path / "episodes").write(5, [])
    assert not (tmp_path / "episodes").exists()


def test_a_file_holds_no_pickle_and_is_read_by_numpy_alone(tmp_path: Path) -> None:
    Records(tmp_path).write(5, [record(1, 2), record(2, 3)])
    with np.load(tmp_path / "step-000000000005.npz", allow_pickle=False) as columns:
        assert columns["number"].tolist() == [1, 2]
        assert columns["actions.data"].tolist() == [0, 1, 0, 1, 2]
        assert columns["actions.lengths"].tolist() == [2, 3]
    with pytest.raises(ValueError, match=r"Object arrays cannot be saved"):
        Records(tmp_path).write(6, [{"thing": object()}])
    assert len(list(tmp_path.iterdir())) == 1


def test_a_million_actions_of_pong_stay_below_half_a_megabyte(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    Records(tmp_path).write(7, [{"actions": draw.integers(6, size=2_000).astype(np.uint8)} for _ in range(500)])
    assert (tmp_path / "step-000000000007.npz").stat().st_size < 500_000


def test_rewinding_removes_what_will_happen_again_and_what_a_kill_left(tmp_path: Path) -> None:
    records = Records(tmp_path)
    for step in (10, 20, 30):
        records.write(step, [record(step)])
    (tmp_path / ".step-000000000040.npz").write_bytes(b"half a file")
    (tmp_path / "000000000030-episode-3.mp4").write_bytes(b"a clip of somebody's")
    records.rewind(20)
    assert [each["number"] for each in records.read()] == [10, 20]
    assert len(list(tmp_path.iterdir())) == 3
    records.rewind(-1)
    assert records.read() == []
    Records(tmp_path / "nowhere").rewind(-1)


def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    records = Records(tmp_path)
    records.write(10, [record(1)])
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"step-000000000020.npz could not be written: No space left on device"):
        records.write(20, [record(2)])
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000000010.npz"]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = content.index(b"actions.data.npy") + 40
    return content[:middle] + bytes(byte ^ 255 for byte in content[middle : middle + 8]) + content[middle + 8 :]


@pytest.mark.parametrize("damage", [cut, flipped, lambda content: b"", lambda content: b"hello"])
def test_a_damaged_file_is_told(damage: Any, tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.write(10, [record(1, 300)])
    path = tmp_path / "step-000000000010.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match=r"step-000000000010.npz is damaged .* Move it away"):
        records.read()
