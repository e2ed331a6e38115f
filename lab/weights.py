"""Weights that travel: modules to safetensors files and back, and other projects' checkpoints by their names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lab.published_names import translate
from lab.writing import written_aside

_ENDINGS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
_WRAPPERS = ("state_dict", "model_state_dict", "model")  # under which training scripts keep the weights among others
_SHOWN = 4  # names in a message


class WeightsError(ValueError):
    """Weights cannot be read, or do not fit the network; the message says what to do."""


def save_weights(module: nn.Module, path: Path | str, about: Mapping[str, Any] | None = None) -> str:
    """Writes a module's parameters and running statistics as a safetensors file; see `save_tensors`."""
    return save_tensors(module.state_dict(), path, about)


def save_tensors(tensors: Mapping[str, Tensor], path: Path | str, about: Mapping[str, Any] | None = None) -> str:
    """Writes tensors by name as a safetensors file; returns the SHA-256 of the file.

    `about`, plain JSON values, goes into the file's heading. The same weights make the same file.
    """
    # Each on its own memory, in one order: safetensors refuses shared and strided tensors. And a single entry of text,
    # as it keeps several in no order.
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    path = Path(path)
    with written_aside(path) as file:
        save_file(own, file.name, {"lab": json.dumps(about or {}, sort_keys=True)})
    return digest_of(path)


def digest_of(path: Path | str) -> str:
    """The SHA-256 of a file, in hex. Raises WeightsError if it is not there."""
    _refuse_missing(Path(path))
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def read_weights(path: Path | str) -> dict[str, Tensor]:
    """A file's tensors by name, on the CPU.

    Reads safetensors, and torch's own files without running any code that they hold. Raises WeightsError.
    """
    path = Path(path)
    _refuse_missing(path)
    if path.suffix not in _ENDINGS:
        raise WeightsError(f"{path} is no file of weights: its name ends in none of {', '.join(_ENDINGS)}.")
    if path.suffix != ".safetensors":
        return _read_torch(path)
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping


def read_about(path: Path | str) -> dict[str, Any]:
    """What `save_weights` wrote about a file's weights; nothing for other projects' files. Raises WeightsError."""
    if Path(path).suffix != ".safetensors":
        return {}
    with _opened(Path(path)) as file:
        return json.loads((file.metadata() or {}).get("lab", "{}"))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, "pt") as file:
            yield file
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{path} is damaged, or no safetensors file ({error}). Get it again.") from error


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Copies weights into a module, in place, by its own names or by those of a published architecture.

    `lab/published_names.py` says which. The prefix `module.` of torch's wrappers is taken off, and what a published
    network has above its backbone left out. Raises WeightsError, naming what does not fit, before anything is copied.
    `origin` says in it whose weights they are.
    """
    weights = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    own = module.state_dict()
    weights = translate(weights, own)
    # Counters of batches, which the oldest files lack, only matter where batch norm has no momentum.
    missing = [name for name in own if name not in weights and not name.endswith("num_batches_tracked")]
    unknown = [name for name in weights if name not in own]
    shapes = [
        f"{name} {list(weights[name].shape)}, here {list(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    wrong = [
        f"{what}: {', '.join(names[:_SHOWN])}{' and others' if len(names) > _SHOWN else ''}"
        for what, names in (("missing there", missing), ("unknown here", unknown), ("of another shape", shapes))
        if names
    ]
    if wrong:
        raise WeightsError(
            f"The weights of {origin} do not fit this {type(module).__name__}: {'; '.join(wrong)}. "
            "Give the backbone the settings that it had there."
        )
    module.load_state_dict({**own, **weights})


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes raise whatever they happen to be read as
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsError(
            f"{path} cannot be read as torch's file of weights ({why}). Files that hold code are not opened: "
            "save the state_dict alone, best as safetensors."
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} holds no mapping of names to tensors. Save the module's state_dict() in it.")
    return dict(content)


def _refuse_missing(path: Path) -> None:
    if not path.is_file():
        raise WeightsError(
            f"{path} is not there, so there are no weights to begin with. Give the path of a file of weights, or a run."
        )
