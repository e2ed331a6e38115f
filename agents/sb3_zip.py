"""A zip of Stable-Baselines3, read without running any code that may be in it.

Source: stable_baselines3.common.save_util, which writes a setting as JSON where it can and else as a pickle, beside it
the pickled object's fields as text. SB3 itself unpickles those, and a pickle may hold any code.
"""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import zipfile
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_DQN_POLICIES = "stable_baselines3.dqn.policies"  # the module of the policies of SB3's DQN, and of no other algorithm


@dataclass(frozen=True)
class SB3Zip:
    """What a saved DQN consists of, as far as it can be read safely."""

    path: Path
    settings: Mapping[str, Any]  # by SB3's names; a pickled one is its fields, as JSON where possible or else as text
    policy: Mapping[str, Tensor]  # by name, those of the target network included
    optimizer: Mapping[str, Any]  # torch's state_dict of it, or empty

    def number(self, name: str, default: float) -> float:
        """A setting that is a number, or the default where it is absent or something else, such as a schedule."""
        value = self.settings.get(name)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else default

    def train_freq(self) -> int | None:
        """Steps of every environment between blocks of updates; None where it is given in episodes."""
        saved = self.settings.get("train_freq")
        if isinstance(saved, int):
            return saved
        # A pickled tuple (4, "step") without fields as text. Its opcodes are read, not run.
        try:
            opcodes = list(pickletools.genops(b64decode(saved[":serialized:"])))  # type: ignore[index]
        except (TypeError, KeyError, ValueError):
            return None
        counts = [number for opcode, number, _ in opcodes if opcode.name.startswith("BININT")]
        in_steps = any(text == "step" for _, text, _ in opcodes)
        return counts[0] if in_steps and len(counts) == 1 else None

    def observation_format(self) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and type of one observation. Raises ValueError for a space that is no Box."""
        space = self.settings.get("observation_space")
        if isinstance(space, dict) and ".Box'" in str(space.get(":type:")):
            shape = space.get("_shape", space.get("shape"))
            if isinstance(shape, list) and all(isinstance(size, int) for size in shape):
                return tuple(shape), np.dtype(str(space.get("dtype")))
        kind = space.get(":type:") if isinstance(space, dict) else space
        raise ValueError(
            f"{self.path}: its observations are of the space {kind}, but only those of a Box can be taken over. "
            "Train it on observations that are one array."
        )


def read_sb3_zip(path: Path) -> SB3Zip:
    """Reads what `stable_baselines3.DQN.save` wrote.

    Tensors are loaded by torch's loader for weights only. Raises ValueError for a file that is damaged or something
    else, above all for a zip of another algorithm, which is told from its settings before any tensor is read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            settings = _settings(path, archive)
            return SB3Zip(
                path, settings, _tensors(path, archive, "policy.pth"), _tensors(path, archive, "policy.optimizer.pth")
            )
    except zipfile.BadZipFile as error:
        if zipfile.is_zipfile(path):
            raise ValueError(
                f"{path} is damaged: {error}. Copy it again from where it is whole, or save the agent again with "
                "model.save(path)."
            ) from error
        raise ValueError(
            f"{path} is no zip ({error}), so it holds no agent of SB3. Give the file that model.save(path) wrote."
        ) from error


def _settings(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    """The zip's settings, of a DQN for certain."""
    missing = {"data", "policy.pth"} - set(archive.namelist())
    if missing:
        raise ValueError(
            f"{path} is a zip without {' and '.join(sorted(missing))}, so SB3 did not write it. Give the file that "
            "model.save(path) wrote."
        )
    try:
        settings = json.loads(archive.read("data"))
        module = str(settings["policy_class"]["__module__"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: its data do not say which policy it is of ({type(error).__name__}: {error}), so it is damaged or "
            "not SB3's. Save the agent again with model.save(path)."
        ) from error
    if module != _DQN_POLICIES:
        kind = "SB3's PPO" if "clip_range" in settings else f"an algorithm with the policies of {module}"
        raise ValueError(
            f"{path} is an agent of {kind}, but only SB3's DQN (policies of {_DQN_POLICIES}) learns what ours does. "
            f"Open it with the algorithm it was saved by, or give the zip of a DQN."
        )
    return settings


def _tensors(path: Path, archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    """A state_dict from the zip, or none if it is not there."""
    if name not in archive.namelist():
        return {}
    try:
        return dict(torch.load(io.BytesIO(archive.read(name)), map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: {name} holds no weights that can be read safely ({str(error).splitlines()[0]}). Save the agent "
            "again with model.save(path)."
        ) from error
