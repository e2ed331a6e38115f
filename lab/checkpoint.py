"""Checkpoints: written aside and renamed, checksummed, without pickled code; the newest intact one is used.

    checkpoints/
      step-000000050000/          appears whole, by one rename
        state.json                the state's tree and its own checksum; tensors are references
        tensors.safetensors       the small tensors
      pieces/<sha256>             the large tensors in pieces of 1 MiB, shared between checkpoints

A large tensor that changed a little since the last checkpoint costs the room of its changed pieces only. If it is a
`Tracked` (a replay), the others are not even read, and it is loaded without ever being held twice.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from lab.pieces import Pieces
from lab.store import RunError
from lab.tracked import PIECE, AnyTensor, Stored, Tracked, pieces
from lab.trial import State
from lab.writing import sync_folder, write_durably

SCHEMA = "lab.checkpoint/1"
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")  # pickle protocols, torch's zip

_STEP = re.compile(r"step-(\d{12,})")

log = logging.getLogger("lab")


class CheckpointError(RunError):
    """A checkpoint cannot be written or none can be used."""


@dataclass(frozen=True)
class Found:
    """An intact checkpoint. In place of each large `Tracked` its state holds a `Stored`, to be taken up at once."""

    step: int
    state: State


class Checkpoints:
    """The checkpoints of one run, in a folder of their own."""

    def __init__(self, folder: Path, keep: int = 2):
        self.folder, self.keep = folder, keep
        self.pieces = Pieces(folder / "pieces")

    def steps(self) -> list[int]:
        """The steps at which a checkpoint was saved, oldest first, torn ones included."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return sorted(int(match[1]) for name in names if (match := _STEP.fullmatch(name)))

    def save(self, step: int, state: State) -> None:
        """Saves durably; at every instant a kill leaves the checkpoints before it as they were."""
        try:
            self._save(step, state)
        except OSError as error:
            with suppress(OSError):  # a full disk has better use for the room
                shutil.rmtree(self._aside(step), ignore_errors=True)
                self._prune_pieces()
            raise CheckpointError(
                f"The checkpoint of step {step} could not be written under {self.folder}: {error.strerror or error}. "
                "The earlier checkpoints are untouched. Make room (or give another folder by --runs-dir) and "
                "run the same command again: it goes on from the newest checkpoint."
            ) from error

    def newest(self, *, whole: bool = True) -> Found | None:
        """The newest intact checkpoint, or None where none was ever saved.

        Without `whole`, large `Tracked` tensors are not looked at, which saves reading them where they are not wanted.
        Logs which ones were torn and what that costs. Raises CheckpointError if there are some but none is intact.
        """
        torn: list[tuple[int, str]] = []
        for step in reversed(self.steps()):
            try:
                state = self._load(step, whole)
            except (OSError, ValueError, LookupError, TypeError, AttributeError, SafetensorError) as error:
                torn.append((step, str(error)))
                continue
            for bad, why in torn:
                log.warning(
                    "The checkpoint of step %s is not intact (%s). Going on from step %s: %s steps are repeated.",
                    bad, why, step, bad - step,
                )  # fmt: skip
            return Found(step, state)
        if torn:
            causes = "; ".join(f"step {step}: {why}" for step, why in torn)
            raise CheckpointError(
                f"None of the checkpoints under {self.folder} is intact ({causes}). "
                "Start over with --fresh, which keeps the old run beside the new one."
            )
        return None

    def files(self) -> tuple[int, list[Path]]:
        """The newest intact checkpoint's step and files; -1 and none where none was ever saved.

        Raises CheckpointError as `newest` does.
        """
        found = self.newest(whole=True)
        if found is None:
            return -1, []
        large = self._body(found.step)["large"].values()
        names = dict.fromkeys(name for item in large for name in item["pieces"])
        folder = self.folder / _name(found.step)
        small = [folder / "state.json", folder / "tensors.safetensors"]
        return found.step, [*small, *(self.pieces.folder / name for name in names)]

    def _save(self, step: int, state: State) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        final, aside = self.folder / _name(step), self._aside(step)
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        tensors: list[AnyTensor] = []
        tree = pack(state, tensors)
        self.pieces.forget_damaged()
        small: dict[str, Tensor] = {}
        large: dict[str, dict[str, Any]] = {}
        for index, tensor in enumerate(tensors):
            if isinstance(tensor, Stored) or tensor.nbytes >= PIECE:
                item = {"dtype": str(tensor.dtype), "shape": list(tensor.shape), "pieces": self.pieces.save(tensor)}
                large[str(index)] = item if isinstance(tensor, Tensor) else item | {"tracked": True}
            else:
                plain = tensor.tensor.cpu() if isinstance(tensor, Tracked) else tensor
                small[str(index)] = plain.clone() if plain.untyped_storage().nbytes() != plain.nbytes else plain
        packed = save_tensors(_unshared(small))
        write_durably(aside / "tensors.safetensors", packed)
        body = {"schema": SCHEMA, "step": step, "tensors": sha256(packed).hexdigest(), "large": large, "tree": tree}
        text = json.dumps(body)
        write_durably(
            aside / "state.json", f'{{"sha256": "{sha256(text.encode()).hexdigest()}", "body": {text}}}'.encode()
        )
        sync_folder(aside)
        if final.exists():  # a torn one, which a resumed run has reached again
            shutil.rmtree(final)
        aside.rename(final)
        sync_folder(self.folder)
        self._prune(step)

    def _aside(self, step: int) -> Path:
        return self.folder / f".writing-{_name(step)}"

    def _prune(self, newest: int) -> None:
        """Removes all but the newest checkpoints, and the pieces that none refers to any more.

        Later ones than the newest are those that were torn when the run was resumed: kept, they would push intact
        ones out.
        """
        steps = self.steps()
        reached = [step for step in steps if step <= newest]
        for step in [*reached[: -self.keep], *(step for step in steps if step > newest)]:
            shutil.rmtree(self.folder / _name(step))
        for left in self.folder.glob(".writing-*"):  # by a kill while saving
            shutil.rmtree(left)
        self._prune_pieces()

    def _prune_pieces(self) -> None:
        used: set[str] = set()
        for step in self.steps():
            try:
                used |= {name for item in self._body(step)["large"].values() for name in item["pieces"]}
            except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
                continue  # torn: `newest` tells, and its pieces serve nobody
            except OSError:
                return  # it cannot be read now, but perhaps later, and may need any of the pieces
        self.pieces.prune(used)

    def _body(self, step: int) -> dict[str, Any]:
        content = (self.folder / _name(step) / "state.json").read_bytes()
        _refuse_pickle(content, "state.json")
        head = len('{"sha256": "') + 64 + len('", "body": ')
        stated, text = content[12:76].decode(errors="replace"), content[head:-1]
        if sha256(text).hexdigest() != stated:
            raise ValueError("state.json does not match its checksum")
        body: dict[str, Any] = json.loads(text)
        if body["schema"] != SCHEMA:
            raise ValueError(f"its schema is {body['schema']!r}, this version of the lab reads {SCHEMA!r}")
        return body

    def _load(self, step: int, whole: bool) -> State:
        body = self._body(step)
        packed = (self.folder / _name(step) / "tensors.safetensors").read_bytes()
        _refuse_pickle(packed, "tensors.safetensors")
        if sha256(packed).hexdigest() != body["tensors"]:
            raise ValueError("tensors.safetensors does not match its checksum")
        tensors: dict[str, Tensor | Stored] = {**load_tensors(packed)}
        for index, item in body["large"].items():
            dtype = getattr(torch, item["dtype"].removeprefix("torch."))
            stored = Stored(torch.Size(item["shape"]), dtype, self.pieces.folder, tuple(item["pieces"]))
            if item.get("tracked"):
                if whole:
                    self.pieces.check(stored)
                tensors[index] = stored
            else:
                tensors[index] = self.pieces.load(stored)
        state: State = unpack(body["tree"], tensors)
        return state


