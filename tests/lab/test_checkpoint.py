"""Checkpoints: exact, whole or passed over, cheap for what did not change, and never code."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lab.checkpoint import PIECE, CheckpointError, Checkpoints, digest
from lab.trial import State

DTYPES = [
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool, torch.uint8, torch.int8, torch.int16,
    torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64, torch.complex64, torch.float8_e4m3fn,
]  # fmt: skip


def state_at(step: int) -> State:
    """A state with a large tensor (three pieces, of which one changes), small ones, and plain values."""
    large = torch.zeros(3 * PIECE, dtype=torch.uint8)
    large[PIECE + step] = 1
    return {
        "trial": {"large": large, "weights": torch.arange(6.0) + step, "steps": step},
        "run": {"seconds": 0.1 * step},
    }


def saved(folder: Path, *steps: int, keep: int = 9) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep)
    for step in steps:
        checkpoints.save(step, state_at(step))
    return checkpoints


def folder_of(checkpoints: Checkpoints, step: int) -> Path:
    return checkpoints.folder / f"step-{step:012d}"


def pieces(checkpoints: Checkpoints) -> dict[str, tuple[int, int]]:
    """Each piece's inode and time of writing."""
    files = (checkpoints.folder / "pieces").iterdir()
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


def flip(path: Path, place: float = 0.5) -> None:
    """Changes one bit of a file."""
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def own_piece(checkpoints: Checkpoints, step: int) -> Path:
    """A piece that only the checkpoint of this step refers to."""
    used = {at: set(body_of(checkpoints, at)["large"]["0"]["pieces"]) for at in checkpoints.steps()}
    (name,) = used[step] - set().union(*(names for at, names in used.items() if at != step))
    return checkpoints.folder / "pieces" / name


def body_of(checkpoints: Checkpoints, step: int) -> dict[str, Any]:
    return json.loads((folder_of(checkpoints, step) / "state.json").read_text())["body"]


