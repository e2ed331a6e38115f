"""Checkpoints of tracked tensors: they cost what was written, and are exact whatever happened in between."""

from __future__ import annotations

import errno
import os
import tracemalloc
from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lab.checkpoint import CheckpointError, Checkpoints, digest
from lab.tracked import PIECE, Stored, Tracked
from tests.lab.saving import body_of, flip, folder_of, pieces, rewrite_body

ROW = PIECE // 4
ROWS = 24  # six pieces
ZEROS = sha256(bytes(PIECE)).hexdigest()


def ring() -> Tracked:
    return Tracked((ROWS, ROW), torch.uint8)


def write(tracked: Tracked, *rows: int, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    tracked.tensor[list(rows)] = torch.randint(256, (len(rows), ROW), dtype=torch.uint8, generator=generator)
    tracked.wrote(np.array(rows))


def newest(folder: Path) -> tuple[int, Tensor]:
    """What another process finds and takes up."""
    found = Checkpoints(folder).newest()
    assert found is not None
    taken = ring()
    taken.take(found.state["ring"])
    assert digest(found.state) == digest({"ring": taken})
    return found.step, taken.tensor


def assert_saved(folder: Path, step: int, tracked: Tracked) -> None:
    at, tensor = newest(folder)
    assert at == step
    assert torch.equal(tensor, tracked.tensor)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The places of the pieces of any Tracked whose bytes were asked for; to be cleared."""
    places: list[int] = []
    piece = Tracked.piece

    def noted(self: Tracked, index: int) -> memoryview:
        places.append(index)
        return piece(self, index)

    monkeypatch.setattr(Tracked, "piece", noted)
    return places


# What it costs


def test_only_what_was_written_is_read_and_saved(tmp_path: Path, looked_at: list[int]) -> None:
    checkpoints, tracked = Checkpoints(tmp_path, keep=9), ring()
    checkpoints.save(1, {"ring": tracked})
    assert looked_at == [0], "one piece of zeros serves for all"
    assert list(pieces(checkpoints)) == [ZEROS]
    looked_at.clear()
    checkpoints.save(2, {"ring": tracked})
    assert looked_at == []
    write(tracked, 4, 19)
    before = pieces(checkpoints)
    checkpoints.save(3, {"ring": tracked})
    assert looked_at == [1, 4]
    assert pieces(checkpoints).items() > before.items()
    assert len(pieces(checkpoints)) == 3
    looked_at.clear()
    checkpoints.save(4, {"ring": tracked})
    assert looked_at == []
    assert_saved(tmp_path, 4, tracked)


def test_what_was_loaded_is_not_read_again(tmp_path: Path, looked_at: list[int]) -> None:
    tracked = ring()
    write(tracked, *range(ROWS))
    Checkpoints(tmp_path).save(1, {"ring": tracked})
    checkpoints, resumed = Checkpoints(tmp_path), ring()
    found = checkpoints.newest()
    assert found is not None
    resumed.take(found.state["ring"])
    write(resumed, 9, seed=1)
    before = pieces(checkpoints)
    looked_at.clear()
    checkpoints.save(2, {"ring": resumed})
    assert looked_at == [2]
    assert len(pieces(checkpoints)) == len(before) + 1
    assert_saved(tmp_path, 2, resumed)


def test_loading_holds_no_second_one(tmp_path: Path) -> None:
    tracked = ring()
    write(tracked, *range(ROWS))
    Checkpoints(tmp_path).save(1, {"ring": tracked})
    resumed = ring()
    tracemalloc.start()
    try:
        found = Checkpoints(tmp_path).newest()
        assert found is not None
        assert isinstance(found.state["ring"], Stored)
        resumed.take(found.state["ring"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * PIECE
    assert torch.equal(resumed.tensor, tracked.tensor)


def test_whoever_does_not_want_it_need_not_have_it(tmp_path: Path) -> None:
    tracked, small = ring(), torch.arange(3)
    write(tracked, 5)
    Checkpoints(tmp_path).save(7, {"ring": tracked, "small": small})
    for piece in (tmp_path / "pieces").iterdir():
        piece.unlink()
    found = Checkpoints(tmp_path).newest(whole=False)
    assert found is not None
    assert torch.equal(found.state["small"], small)
    with pytest.raises(OSError, match="No such file"):
        ring().take(found.state["ring"])
    with pytest.raises(CheckpointError, match="None of the checkpoints"):
        Checkpoints(tmp_path).newest()


def test_a_small_one_lies_among_the_small_tensors(tmp_path: Path) -> None:
    tracked = Tracked((5, 3), torch.int64)
    tracked.tensor[2] = 7
    tracked.wrote(2)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"ring": tracked})
    assert not (tmp_path / "pieces").exists()
    tracked.tensor[3] = 8
    tracked.wrote(3)
    checkpoints.save(2, {"ring": tracked})
    found = checkpoints.newest()
    assert found is not None
    taken = Tracked((5, 3), torch.int64)
    taken.take(found.state["ring"])
    assert torch.equal(taken.tensor, tracked.tensor)


# Who reads and writes


def test_it_is_a_tensor_to_who_knows_no_other(tmp_path: Path) -> None:
    checkpoints, tracked = Checkpoints(tmp_path), ring()
    write(tracked, 3)
    checkpoints.save(1, {"ring": tracked})
    rewrite_body(checkpoints, 1, lambda body: body["large"]["0"].pop("tracked"))
    found = checkpoints.newest()
    assert found is not None
    assert torch.equal(found.state["ring"], tracked.tensor)
    assert_saved(tmp_path, 1, tracked)  # which is also how one from before there were any is taken up


def test_what_was_found_can_be_saved_elsewhere(tmp_path: Path) -> None:
    tracked = ring()
    write(tracked, 3, 20)
    Checkpoints(tmp_path / "one").save(1, {"ring": tracked})
    found = Checkpoints(tmp_path / "one").newest()
    assert found is not None
    Checkpoints(tmp_path / "other").save(5, found.state)
    assert_saved(tmp_path / "other", 5, tracked)


def test_two_folders_of_one_tensor(tmp_path: Path) -> None:
    one, other, tracked = Checkpoints(tmp_path / "one"), Checkpoints(tmp_path / "other"), ring()
    for step in range(6):
        write(tracked, 5 * step % ROWS, seed=step)
        one.save(step, {"ring": tracked})
        if step % 2:
            other.save(step, {"ring": tracked})
            assert_saved(tmp_path / "other", step, tracked)
        assert_saved(tmp_path / "one", step, tracked)


def test_two_that_save_into_one_folder(tmp_path: Path) -> None:
    """Each removes pieces that the other believes to be there."""
    savers, tracked = [Checkpoints(tmp_path, keep=1), Checkpoints(tmp_path, keep=1)], ring()
    for step, seed in enumerate([0, 1, 0, 1, 1, 0, 0]):
        write(tracked, 6, seed=seed)
        savers[step % 2].save(step, {"ring": tracked})
        assert_saved(tmp_path, step, tracked)


def test_two_names_and_a_copy(tmp_path: Path) -> None:
    tracked = ring()
    write(tracked, 1, 2)
    copied = deepcopy(tracked)
    write(copied, 2, seed=1)
    state = {"one": tracked, "two": [tracked], "copy": copied}
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        write(tracked, 9, seed=step)
        checkpoints.save(step, state)
        found = Checkpoints(tmp_path).newest()
        assert found is not None
        assert digest(found.state) == digest(state)
        assert body_of(checkpoints, step)["large"]["0"] == body_of(checkpoints, step)["large"]["1"]
        taken = ring()
        taken.take(found.state["copy"])
        assert torch.equal(taken.tensor, copied.tensor)


# What goes wrong


def test_pieces_that_were_removed_are_written_again_when_they_are_due(tmp_path: Path) -> None:
    checkpoints, tracked = Checkpoints(tmp_path, keep=1), ring()
    for step, seed in enumerate([0, 1, 0, 0, 1]):
        write(tracked, 6, seed=seed)
        checkpoints.save(step, {"ring": tracked})
        assert len(pieces(checkpoints)) == 2
        assert_saved(tmp_path, step, tracked)


def damaged(path: Path) -> None:
    flip(path)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000_000))  # a later one, however coarse the clock


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("spoil", [damaged, cut, Path.unlink], ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("unwritten", [True, False])
def test_a_piece_that_was_spoilt_on_the_disk_is_not_relied_on(
    spoil: Callable[[Path], None], unwritten: bool, tmp_path: Path
) -> None:
    checkpoints, tracked = Checkpoints(tmp_path), ring()
    write(tracked, 3)
    checkpoints.save(1, {"ring": tracked})
    names = body_of(checkpoints, 1)["large"]["0"]["pieces"]
    spoil(tmp_path / "pieces" / names[1 if unwritten else 0])
    checkpoints.save(2, {"ring": tracked})
    assert_saved(tmp_path, 2, tracked)
    assert (found := checkpoints.newest()) is not None
    assert found.step == 2


def test_a_piece_that_was_found_spoilt_is_not_relied_on(tmp_path: Path) -> None:
    checkpoints, tracked = Checkpoints(tmp_path), ring()
    write(tracked, 3)
    checkpoints.save(1, {"ring": tracked})
    name = body_of(checkpoints, 1)["large"]["0"]["pieces"][0]
    before = (tmp_path / "pieces" / name).stat()
    flip(tmp_path / "pieces" / name)
    os.utime(tmp_path / "pieces" / name, ns=(before.st_atime_ns, before.st_mtime_ns))  # unseen from outside
    with pytest.raises(CheckpointError, match="does not match its checksum"):
        checkpoints.newest()
    checkpoints.save(2, {"ring": tracked})
    assert_saved(tmp_path, 2, tracked)


def forged_length(item: dict[str, Any]) -> None:
    item["shape"][0] += 4


def forged_place(item: dict[str, Any]) -> None:
    item["pieces"][0] = "../../" + item["pieces"][0]


def forged_dtype(item: dict[str, Any]) -> None:
    item["dtype"] = "torch.load"


def forged_tail(item: dict[str, Any]) -> None:
    item["shape"] = [ROWS * ROW - 1]  # as many pieces, the last one shorter


@pytest.mark.parametrize("forge", [forged_length, forged_place, forged_dtype, forged_tail], ids=lambda f: f.__name__)
def test_a_forged_one_is_passed_over(forge: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    checkpoints, tracked = Checkpoints(tmp_path), ring()
    checkpoints.save(1, {"ring": tracked})
    write(tracked, 3)
    checkpoints.save(2, {"ring": tracked})
    rewrite_body(checkpoints, 2, lambda body: forge(body["large"]["0"]))
    (tmp_path / body_of(checkpoints, 1)["large"]["0"]["pieces"][0]).write_bytes(bytes(PIECE))
    at, tensor = newest(tmp_path)
    assert at == 1
    assert torch.count_nonzero(tensor) == 0


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), Killed()], ids=["full", "killed"])
@pytest.mark.parametrize("call", range(13))
@pytest.mark.parametrize("saver", ["same", "other"])
def test_a_save_that_fails_anywhere(
    saver: str, call: int, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any call that reaches the disk; what is saved next is exact, be it by the same object or a new one."""
    checkpoints, tracked = Checkpoints(tmp_path, keep=1), ring()
    write(tracked, 0, 8)
    checkpoints.save(1, {"ring": tracked})
    first = tracked.tensor.clone()
    write(tracked, 4, 8, 12, seed=1)
    calls = iter(range(99))

    def failing(does: Callable[..., Any]) -> Callable[..., Any]:
        def fails(*arguments: Any) -> Any:
            if next(calls) == call:
                raise error
            return does(*arguments)

        return fails

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(os.fsync))
        patch.setattr(Path, "rename", failing(Path.rename))
        patch.setattr(Path, "unlink", failing(Path.unlink))
        with pytest.raises((CheckpointError, Killed)):
            checkpoints.save(2, {"ring": tracked})
    at, tensor = newest(tmp_path)
    assert torch.equal(tensor, first if at == 1 else tracked.tensor)
    write(tracked, 20, seed=2)
    if saver == "other":
        checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(3, {"ring": tracked})
    assert_saved(tmp_path, 3, tracked)
    assert set(pieces(checkpoints)) == set(body_of(checkpoints, 3)["large"]["0"]["pieces"])


