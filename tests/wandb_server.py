"""A W&B server on the loopback interface, small enough to read, for tests alone.

It speaks the part of the protocol that a run of wandb 0.31 needs, online or through `wandb sync`: GraphQL
(resume status, upsert, upload addresses; artifacts and reports are in wandb_stores.py), uploads, and the
file stream. Like the real one it keys a run's history by line number, so that a batch that is sent again
overwrites itself.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from tests.wandb_stores import Artifacts, Reports

CLOSED = "http://127.0.0.1:9"  # nobody listens there

VIEWER = {
    "id": "u",
    "entity": "tester",
    "username": "tester",
    "email": "tester@example.org",
    "flags": "{}",
    "teams": {"edges": []},
}

RECORD: dict[str, Any] = {
    "experiment": "probe",
    "variant": None,
    "hash": "abcdef",
    "seed": 3,
    "unit": "updates",
    "config": {"agent": {"discount": 0.99}, "run": {"steps": 100}},
}


def isolate(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Leaves a test no account, no settings of the user's and no way out."""
    for name in [*os.environ]:
        if name.startswith("WANDB_") or name.lower().endswith("_proxy") or name == "NETRC":
            monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(home),
        "WANDB_CONFIG_DIR": str(home / "config"),
        "WANDB_CACHE_DIR": str(home / "cache"),
        "WANDB_DATA_DIR": str(home / "data"),
        "WANDB_BASE_URL": CLOSED,
        "WANDB_ERROR_REPORTING": "false",
        "OMP_NUM_THREADS": "1",
    }.items():
        monkeypatch.setenv(name, value)


@dataclass
class StoredRun:
    """What the server holds of one run."""

    identity: dict[str, Any] = field(default_factory=dict)  # the variables of its last upsert
    history: dict[int, dict[str, Any]] = field(default_factory=dict)  # by line number
    summary: dict[str, Any] = field(default_factory=dict)
    events: int = 0  # lines of system metrics
    exit_code: int | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The history in the order of its lines."""
        return [self.history[line] for line in sorted(self.history)]

    @property
    def global_steps(self) -> list[int]:
        return [row["global_step"] for row in self.rows]

    @property
    def config(self) -> dict[str, Any]:
        """The config as the user gave it, without W&B's own entries."""
        entries = json.loads(self.identity["config"])
        return {name: entry["value"] for name, entry in entries.items() if name != "_wandb"}


class WandbServer:
    """Serves on 127.0.0.1 while the context lasts; `hang` makes every answer wait, as a dead proxy would."""

    def __init__(self) -> None:
        self.runs: dict[str, StoredRun] = {}
        self.artifacts, self.reports = Artifacts(), Reports()
        self.viewer: dict[str, Any] | None = VIEWER  # None: the key is nobody's
        self.uploads: dict[str, bytes] = {}
        self.requests: list[str] = []  # method and path of each request, in order of arrival
        self.hang = threading.Event()
        self.hang_graphql = threading.Event()  # only GraphQL waits
        self.failing: dict[str, int] = {}  # operations of GraphQL and the status that they are answered with
        self.closed = threading.Event()
        self._http = _QuietServer(("127.0.0.1", 0), _answering(self))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send wandb here with an account."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": "0123456789" * 4}

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Dies as a machine does: later connections are refused."""
        self.closed.set()
        self._http.shutdown()
        self._http.server_close()

    def graphql(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Answers one operation; the ones that a run can do without get an empty answer."""
        if operation == "RunResumeStatus":
            run = self.runs.get(variables["name"])
            return {"model": self._model(variables["name"], run)}
        if operation == "UpsertBucket":
            name = variables["name"]
            inserted = name not in self.runs
            run = self.runs.setdefault(name, StoredRun())
            run.identity |= {key: value for key, value in variables.items() if value is not None}
            self.reports.projects.add(run.identity["project"])
            project = {"id": "p", "name": run.identity["project"], "entity": {"id": "e", "name": "tester"}}
            bucket = {"id": "r", "name": name, "displayName": name, "project": project}
            counted = {**bucket, "historyLineCount": len(run.history)}
            return {"upsertBucket": {"bucket": counted, "inserted": inserted}}
        if operation == "CreateRunFiles":
            files = [{"name": name, "uploadUrl": f"{self.url}/upload/{name}"} for name in variables["files"]]
            return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}
        if operation in ("Viewer", "GetDefaultEntity"):
            return {"viewer": self.viewer}
        return self.artifacts.answer(operation, variables, self.url) or self.reports.answer(operation, variables) or {}

    def _model(self, name: str, run: StoredRun | None) -> dict[str, Any] | None:
        if run is None:
            return None
        tail = [json.dumps(row) for row in run.rows[-1:]]
        bucket = {
            "id": "r",
            "name": name,
            "displayName": name,
            "summaryMetrics": json.dumps(run.summary),
            "logLineCount": 0,
            "historyLineCount": len(run.history),
            "eventsLineCount": run.events,
            "historyTail": json.dumps(tail),
            "eventsTail": "[]",
            "config": run.identity.get("config", "{}"),
            "tags": run.identity.get("tags", []),
            "notes": None,
            "wandbConfig": json.dumps({"t": 1}),
        }
        return {"id": "p", "name": "project", "entity": {"id": "e", "name": "tester"}, "bucket": bucket}

    def stream(self, name: str, body: dict[str, Any]) -> None:
        """Takes one batch of the file stream: chunks {file: {offset, content: [line, ...]}}."""
        run = self.runs.setdefault(name, StoredRun())
        for file, chunk in body.get("files", {}).items():
            if file == "wandb-history.jsonl":
                for line, text in enumerate(chunk["content"], start=chunk["offset"]):
                    run.history[line] = json.loads(text)
            elif file == "wandb-summary.json":
                run.summary = json.loads(chunk["content"][-1])
            elif file == "wandb-events.jsonl":
                run.events = max(run.events, chunk["offset"] + len(chunk["content"]))
        if body.get("complete"):
            run.exit_code = body["exitcode"]


def _operation(query: dict[str, Any]) -> str:
    """The name of the operation, which not all of wandb's clients say beside it."""
    named = re.search(r"\b(?:query|mutation)\s+(\w+)", query["query"])
    return named[1] if named else ""


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: killed clients reset their connections, and the tests kill many."""


def _answering(server: WandbServer) -> type[BaseHTTPRequestHandler]:
    """Returns the request handler class of one server."""

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> bytes:
            server.requests.append(f"{self.command} {self.path}")
            waits = [server.hang, server.hang_graphql] if self.path == "/graphql" else [server.hang]
            while any(wait.is_set() for wait in waits) and not server.closed.is_set():
                time.sleep(0.02)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _give(self, payload: object, status: int = 200) -> None:
            text = json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self._take()
            self._give({})

        def do_PUT(self) -> None:
            server.uploads[self.path.removeprefix("/upload/")] = self._take()
            self._give({})

        def do_POST(self) -> None:
            body = self._take()
            if self.path == "/graphql":
                query = json.loads(body)
                operation = _operation(query)
                if operation in server.failing:
                    self._give({"errors": [{"message": "as the test asked for"}]}, server.failing[operation])
                else:
                    self._give({"data": server.graphql(operation, query.get("variables") or {})})
            elif self.path.endswith("/file_stream"):
                server.stream(self.path.split("/")[-2], json.loads(body))
                self._give({})
            else:
                self._give({})

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps the test output clean."""

    return Answer
