"""Named random streams: every draw comes from a stream of its own, derived from one root seed and a name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import numpy as np
import torch

log = logging.getLogger("lab")


class Seeds:
    """Derives a stream from (root, name), so that adding a consumer never shifts another's draws."""

    def __init__(self, root: int):
        self.root = root

    def __repr__(self) -> str:
        return f"Seeds({self.root})"

    def derive(self, name: str) -> int:
        """A seed in [0, 2**56) that depends on the root and the name alone."""
        return int.from_bytes(sha256(f"{self.root}/{name}".encode()).digest()[:7], "big")

    def child(self, name: str) -> Seeds:
        """A whole family of streams under a name, for a part that names its own."""
        return Seeds(self.derive(name))

    def generator(self, name: str, device: torch.device | str = "cpu") -> torch.Generator:
        """A torch generator for the named stream, on the device whose tensors it will draw."""
        return torch.Generator(device).manual_seed(self.derive(name))

    def numpy(self, name: str) -> np.random.Generator:
        """A numpy generator for the named stream."""
        return np.random.default_rng(self.derive(name))

    @contextmanager
    def initialising(self, name: str) -> Iterator[None]:
        """Inside, torch's own initialisers (which know only the global generator) draw from the named stream.

        The global generators are afterwards as they were before.
        """
        with preserved_generators():
            torch.manual_seed(self.derive(name))
            yield


def take_up(generator: torch.Generator, state: torch.Tensor) -> None:
    """Sets a generator to a saved state.

    What one on another kind of device has saved says nothing here: then its stream begins anew, which is logged.
    """
    try:
        generator.set_state(state)
    except RuntimeError:
        log.warning(
            "A generator was saved on another kind of device than %s, so its stream begins anew: from here on the "
            "draws are others than they would have been there.", generator.device,
        )  # fmt: skip
        generator.manual_seed(int.from_bytes(sha256(state.cpu().numpy().tobytes()).digest()[:7], "big"))


def global_generators() -> dict[str, torch.Tensor]:
    """The states of torch's global generators: the CPU's, and each CUDA device's if CUDA is in use.

    The lab draws from them in one place only, dropout, which offers no generator of its own.
    """
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states |= {f"cuda:{i}": s for i, s in enumerate(torch.cuda.get_rng_state_all())}
    return states


def set_global_generators(states: dict[str, torch.Tensor]) -> None:
    """Takes up states that `global_generators` returned; a device that is absent now is passed over."""
    for name, state in states.items():
        if name == "cpu":
            torch.set_rng_state(state)
        elif torch.cuda.is_available() and int(name.removeprefix("cuda:")) < torch.cuda.device_count():
            torch.cuda.set_rng_state(state, name)


@contextmanager
def preserved_generators() -> Iterator[None]:
    """Inside, draws from the global generators leave no trace outside."""
    before = global_generators()
    try:
        yield
    finally:
        set_global_generators(before)
