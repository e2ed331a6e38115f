"""Random streams that are taken up again."""

from __future__ import annotations

import pytest
import torch

from lab.seeding import take_up


def test_a_generator_of_another_device_begins_anew_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    state = torch.arange(16, dtype=torch.uint8)  # as CUDA's are
    first, second = torch.Generator(), torch.Generator()
    take_up(first, state)
    take_up(second, state)
    assert "saved on another kind of device than cpu" in caplog.text
    assert torch.equal(torch.rand(3, generator=first), torch.rand(3, generator=second))
    caplog.clear()
    take_up(second, first.get_state())
    assert torch.equal(torch.rand(3, generator=first), torch.rand(3, generator=second))
    assert caplog.text == ""
