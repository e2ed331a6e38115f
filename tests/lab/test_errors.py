"""Which errors are a sentence for the user, and which are faults that want their traceback."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lab.backbones import MLPConfig
from lab.config import ConfigError
from lab.errors import speaks_to_the_user
from lab.store import RunError


def caught(act: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as held:  # noqa: PT011 - which one is what the tests ask
        act()
    return held.value


def test_a_value_error_of_our_own_code_speaks() -> None:
    assert speaks_to_the_user(caught(lambda: MLPConfig(widths=(0,)).build((4,))))


def test_a_value_error_out_of_a_library_is_a_fault() -> None:
    assert not speaks_to_the_user(caught(lambda: np.zeros(3).reshape(2, 2)))


@pytest.mark.parametrize("error", [ConfigError("c"), RunError("r"), FileNotFoundError(2, "none")])
def test_our_own_types_and_what_the_system_says_speak(error: Exception) -> None:
    assert speaks_to_the_user(error)


@pytest.mark.parametrize("error", [KeyError("k"), RuntimeError("r"), ValueError("never raised"), AssertionError()])
def test_anything_else_is_a_fault(error: Exception) -> None:
    assert not speaks_to_the_user(error)
