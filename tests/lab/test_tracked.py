"""Tracked tensors: what was written is known, what was not is passed over, and what is taken up is exact."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lab.checkpoint import digest
from lab.tracked import PIECE, Stored, Tracked

HALF = PIECE // 2
STATUS = Path("/proc/self/statm")
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")),
]


def settled(tracked: Tracked) -> list[bytes]:
    """Its pieces, after each was given its true name."""
    contents = [bytes(tracked.piece(index)) for index in range(len(tracked.names()))]
    for index, content in enumerate(contents):
        tracked.remember(index, sha256(content).hexdigest())
    return contents


def unnamed(tracked: Tracked) -> list[int]:
    return [index for index, name in enumerate(tracked.names()) if name is None]


def filled(shape: tuple[int, ...], dtype: torch.dtype = torch.uint8, device: str = "cpu") -> Tracked:
    tracked = Tracked(shape, dtype, device)
    tracked.tensor.copy_(torch.randint(0, 100, shape, generator=torch.Generator().manual_seed(0)))
    tracked.wrote(slice(None))
    return tracked


def stored(tensor: Tensor, folder: Path) -> Stored:
    content = tensor.cpu().numpy().tobytes()
    names = []
    for start in range(0, len(content), PIECE):
        piece = content[start : start + PIECE]
        names.append(sha256(piece).hexdigest())
        (folder / names[-1]).write_bytes(piece)
    return Stored(tensor.shape, tensor.dtype, folder, tuple(names))


# What was written


@pytest.mark.parametrize(
    ("rows", "pieces"),
    [
        # Rows of three quarters of a piece: row r has bytes [0.75 r, 0.75 r + 0.75) of 8 * 0.75 = 6 pieces.
        (0, [0]), (1, [0, 1]), (2, [1, 2]), (3, [2]), (-1, [5]), (np.int64(4), [3]),
        (slice(1, 2), [0, 1]), (slice(3, 5), [2, 3]), (slice(2, 2), []), (slice(5, 2), []), (slice(None), range(6)),
        (slice(4, 2, -1), [2, 3]), (slice(-2, None), [4, 5]), (slice(6, 99), [4, 5]),
        (np.array([0, 7]), [0, 5]), (np.array([], int), []), (np.array([5]), [3, 4]),
        (np.array([[1], [6]], np.int32), [0, 1, 4, 5]), (np.array([3, 3], np.uint8), [2]),
    ],
)  # fmt: skip
def test_the_pieces_of_the_rows_that_were_written_have_no_name(rows: Any, pieces: list[int]) -> None:
    tracked = Tracked((8, 3, PIECE // 4), torch.uint8)
    assert unnamed(tracked) == []
    tracked.wrote(rows)
    assert unnamed(tracked) == list(pieces)
    assert unnamed(tracked) == list(pieces), "until they are named, not until somebody asked"
    for index in pieces:
        tracked.remember(index, "name")
    assert unnamed(tracked) == []
    tracked.wrote(rows)
    assert unnamed(tracked) == list(pieces), "and again"


def test_a_row_longer_than_a_piece() -> None:
    tracked = Tracked((3, 5 * HALF), torch.uint8)  # bytes [0, 2.5), [2.5, 5), [5, 7.5) of 8 pieces
    tracked.wrote(np.array([1]))
    assert unnamed(tracked) == [2, 3, 4]
    tracked.wrote(2)
    assert unnamed(tracked) == [2, 3, 4, 5, 6, 7]


def test_rows_of_a_byte() -> None:
    tracked = Tracked((5 * PIECE + 3,), torch.uint8)
    for row, piece in ((0, 0), (PIECE - 1, 0), (PIECE, 1), (3 * PIECE - 1, 2), (5 * PIECE - 1, 4), (5 * PIECE + 2, 5)):
        settled(tracked)
        tracked.wrote(np.array([row]))
        assert unnamed(tracked) == [piece]


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1000, 84, 84), torch.uint8), ((999, 1001), torch.float32), ((5, 700_001), torch.uint8),
        ((10**6,), torch.int32), ((3, 11, 12_345), torch.float64), ((3 * PIECE,), torch.bool),
    ],
)  # fmt: skip
def test_no_change_is_ever_missed(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """The oracle compares all bytes."""
    rng, tracked = np.random.default_rng(0), Tracked(shape, dtype)
    before = settled(tracked)
    for _ in range(20):
        rows = rng.integers(shape[0], size=rng.integers(1, 17))
        tracked.tensor[torch.from_numpy(rows)] = torch.from_numpy(rng.integers(1, 100, shape[1:])).to(dtype)
        first, last = rows.min(), rows.max()
        tracked.wrote(rows if rng.random() < 0.5 else slice(first, last + 1))
        told = unnamed(tracked)
        after = settled(tracked)
        changed = [index for index, (one, other) in enumerate(zip(before, after)) if one != other]
        assert set(changed) <= set(told)
        before = after


def test_rows_counted_from_the_end_are_refused_in_an_array() -> None:
    with pytest.raises(IndexError, match="counted from 0 on, but the lowest of these is -2"):
        Tracked((50, PIECE), torch.uint8).wrote(np.array([3, -2]))


def test_what_was_never_written_is_known_to_be_zero() -> None:
    tracked = Tracked((2, PIECE + 5), torch.uint8)
    zeros, rest = sha256(bytes(PIECE)).hexdigest(), sha256(bytes(10)).hexdigest()
    assert tracked.names() == [zeros, zeros, rest]
    assert torch.count_nonzero(tracked.tensor) == 0


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(STATUS.read_text().split()[1]) * 4096


@pytest.mark.skipif(not STATUS.exists(), reason="the system does not tell")
def test_zeros_take_no_memory_nor_do_their_copies() -> None:
    before = resident()
    tracked = Tracked((1 << 10, PIECE), torch.uint8)  # 1 GiB
    tracked.tensor[7] = 1
    tracked.wrote(7)
    copied = deepcopy(tracked)
    other = Tracked((1 << 10, PIECE), torch.uint8)
    other.take(copied)
    assert int(other.tensor[6:9].sum()) == PIECE
    assert resident() - before < 1 << 28


# What is taken up


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(3, PIECE), (7, 400_001), (5,), (0, 4)], ids=str)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.bfloat16, torch.int64, torch.bool], ids=str)
@pytest.mark.parametrize("kind", ["tensor", "tracked", "stored"])
def test_taking_is_exact(kind: str, dtype: torch.dtype, shape: tuple[int, ...], device: str, tmp_path: Path) -> None:
    saved, mine = filled(shape, dtype, device), filled(shape, dtype, device)
    settled(saved)
    saved.tensor[-1:] = 0
    saved.wrote(slice(-1, None))
    mine.tensor[:1] = 0
    mine.wrote(slice(0, 1))
    settled(mine)
    if kind == "stored":
        as_numbers = saved.tensor.view(torch.int16) if dtype == torch.bfloat16 else saved.tensor
        source: Any = stored(as_numbers, tmp_path)
        source = Stored(saved.shape, dtype, tmp_path, source.pieces)
    else:
        source = saved.tensor if kind == "tensor" else saved
    mine.take(source)
    assert torch.equal(mine.tensor, saved.tensor)
    for index, name in enumerate(mine.names()):
        assert name in (None, sha256(mine.piece(index)).hexdigest())
    assert digest({"x": source}) == digest({"x": mine}) == digest({"x": saved.tensor.clone()})


def test_names_are_taken_along_and_equal_pieces_passed_over(tmp_path: Path) -> None:
    saved = filled((4, PIECE))
    saved.tensor[3] = 0
    source = stored(saved.tensor, tmp_path)
    (tmp_path / source.pieces[3]).unlink()  # zeros, which the other knows to have
    mine = Tracked((4, PIECE), torch.uint8)
    mine.take(source)
    assert torch.equal(mine.tensor, saved.tensor)
    assert mine.names() == list(source.pieces)
    (tmp_path / source.pieces[0]).unlink()
    mine.take(source)
    mine.wrote(0)  # perhaps the same bytes, but nobody knows
    with pytest.raises(FileNotFoundError):
        mine.take(source)


def test_what_was_written_after_it_was_named_is_taken_too() -> None:
    saved = filled((2, PIECE))
    settled(saved)
    mine = deepcopy(saved)
    saved.tensor[1] += 1
    saved.wrote(1)
    mine.tensor[0] = 9
    mine.wrote(0)
    mine.take(saved)
    assert torch.equal(mine.tensor, saved.tensor)
    assert [name is None for name in mine.names()] == [False, True]


def test_what_neither_has_named_is_taken_too() -> None:
    saved, mine = filled((2, PIECE)), Tracked((2, PIECE), torch.uint8)
    mine.wrote(slice(None))
    mine.take(saved)
    assert torch.equal(mine.tensor, saved.tensor)
    assert unnamed(mine) == [0, 1]


@pytest.mark.parametrize(
    "damage",
    [lambda piece: bytes(len(piece)), lambda piece: b"", lambda piece: piece[:-1], lambda piece: piece + b"more"],
    ids=["zeroed", "emptied", "shortened", "lengthened"],
)
def test_a_damaged_piece_is_refused_and_not_thought_known(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    source = stored(filled((3, PIECE)).tensor, tmp_path)
    path = tmp_path / source.pieces[1]
    path.write_bytes(damage(path.read_bytes()))
    mine = Tracked((3, PIECE), torch.uint8)
    with pytest.raises(ValueError, match=rf"pieces/{source.pieces[1]} (holds|does not match)"):
        mine.take(source)
    assert unnamed(mine) == [1]
    with pytest.raises(ValueError, match="pieces/"):
        digest({"x": source})


@pytest.mark.parametrize(("shape", "dtype"), [((3, 4), torch.uint8), ((4, 3), torch.int8)])
def test_another_shape_or_dtype_is_refused(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    for source in (torch.zeros(shape, dtype=dtype), Tracked(shape, dtype)):
        with pytest.raises(ValueError, match=r"tensor \[\d, \d\] of torch\.u?int8 was saved, but here it is \[4, 3\]"):
            Tracked((4, 3), torch.uint8).take(source)


@pytest.mark.parametrize("device", DEVICES)
def test_a_copy_is_independent(device: str) -> None:
    tracked = filled((3, PIECE), device=device)
    settled(tracked)
    copied = deepcopy({"one": tracked, "two": [tracked]})["one"]
    assert isinstance(copied, Tracked)
    assert copied.names() == tracked.names()
    before = tracked.tensor.clone()
    copied.tensor[1] = 7
    copied.wrote(1)
    assert torch.equal(tracked.tensor, before)
    assert unnamed(tracked) == []
    tracked.wrote(2)
    assert unnamed(copied) == [1]


@pytest.mark.parametrize("shape", [(2, PIECE), (3, 5), (0, 3), (PIECE + 1,)], ids=str)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bool], ids=str)
def test_the_digest_is_that_of_the_plain_tensor(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    tracked = filled(shape, dtype)
    state = digest({"ring": tracked, "steps": 3})
    assert state == digest({"steps": 3, "ring": tracked.tensor})
    if tracked.nbytes:
        tracked.tensor[-1] = 0
        assert state != digest({"ring": tracked, "steps": 3}) == digest({"ring": tracked.tensor, "steps": 3})
