"""Whether W&B can be used online from here, and for what, found out in moments and without asking anybody."""

from __future__ import annotations

import netrc
import os
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from lab.tracking.patience import within

ANSWER_TIMEOUT = 3.0  # seconds
WEIGHTS_SWITCH = "WANDB_LOG_MODEL"  # what other trainers heed, too


def has_account(settings: Any) -> bool:
    """Whether the environment, W&B's settings files or netrc hold credentials for `settings.base_url`."""
    if settings.api_key or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    named = os.environ.get("NETRC")
    for path in [Path(named).expanduser()] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]:
        try:
            if netrc.netrc(path).authenticators(urlsplit(settings.base_url).netloc):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def answers(url: str, timeout: float = ANSWER_TIMEOUT) -> bool:
    """Whether an HTTP server answers at `url`, whatever it says, within `timeout` seconds.

    An answer is asked for, because a dead proxy also accepts connections.
    """

    def ask() -> None:
        with suppress(HTTPError):  # it refuses, so it is there
            urlopen(url, timeout=timeout).close()

    try:
        within(timeout, ask)
    except (OSError, HTTPException, ValueError):  # nobody there, no HTTP, no address
        return False
    return True


def weights_are_wanted() -> bool:
    """Whether the environment lets final weights go up; only a plain no keeps them here."""
    return os.environ.get(WEIGHTS_SWITCH, "").lower() not in ("false", "0", "no", "off")