def test_a_checkpoint_that_cannot_be_read_for_now_keeps_its_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, tracked = Checkpoints(tmp_path), ring()
    write(tracked, 0)
    checkpoints.save(1, {"ring": tracked})
    first = tracked.tensor.clone()
    write(tracked, 0, seed=1)
    read = Path.read_bytes

    def unreadable(self: Path) -> bytes:
        if self.parent == folder_of(checkpoints, 1):
            raise OSError(errno.EIO, "Input/output error")
        return read(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", unreadable)
        checkpoints.save(2, {"ring": tracked})
    (folder_of(checkpoints, 2) / "state.json").unlink()
    at, tensor = newest(tmp_path)
    assert at == 1
    assert torch.equal(tensor, first)


@pytest.mark.parametrize("seed", range(5))
def test_random_lives(seed: int, tmp_path: Path) -> None:
    """Writes, saves, resumes in the same and another process, copies and spoilt files; the oracle is a plain copy."""
    rng = np.random.default_rng(seed)
    checkpoints, tracked, step = Checkpoints(tmp_path), ring(), 0
    for _ in range(25):
        match rng.choice(["write", "write", "save", "save", "resume", "go back", "copy", "spoil"]):
            case "write":
                rows = rng.integers(ROWS, size=rng.integers(1, 4))
                write(tracked, *rows.tolist(), seed=int(rng.integers(3)))  # few, so that content comes again
            case "save":
                step += 1
                checkpoints.save(step, {"ring": tracked})
                assert_saved(tmp_path, step, tracked)
            case "resume" if step:
                checkpoints = Checkpoints(tmp_path)
                found = checkpoints.newest()
                assert found is not None
                tracked = ring()
                tracked.take(found.state["ring"])
            case "go back" if step:
                found = checkpoints.newest()
                assert found is not None
                tracked.take(found.state["ring"])
                assert_saved(tmp_path, step, tracked)
            case "copy":
                original, tracked = tracked, deepcopy(tracked)
                write(original, 0, seed=99)
            case "spoil" if step:
                (tmp_path / "pieces" / str(rng.choice(sorted(pieces(checkpoints))))).unlink()
                step += 1
                checkpoints.save(step, {"ring": tracked})  # whatever the newest one needs is written again
                assert_saved(tmp_path, step, tracked)
