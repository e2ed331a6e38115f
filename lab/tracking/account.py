"""Whether W&B can be used online from here, and for what, found out in moments and without asking the user."""

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
QUESTION_TIMEOUT = 15.0  # seconds until it has said who has the key
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


def obstacle_to(settings: Any, offline: bool, waiting: bool) -> str:
    """Why a run cannot go online, or nothing; it may want to be `offline`, or have `waiting` offline starts."""
    if offline:
        return "offline was asked for"
    if not has_account(settings):
        return f"there is no account for {settings.base_url} (run `wandb login` or set WANDB_API_KEY)"
    if waiting:
        return "earlier starts of this run were offline and wait for `lab sync`, which has to come first"
    if not answers(settings.base_url):
        return f"{settings.base_url} does not answer"
    return ""


def obstacle_to_uploading(timeout: float = QUESTION_TIMEOUT) -> str:
    """What keeps runs of this machine from a server, and how to mend it; nothing where it takes them.

    Unlike a run that starts, this asks the server whether it knows the account; for `timeout` seconds at most.
    """
    import wandb

    settings = wandb.setup(wandb.Settings(silent=True)).settings
    if obstacle := obstacle_to(settings, offline=False, waiting=False):
        return obstacle
    try:
        within(timeout, wandb.Api)  # which has the key verified
    except wandb.errors.AuthenticationError:
        return f"{settings.base_url} does not know the account (run `wandb login --relogin` or mend WANDB_API_KEY)"
    except (Exception, SystemExit) as error:
        said = (str(error).splitlines() or [""])[0]
        return f"{settings.base_url} answers, but no question of W&B's ({type(error).__name__}: {said})"
    return ""


def weights_are_wanted() -> bool:
    """Whether the environment lets final weights go up; only a plain no keeps them here."""
    return os.environ.get(WEIGHTS_SWITCH, "").lower() not in ("false", "0", "no", "off")
