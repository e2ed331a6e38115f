"""The command line: `lab COMMAND`. Each command's module is imported only when the command is called."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from lab.errors import speaks_to_the_user
from lab.names import did_you_mean

COMMANDS = {
    "list": ("lab.cli.listing", "what can be launched"),
    "run": ("lab.cli.running", "launch an experiment with one or more seeds, or go on with it"),
    "runs": ("lab.cli.listing", "what was launched, and how it stands"),
    "verify": ("lab.cli.verifying", "run an experiment's seeds and hold the result to its published number"),
    "nurse": (
        "lab.cli.nursing",
        "watch a run, and change its settings while it learns: each change is repeated exactly",
    ),
    "search": ("lab.cli.searching", "try settings, stop the hopeless early, and say which do best"),
    "compare": ("lab.cli.comparing", "hold runs against each other: intervals, and whether the seeds can tell"),
    "rerun": ("lab.cli.repeating", "repeat a run from its directory, and say whether it comes out identical"),
    "diff": ("lab.cli.repeating", "say in what two runs differ: settings, code, machine, values"),
    "results": ("lab.cli.results", "write RESULTS.md anew: every target beside what was recorded"),
    "report": ("lab.cli.showing", "write the runs' page: curves, targets, pictures"),
    "table": ("lab.cli.papers", "write scores over seeds as a table: Markdown, LaTeX or CSV"),
    "figure": ("lab.cli.papers", "draw curves over seeds for print: PDF or SVG"),
    "sync": ("lab.cli.uploading", "upload to W&B what ran offline; each step stands once, however often"),
    "play": ("lab.cli.playing", "watch what a run learnt, or an episode that it recorded"),
    "sample": ("lab.cli.sampling", "talk to a run's language model, translator or chat bot"),
    "export": ("lab.cli.exporting", "write the backbone that a run has learnt as a file of weights"),
    "data": ("lab.cli.datasets", "data sets by name: list, fetch, check, show"),
    "probe": ("lab.cli.probing", "check an experiment's model: gradients, leaks, learning by heart"),
    "doctor": ("lab.cli.doctor", "check this machine and say what to mend"),
}

HELP = """usage: lab COMMAND [...]

A deep-learning research lab: seeded, exactly resumable experiments.

{commands}

`lab COMMAND --help` explains one. Runs are kept in ./runs, or in $LAB_RUNS, or where --runs-dir says.
Exit codes: 0 done, 1 failed (or a target missed), 2 wrong usage, 128 + signal when interrupted."""


class UsageError(Exception):
    """The command line is wrong; the message says what, why and how to mend it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    for noisy in ("matplotlib", "PIL", "urllib3", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        code = _dispatch(words)
        sys.stdout.flush()  # here, where a reader that is gone can still be met
        return code
    except UsageError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `lab list | head`: what is left to say goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("\nlab: stopped by Ctrl-C.", file=sys.stderr)
        return 130


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        width = max(len(name) for name in COMMANDS)
        print(HELP.format(commands="\n".join(f"  {name:<{width}}  {about}" for name, (_, about) in COMMANDS.items())))
        return 0
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"lab {version('lab')}")
        return 0
    name, *rest = words
    if name not in COMMANDS:
        raise UsageError(f"There is no command {name!r}. {did_you_mean(name, COMMANDS)} `lab --help` lists them.")
    command: Callable[[list[str]], int] = getattr(import_module(COMMANDS[name][0]), f"{name}_command")
    return _called(command, rest)


def _called(command: Callable[[list[str]], int], words: list[str]) -> int:
    """Calls a command; what the user can mend becomes one sentence, anything else keeps its traceback."""
    try:
        return command(words)
    except ValueError as error:
        if not speaks_to_the_user(error):
            raise
        raise UsageError(str(error)) from error
    except BrokenPipeError:
        raise
    except (RuntimeError, OSError) as error:
        from lab.store import RunError

        if not isinstance(error, RunError | OSError):
            raise
        print(f"lab: {error}", file=sys.stderr)
        return 1
