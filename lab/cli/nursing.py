"""`lab nurse`: watch one run and change its settings while it learns."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lab.cli import UsageError
from lab.cli.arguments import Parser, number, table
from lab.cli.scores import first_metric, last_evaluation, said
from lab.config import flatten
from lab.interventions import Answer, Request, answer_to, ask, interventions, waiting, withdraw
from lab.store import RunDirectory, find_run, runs_folder
from lab.words import value_said

ABOUT = """Watch one run, and change its settings by hand while it learns: the learning rate above all.

  lab nurse mlp_digits                                                       (where it stands, and what was changed)
  lab nurse mlp_digits classifier.optimizer.learning-rate=1e-4 --why "the loss is flat"

The run takes a change between two steps, from its saved state, and goes on with it; it says at which step, or why
not. Another width, for one, does not fit what was learnt: the run then goes on as if nothing had been asked. Any
setting whose state fits can be changed, but those under `run`: stop the run and launch it again with these.

Each change is kept in the run's interventions.jsonl. Going on after a kill and `lab rerun RUN` repeat it, bit for bit.
A nursed run is no run of its settings any more: `lab verify`, `compare`, `table`, `figure` and `search` leave it out.

Exit codes: 0 shown, taken, or left for when the run goes on; 1 refused, or not taken yet when the waiting was over."""
LOOK_EVERY = 0.1  # seconds between two looks for the answer


def nurse_command(words: list[str]) -> int:
    """`lab nurse RUN [SETTING=VALUE ...]`."""
    parser = Parser("nurse", ABOUT)
    parser.add_argument("run", metavar="RUN", help="a run directory, or enough of its name")
    parser.add_argument("settings", nargs="*", metavar="SETTING=VALUE", help="what to change; `lab run NAME --help`")
    parser.add_argument("--why", default="", help="kept beside the change: what it is meant to mend")
    parser.add_argument(
        "--wait", type=float, default=60.0, metavar="SECONDS", help="for the run to take it (default: 60)"
    )
    parser.add_argument("--withdraw", action="store_true", help="take back what is asked and not taken yet")
    parser.add_argument("--rows", type=int, default=5, metavar="N", help="of metrics that are shown (default: 5)")
    parser.add_runs_dir()
    parser.add_json()
    given = parser.parse_intermixed_args([word.removeprefix("--") if _is_a_setting(word) else word for word in words])
    directory = find_run(given.run, runs_folder(given.runs_dir))
    if given.withdraw:
        return _withdrawn(directory, given.settings)
    if given.settings:
        return _changed(directory, given)
    if given.why:
        raise UsageError("--why says why of a change, and none is asked for. Give it: SETTING=VALUE.")
    if given.json:
        told = {"interventions": _told(directory), "waiting": [asdict(each) for each in waiting(directory)]}
        rows = directory.rows()[-given.rows :] if given.rows > 0 else []
        print(json.dumps({"run": str(directory.path), **directory.status(), **told, "rows": rows}, indent=1))
    else:
        print(_shown(directory, given.rows))
    return 0


def _changed(directory: RunDirectory, given: Any) -> int:
    from lab.job import read
    from lab.nursing import changed, config_at, parsed

    if not given.wait >= 0:
        raise UsageError(f"--wait is {given.wait:g} seconds. Give 0, so as not to wait, or more.")
    record, _, config = read(directory)
    status = directory.status()
    if status["state"] == "finished":
        raise UsageError(
            f"{directory.path} finished at step {status['step']:,}, so there is nothing to nurse. Begin another run, "
            "or raise its budget, and nurse it while it goes on."
        )
    now = config_at(config, interventions(directory), sys.maxsize)
    settings = parsed(now, given.settings)
    changed(now, settings)  # together they may be refused where each alone is not
    request = ask(directory, settings, given.why)
    if status["state"] == "running":
        answer = _awaited(directory, request, given.wait)
        status = directory.status()
    else:
        answer = None
    was = flatten(now)
    change = ", ".join(f"{name} {_plain(was[name])} -> {_plain(value)}" for name, value in settings.items())
    state = answer.state if answer is not None else "waiting"
    if given.json:
        told = {"step": answer.step, "why": answer.why} if answer is not None else {"step": None, "why": ""}
        print(json.dumps({"run": str(directory.path), "request": request.id, "state": state, **told}, indent=1))
    elif answer is None:
        print(_left(directory, status, record, given.wait))
    elif answer.state == "taken":
        print(f"taken at step {answer.step:,}: {change}  ({directory.path})")
    else:
        print(f"refused at step {answer.step:,}, and the run goes on as it was: {answer.why}")
    return 0 if state == "taken" or (answer is None and status["state"] != "running") else 1


def _left(directory: RunDirectory, status: Mapping[str, Any], record: Mapping[str, Any], waited: float) -> str:
    """What becomes of a request that has no answer."""
    if status["state"] == "running":
        return (
            f"{directory.path} did not take it within {waited:g} s: it is in the middle of a step, or judging. The "
            f"request stays; `lab nurse {directory.name}` shows it, and --withdraw takes it back."
        )
    return (
        f"{directory.path} is {status['state']} at step {status['step']:,}. It takes this first when it goes on: "
        f"{record['command']}{_where(directory)}"
    )


def _where(directory: RunDirectory) -> str:
    """What a command takes to find the run, where it lies in no usual folder."""
    folder = directory.path.parents[2]
    return "" if folder.resolve() == runs_folder(None).resolve() else f" --runs-dir {shlex.quote(str(folder))}"


def _awaited(directory: RunDirectory, request: Request, patience: float) -> Answer | None:
    """The answer, or None where there is none in time, or the run came to stand still. Ctrl-C ends the waiting only."""
    until, live = time.monotonic() + patience, sys.stderr.isatty()
    stood = 0
    try:
        while (found := answer_to(directory, request)) is None and time.monotonic() < until and stood < 2:
            status = directory.status()
            stood = stood + 1 if status["state"] != "running" else 0  # it may answer just after it has finished
            if live:
                told = f"waiting for a boundary between two steps; it was at step {status['step']:,}"
                print(f"\r{told} (Ctrl-C ends the waiting, not the request)", end="", file=sys.stderr, flush=True)
            time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        print(
            f"\nlab: not waiting any more. The request stays; `lab nurse {directory.name}` shows what becomes of it, "
            "and --withdraw takes it back.",
            file=sys.stderr,
        )
        raise SystemExit(130) from None
    if live:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if found is None and directory.status()["state"] == "finished" and withdraw(directory, request):
        step = directory.status()["step"]
        return Answer(state="refused", step=step, why="the run finished before it could take this")
    return found if found is not None else answer_to(directory, request)


def _is_a_setting(word: str) -> bool:
    """Whether it says SETTING=VALUE as `lab run` has it: --agent.learning-rate=1e-4, --batch-size=32."""
    name, equals, _ = word.partition("=")
    return "." in name or (bool(equals) and name not in ("--why", "--wait", "--rows", "--runs-dir"))


def _withdrawn(directory: RunDirectory, settings: Sequence[str]) -> int:
    if settings:
        raise UsageError("--withdraw takes back all that is asked and not taken yet. Leave out the settings.")
    taken_back = [request for request in waiting(directory) if withdraw(directory, request)]
    for request in taken_back:
        print(f"withdrawn: {_listed(request.settings)}")
    if not taken_back:
        print(f"Nothing waits in {directory.path}.")
    return 0


def _shown(directory: RunDirectory, count: int) -> str:
    status, rows = directory.status(), directory.rows()
    of = f" of {status['budget']:,} {status['unit']} ({status['step'] / status['budget']:.0%})"
    lines = [f"{directory.name}: {status['state']} at step {status['step']:,}{of if status['budget'] else ''}"]
    if status["error"]:
        lines.append(status["error"].partition("\n")[0])
    first = first_metric(directory)
    if rows and count > 0:
        lines += ["", _rows(rows[-count:], first)]
    if judged := last_evaluation(rows, first):
        at = next(row["step"] for row in reversed(rows) if any(key in judged for key in row))
        lines.append(f"last evaluation, at step {at:,}: {said(judged)}")
    taken = [
        [f"{each['step']:,}", name, _plain(was), _plain(value), each["why"], each["when"]]
        for each in _told(directory)
        for name, (was, value) in each["changes"].items()
    ]
    headers = ["from step", "setting", "was", "is", "why", "asked"]
    lines += ["", table(headers, taken) if taken else "Nothing was changed by hand."]
    lines += [f"waiting since {each.when}: {_listed(each.settings)}" for each in waiting(directory)]
    return "\n".join(lines)


def _told(directory: RunDirectory) -> list[dict[str, Any]]:
    """The interventions, each with what its settings were before."""
    now, told = flatten(directory.record()["config"]), []
    for each in interventions(directory):
        changes = {name: (now.get(name), value) for name, value in each.settings.items()}
        told.append({**asdict(each), "changes": changes})
        now |= each.settings
    return told


def _rows(rows: Sequence[Mapping[str, Any]], first: str) -> str:
    """The last rows of metrics, as many columns as the terminal has room for."""
    names = list(dict.fromkeys(key for row in rows for key in row if key != "step" and not key.startswith("time/")))
    names.sort(key=lambda name: (name != first, name not in ("train/loss", "train/learning_rate")))
    room = shutil.get_terminal_size((110, 24)).columns - 12
    shown: list[str] = []
    for name in names:
        room -= max(10, len(name)) + 2
        if room >= 0 or not shown:
            shown.append(name)
    cells = [[f"{row['step']:,}", *(number(row[name]) if name in row else "" for name in shown)] for row in rows]
    return table(["step", *shown], cells)


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_plain(value)}" for name, value in settings.items())


def _plain(value: Any) -> str:
    return "none" if value is None else value_said(value)
