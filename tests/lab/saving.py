"""What the tests of checkpoints share: a state with a large tensor, and hands to spoil what was saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from lab.checkpoint import Checkpoints
from lab.tracked import PIECE
from lab.trial import State


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


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")
