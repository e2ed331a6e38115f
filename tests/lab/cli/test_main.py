"""The command line as a whole: its commands, its exit codes, and what it does not import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lab.cli
from lab.cli import COMMANDS, UsageError, main
from lab.config import ConfigError
from lab.store import RunError

ROOT = Path(__file__).parents[3]

LAZY = """
import json, sys
seen = {}
def note(name):
    heavy = ("torch", "numpy", "wandb", "matplotlib", "tyro", "rich", "gymnasium", "PIL", "sklearn")
    seen[name] = [module for module in heavy if module in sys.modules]
import lab
note("lab")
from lab.cli import main
codes = [main(words.split()) for words in ("list", "list --json", "runs", "runs --json", "--help", "--version")]
note("list, runs, help")
import agents, generative, supervised
note("wings")
import agents.dqn, supervised.classifier
note("learners")
lab.launch
note("launch")
print(json.dumps([codes, seen]))
"""


def test_what_is_imported_when() -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], cwd=ROOT, capture_output=True, text=True, check=True)
    codes, seen = json.loads(done.stdout.splitlines()[-1])
    assert codes == [0] * 6
    assert seen["lab"] == []
    assert seen["list, runs, help"] == []
    for name in ("wings", "learners", "launch"):
        assert not {"wandb", "matplotlib", "tyro", "rich"} & set(seen[name]), name
    assert "torch" in seen["learners"], "the test would notice"


def test_a_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    code = "import sys; from lab.cli import main; sys.exit(main(['list']))"
    with os.fdopen(writing, "w") as gone:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=gone, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command_and_the_exit_codes(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    said = capsys.readouterr().out
    assert all(f"  {name}" in said for name in COMMANDS)
    assert "Exit codes: 0 done, 1 failed" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main([name, "--help"])
    except SystemExit as stopped:  # argparse's way
        code = int(stopped.code or 0)
    assert code == 0
    assert f"usage: lab {name}" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("lab 0.")


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rn"]) == 2
    said = capsys.readouterr().err
    assert "There is no command 'rn'. Did you mean 'run'" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (ConfigError("wrong setting"), 2, "lab: wrong setting\n"),
        (UsageError("wrong words"), 2, "lab: wrong words\n"),
        (RunError("damaged"), 1, "lab: damaged\n"),
        (FileNotFoundError(2, "No such file", "x"), 1, "lab: [Errno 2] No such file: 'x'\n"),
        (KeyboardInterrupt(), 130, "\nlab: stopped by Ctrl-C.\n"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_what_the_user_can_mend_is_one_sentence(
    raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(words: list[str]) -> int:
        raise raised

    monkeypatch.setattr("lab.cli.listing.list_command", command)
    assert main(["list"]) == code
    assert capsys.readouterr().err == said


def test_a_fault_in_the_code_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for bug in (RuntimeError("a bug"), ValueError("a bug")):  # neither of our own types, nor raised by our own code

        def command(words: list[str], bug: Exception = bug) -> int:
            raise bug

        monkeypatch.setattr("lab.cli.listing.list_command", command)
        with pytest.raises(type(bug), match="a bug"):
            main(["list"])


def test_the_names_of_the_commands_are_where_they_are_said_to_be() -> None:
    from importlib import import_module

    for name, (module, about) in lab.cli.COMMANDS.items():
        assert callable(getattr(import_module(module), f"{name}_command"))
        assert about
