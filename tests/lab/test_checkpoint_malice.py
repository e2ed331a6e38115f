"""Checkpoints that somebody made to do harm: pickled code and forged states are refused."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.tracked import PIECE
from tests.lab.saving import folder_of, rewrite_body, saved


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def as_pickle(bomb: Bomb, protocol: int) -> bytes:
    return pickle.dumps(bomb, protocol)


def as_torch_file(bomb: Bomb, path: Path, zipped: bool) -> bytes:
    torch.save({"weights": torch.ones(2), "bomb": bomb}, path, _use_new_zipfile_serialization=zipped)
    return path.read_bytes()


@pytest.fixture(params=["pickle 0", "pickle 2", "pickle 5", "torch zip", "torch legacy"])
def malice(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[bytes, Path]:
    """The content of a file that carries code, and the path that the code makes when it runs."""
    mark = tmp_path / "executed"
    bomb = Bomb(mark)
    if request.param.startswith("pickle"):
        content = as_pickle(bomb, int(request.param[-1]))
    else:
        content = as_torch_file(bomb, tmp_path / "bomb.pt", request.param == "torch zip")
    return content, mark


def test_the_bomb_works(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    pickle.loads(as_pickle(Bomb(mark), 2))
    assert mark.exists()
    mark.rmdir()
    as_torch_file(Bomb(mark), tmp_path / "bomb.pt", True)
    torch.load(tmp_path / "bomb.pt", weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("kind", ["state.json", "tensors.safetensors"])
def test_code_is_refused_and_never_executed(
    kind: str, malice: tuple[bytes, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content, mark = malice
    checkpoints = saved(tmp_path / "checkpoints", 1, 2)
    (folder_of(checkpoints, 2) / kind).write_bytes(content)
    if kind == "tensors.safetensors":  # with a checksum that matches
        rewrite_body(checkpoints, 2, lambda body: body.update(tensors=sha256(content).hexdigest()))
    found = checkpoints.newest()
    assert found is not None
    assert found.step == 1
    assert not mark.exists()
    assert "checkpoint of step 2 is not intact" in caplog.text
    if not content.startswith(b"cposix"):  # protocol 0 is plain text: it is refused as no safetensors file
        assert f"{kind} carries pickled code, which is refused and never executed" in caplog.text


def test_code_in_a_piece_is_nothing_but_bytes(malice: tuple[bytes, Path], tmp_path: Path) -> None:
    content, mark = malice
    padded = content + bytes(PIECE - len(content))
    checkpoints = saved(tmp_path / "checkpoints", 1, 2)
    name = sha256(padded).hexdigest()
    (checkpoints.folder / "pieces" / name).write_bytes(padded)
    rewrite_body(checkpoints, 2, lambda body: body["large"]["0"]["pieces"].__setitem__(1, name))
    found = checkpoints.newest()
    assert found is not None
    assert found.step == 2
    assert bytes(found.state["trial"]["large"][PIECE : 2 * PIECE].numpy()) == padded
    assert not mark.exists()


def forged_dtype(body: dict[str, Any]) -> None:
    body["large"]["0"]["dtype"] = "torch.load"


def forged_absent(body: dict[str, Any]) -> None:
    body["large"]["0"]["dtype"] = "torch.no_such"


def forged_short(body: dict[str, Any]) -> None:
    body["large"]["0"]["pieces"].pop()


def forged_long(body: dict[str, Any]) -> None:
    body["large"]["0"]["pieces"].append(body["large"]["0"]["pieces"][0])


def forged_path(body: dict[str, Any]) -> None:
    body["large"]["0"]["pieces"][0] = "../../secret"


def forged_reference(body: dict[str, Any]) -> None:
    body["tree"]["trial"]["weights"] = {"$tensor": 77}


@pytest.mark.parametrize(
    "forge",
    [forged_dtype, forged_absent, forged_short, forged_long, forged_path, forged_reference],
    ids=lambda forge: forge.__name__,
)
def test_a_forged_state_with_a_right_checksum_is_passed_over(
    forge: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(bytes(PIECE))
    checkpoints = saved(tmp_path / "checkpoints", 1, 2)
    rewrite_body(checkpoints, 2, forge)
    found = checkpoints.newest()
    assert found is not None
    assert found.step == 1