def digest(state: State) -> str:
    """SHA-256 of a whole state: equal if and only if every number, tensor and name in it is, in whatever order."""
    tensors: list[AnyTensor] = []
    tree = json.dumps(pack(_in_order(state), tensors))
    whole = sha256(tree.encode())
    for tensor in tensors:
        whole.update(f"{tensor.dtype}{list(tensor.shape)}".encode())
        for piece in pieces(tensor):
            whole.update(piece)
    return whole.hexdigest()


def _in_order(value: Any) -> Any:
    """The same tree with the entries of each dict sorted, which also numbers its tensors alike."""
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value, key=lambda key: (str(type(key)), key))}
    if isinstance(value, list | tuple):
        return type(value)(_in_order(item) for item in value) if type(value) in (list, tuple) else value
    return value


def pack(value: Any, tensors: list[AnyTensor], path: str = "state") -> Any:
    """A state as JSON values; its tensors and arrays are appended to `tensors` and referred to by their place."""
    if isinstance(value, Tracked | Stored):
        tensors.append(value)
        return {"$tensor": len(tensors) - 1}
    if isinstance(value, Tensor | np.ndarray | np.generic):
        array = not isinstance(value, Tensor)
        tensor = torch.as_tensor(np.asarray(value, order="C") if array else value).detach().cpu()
        tensors.append(tensor.resolve_conj().resolve_neg().contiguous())
        return {"$array" if array else "$tensor": len(tensors) - 1}
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: pack(item, tensors, f"{path}.{key}") for key, item in value.items()}
        if all(isinstance(key, str | int) for key in value):  # torch's optimisers count their parameters
            return {"$items": [[key, pack(item, tensors, f"{path}.{key}")] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [pack(item, tensors, f"{path}[{i}]") for i, item in enumerate(value)]
        return items if isinstance(value, list) else {"$tuple": items}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"{path} is a {type(value).__name__}, which a checkpoint does not hold: it would have to be pickled, and "
        "pickled code is never loaded. Return tensors, arrays, numbers, text, booleans, None and dicts, lists and "
        "tuples of them from state_dict()."
    )


def unpack(tree: Any, tensors: Mapping[str, Any]) -> Any:
    """The inverse of `pack`; `tensors` maps each place, as text, to its tensor."""
    if isinstance(tree, list):
        return [unpack(item, tensors) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "$tensor" in tree:
        return tensors[str(tree["$tensor"])]
    if "$array" in tree:
        return tensors[str(tree["$array"])].numpy()
    if "$tuple" in tree:
        return tuple(unpack(item, tensors) for item in tree["$tuple"])
    if "$items" in tree:
        return {key: unpack(item, tensors) for key, item in tree["$items"]}
    return {key: unpack(item, tensors) for key, item in tree.items()}


def _name(step: int) -> str:
    return f"step-{step:012d}"


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tied weights appear several times in a state; safetensors wants each to own its memory."""
    seen: set[int] = set()
    own = {}
    for name, tensor in tensors.items():
        own[name] = tensor.clone() if tensor.data_ptr() in seen else tensor
        seen.add(tensor.data_ptr())
    return own


def _refuse_pickle(content: bytes, name: str) -> None:
    # A safetensors file begins with its header's length, which can look like a pickle's first bytes; but its header,
    # from the ninth byte on, is JSON.
    if content.startswith(_PICKLES) and content[8:9] != b"{":
        raise ValueError(f"{name} carries pickled code, which is refused and never executed")