def rewrite_body(checkpoints: Checkpoints, step: int, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes state.json and puts the right checksum on it, as somebody with bad intent would."""
    body = body_of(checkpoints, step)
    change(body)
    text = json.dumps(body)
    stated = f'{{"sha256": "{sha256(text.encode()).hexdigest()}", "body": {text}}}'
    (folder_of(checkpoints, step) / "state.json").write_text(stated)


# Exactness


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3,), (2, 3)], ids=str)
def test_every_kind_of_tensor(dtype: torch.dtype, shape: tuple[int, ...], tmp_path: Path) -> None:
    tensor = torch.tensor(np.arange(np.prod(shape)).reshape(shape) % 2).to(dtype)
    state = {"tensor": tensor, "parameter": torch.nn.Parameter(torch.ones(2))}
    Checkpoints(tmp_path).save(1, state)
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert found.state["tensor"].dtype == dtype
    assert found.state["tensor"].shape == shape
    assert digest(found.state) == digest(state)
    assert digest({"tensor": tensor, "parameter": torch.ones(2)}) == digest(state)


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_large_tensors_of_every_length(size: int, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(size)
    state = {
        "bytes": torch.randint(0, 256, (size,), dtype=torch.uint8, generator=generator),
        "halves": torch.randn(size // 2, generator=generator).bfloat16(),
        "image": torch.randn(size // 400, 10, 10, generator=generator),
    }
    Checkpoints(tmp_path).save(1, state)
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    for name, tensor in state.items():
        assert found.state[name].dtype == tensor.dtype
        assert torch.equal(found.state[name], tensor)


def test_tied_overlapping_and_strided_tensors(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(2, 3, 4)
    state = {
        "whole": base, "tied": base, "part": base[1], "transposed": base.mT, "stride": base[..., ::2],
        "expanded": torch.ones(1).expand(5), "channels": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "conjugate": torch.tensor([1 + 2j]).conj(), "negative": torch._neg_view(torch.ones(2)),
        "large": torch.arange(PIECE).reshape(2, -1).mT,
    }  # fmt: skip
    Checkpoints(tmp_path).save(1, state)
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert [name for name, tensor in state.items() if not torch.equal(found.state[name], tensor)] == []
    found.state["whole"].zero_()
    assert torch.equal(found.state["tied"], base), "what was loaded shares no memory"


def test_arrays_and_plain_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rng.random(3)
    mersenne = np.random.RandomState(0).get_state(legacy=False)
    state = {
        "array": np.arange(6).reshape(2, 3), "reversed": np.arange(4.0)[::-1], "scalar": np.float32(1.5),
        "flag": np.bool_(True),
        "pcg": rng.bit_generator.state, "mersenne": mersenne, "unsigned": np.array([2**64 - 1], np.uint64),
        "numbers": [1, 2.5, 10**40, -0.0, float("inf")], "pair": (1, (2.0, "x")), "none": None, "yes": True,
        "moments": {0: {"step": torch.tensor(3.0)}, 1: {}}, "$tensor": 0, "empty": {}, "nothing": [],
        "text": "ü\n\ud800",
    }  # fmt: skip
    Checkpoints(tmp_path).save(1, state)
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert digest(found.state) == digest(state)
    back = found.state
    assert isinstance(back["array"], np.ndarray)
    assert back["reversed"].tolist() == [3.0, 2.0, 1.0, 0.0]
    assert back["pair"] == (1, (2.0, "x"))
    assert back["numbers"] == state["numbers"]
    assert str(back["numbers"][3]) == "-0.0"
    assert list(back["moments"]) == [0, 1]
    assert back["$tensor"] == 0
    assert back["text"] == state["text"]
    again = np.random.default_rng(5)
    again.bit_generator.state = back["pcg"]
    assert again.random() == rng.random()


@pytest.mark.parametrize("value", [{1, 2}, object(), lambda: 0, b"bytes", {(1, 2): 3}])
def test_what_would_have_to_be_pickled_is_refused_by_its_path(value: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"state\.trial\.odd\[1\] is a \w+, which a checkpoint does not hold"):
        Checkpoints(tmp_path).save(1, {"trial": {"odd": [0, value]}})
    assert Checkpoints(tmp_path).newest() is None


CHANGES: list[tuple[Any, Any]] = [
    (1, 2), (1, 1.0), (1, True), (0, False), (0.0, -0.0), (None, 0), ("1", 1), ([1], (1,)), ({}, []), ([], ()),
    ({"a": 1}, {"b": 1}), ({"a": 1}, {"a": 1, "b": None}), ({1: 0}, {"1": 0}), ([1, 2], [2, 1]),
    (torch.zeros(2), torch.zeros(3)), (torch.zeros(2, 3), torch.zeros(3, 2)),
    (torch.zeros(2), torch.tensor([0.0, 1e-45])),
    (torch.zeros(2), torch.zeros(2).double()), (torch.zeros(2), torch.zeros(2, dtype=torch.int32)),
    (torch.zeros(2), np.zeros(2, np.float32)), (torch.zeros(()), torch.zeros(1)), (torch.zeros(0), torch.zeros(0, 1)),
    (torch.zeros(1), torch.tensor([-0.0])), ([torch.zeros(1), torch.ones(1)], [torch.ones(1), torch.zeros(1)]),
    ([torch.zeros(1), torch.zeros(3)], [torch.zeros(3), torch.zeros(1)]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), CHANGES, ids=range(len(CHANGES)))
def test_the_digest_tells_what_differs(one: Any, other: Any) -> None:
    assert digest({"x": one}) != digest({"x": other})


def test_the_digest_is_equal_for_what_is_equal() -> None:
    tensor = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert digest({"a": tensor, "b": [tensor]}) == digest({"b": [tensor.clone()], "a": tensor.T.contiguous().T})
    assert digest({"x": torch.tensor(float("nan"))}) == digest({"x": torch.tensor(float("nan"))})


# What is written


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


# What is torn


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


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


# Code in a checkpoint


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
