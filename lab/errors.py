"""Tells errors that speak to the user from faults in the code, which want their traceback."""

from __future__ import annotations

import traceback

OURS = ("lab", "agents", "generative", "supervised", "experiments")


def speaks_to_the_user(error: BaseException) -> bool:
    """Whether an error's message says all: what, why and how to mend it.

    So it is with errors of the lab's own types, with an OSError, and with a ValueError that the lab's own code raised.
    A ValueError out of a library is a fault like any other.
    """
    if isinstance(error, OSError) or _is_ours(type(error).__module__):
        return True
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return isinstance(error, ValueError) and bool(frames) and _is_ours(frames[-1].f_globals.get("__name__", ""))


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in OURS
