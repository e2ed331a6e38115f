"""The refusal of what does not fit, with its arithmetic."""

from __future__ import annotations

import pytest
import torch

from agents import memory

CPU = torch.device("cpu")


def test_free_memory_is_below_what_the_machine_has() -> None:
    assert 2**20 < memory.free_memory(CPU) < 2**50


def test_what_does_not_fit_is_refused_and_what_does_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 10_000)
    memory.check_memory(100, 90, 10, CPU)  # 100 * 100 bytes
    # 101 * 100 bytes are too many; 0.9 * 10,000 / 100 = 90
    with pytest.raises(
        ValueError, match=r"101 transitions.*a frame of 90 bytes and 10 more, 100 bytes each.*90 at most"
    ):
        memory.check_memory(101, 90, 10, CPU)
    with pytest.raises(ValueError, match="on cpu: beside the frames, 10 bytes each"):
        memory.check_memory(1_001, 0, 10, CPU)
