"""A headless Chromium, driven by its DevTools protocol over two pipes: no server, no driver, no dependency.

Source: https://chromedevtools.github.io/devtools-protocol, and `--remote-debugging-pipe`: messages of JSON, each ended
by a zero byte, are read from descriptor 3 and answered on descriptor 4.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ABSENT = f"there is no {', '.join(NAMES[:-1])} or {NAMES[-1]} on the path"
PATIENCE = 60.0  # seconds until an answer is given up
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"),
    *("--disable-extensions", "--disable-default-apps", "--mute-audio", "--force-color-profile=srgb"),
)
_KEYS = {
    "Tab": 9, "Enter": 13, "Escape": 27, "Space": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38,
    "ArrowRight": 39, "ArrowDown": 40,
}  # fmt: skip
_TEXTS = {"Enter": "\r", "Space": " "}  # what the key types


def chromium() -> str | None:
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class BrowserError(RuntimeError):
    """The browser refused, or did not answer."""


class Page:
    """One tab. What it sent out, logged and threw since it was opened stands in the lists."""

    def __init__(self, reader: int, writer: int):
        self._reader, self._writer = reader, writer
        self._waiting, self._number = b"", 0
        self._session: str | None = None
        self.requests: list[str] = []  # addresses; what stands in the page itself, as data:, is none
        self.errors: list[str] = []  # of scripts, and what the browser logs as an error, such as what a policy forbids
        self._loaded = False
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")

    def open(self, path: Path) -> None:
        """Opens a file and returns after its load event."""
        self._loaded, self.requests[:], self.errors[:] = False, [], []
        self._call("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + PATIENCE
        while not self._loaded:
            self._note(self._receive(until))

    def size(self, width: int, height: int) -> None:
        """The window's, in CSS pixels."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def show_as(self, scheme: str = "light", medium: str = "screen") -> None:
        """Light or dark, on a screen or in print."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", media=medium, features=features)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise. Raises BrowserError where it throws."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return found["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """Presses a key, by its name in the standard: Tab, Enter, ArrowRight, ..."""
        code = {"key": " " if key == "Space" else key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        said: dict[str, Any] = {"modifiers": 8 * shift, **code}
        typed = {"text": _TEXTS[key]} if key in _TEXTS else {}
        self._call("Input.dispatchKeyEvent", type="keyDown" if typed else "rawKeyDown", **said, **typed)
        self._call("Input.dispatchKeyEvent", type="keyUp", **said)

    def point_at(self, x: float, y: float) -> None:
        """Moves the mouse to a place in the window."""
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, path: Path) -> None:
        """Writes what the window shows as a PNG."""
        path.write_bytes(b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def pdf(self, path: Path) -> None:
        """Prints to a PDF."""
        path.write_bytes(b64decode(self._call("Page.printToPDF", printBackground=True)["data"]))

    def close(self) -> None:
        """Ends the whole browser."""
        self._session = None
        with suppress(BrowserError, OSError):
            self._call("Browser.close")

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._writer, data) :]
        until = time.monotonic() + PATIENCE
        while True:
            answer = self._receive(until)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)

    def _receive(self, until: float) -> Any:
        """The next message. Raises BrowserError where none comes."""
        while b"\0" not in self._waiting:
            ready, _, _ = select.select([self._reader], [], [], max(0.0, until - time.monotonic()))
            more = os.read(self._reader, 1 << 20) if ready else b""
            if not more:
                raise BrowserError("Chromium ended." if ready else f"Chromium did not answer within {PATIENCE:g} s.")
            self._waiting += more
        message, _, self._waiting = self._waiting.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        told: dict[str, Callable[[Any], None]] = {
            "Page.loadEventFired": lambda _: setattr(self, "_loaded", True),
            "Network.requestWillBeSent": lambda said: self._ask(said["request"]["url"]),
            "Runtime.exceptionThrown": lambda said: self.errors.append(_exception(said["exceptionDetails"])),
            "Log.entryAdded": lambda said: self._log(said["entry"]),
        }
        told.get(event.get("method", ""), lambda _: None)(event.get("params"))

    def _ask(self, address: str) -> None:
        if not address.startswith("data:"):
            self.requests.append(address)

    def _log(self, entry: dict[str, Any]) -> None:
        if entry["level"] == "error":
            self.errors.append(entry["text"])


def _exception(details: dict[str, Any]) -> str:
    return str(details.get("exception", {}).get("description", details["text"]))


@contextmanager
def browser(path: str) -> Iterator[Page]:
    """A Chromium with an empty profile and one tab, ended with the block. `path` is that of the program."""
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in (theirs_in, theirs_out)]  # clear of 3 and 4
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        process = os.posix_spawn(
            path, [path, *_FLAGS, f"--user-data-dir={profile}"], os.environ,
            file_actions=[
                *((os.POSIX_SPAWN_DUP2, null, each) for each in (0, 1, 2)),
                (os.POSIX_SPAWN_DUP2, high[0], 3), (os.POSIX_SPAWN_DUP2, high[1], 4),
            ],
            setpgroup=0,
        )  # fmt: skip
        for each in (theirs_in, theirs_out, *high, null):
            os.close(each)
        try:
            page = Page(ours_in, ours_out)
            yield page
            page.close()
        finally:
            os.close(ours_out)
            os.close(ours_in)
            _end(process)


def _end(process: int, patience: float = 5.0) -> None:
    """Waits for it to end, and ends its group where it does not."""
    until = time.monotonic() + patience
    while os.waitpid(process, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return
        time.sleep(0.02)
