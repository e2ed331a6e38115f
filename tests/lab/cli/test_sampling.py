"""`lab sample`: one prompt, lines from a pipe or a terminal, and what is refused."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.cli import main
from lab.launching import launch
from lab.store import RunDirectory

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def parrot(toys: Path) -> RunDirectory:
    (item,) = launch("parrot")
    return item.directory


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes text the standard input, of a terminal or not."""

    def hear(text: str, *, terminal: bool = False) -> None:
        stream = io.StringIO(text)
        monkeypatch.setattr(stream, "isatty", lambda: terminal)
        monkeypatch.setattr(sys, "stdin", stream)

    return hear


def test_a_prompt_is_answered_by_the_newest_checkpoint(
    parrot: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_bytes() for file in parrot.path.rglob("*") if file.is_file()}
    assert main(["sample", "parrot", "--prompt", "hello"]) == 0
    assert capsys.readouterr().out == "hello! 3 500 0.8 0 1 0\n"
    options = ["--length", "7", "--temperature", "0", "--top-k", "5", "--beam", "4", "--seed", "2"]
    assert main(["sample", str(parrot.path), "--prompt", "", *options]) == 0
    assert capsys.readouterr().out == "! 3 7 0 5 4 2\n"
    assert {file: file.read_bytes() for file in parrot.path.rglob("*") if file.is_file()} == before


@pytest.mark.usefixtures("parrot")
def test_every_line_of_a_pipe_is_answered_with_a_seed_of_its_own(
    heard: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    heard("one\n\nthree")
    assert main(["sample", "parrot", "--seed", "5"]) == 0
    said = capsys.readouterr()
    assert said.out == "one! 3 500 0.8 0 1 5\n! 3 500 0.8 0 1 6\nthree! 3 500 0.8 0 1 7\n"
    assert said.err == ""


@pytest.mark.usefixtures("parrot")
def test_on_a_terminal_it_asks_and_outlives_what_it_cannot_read(
    heard: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    heard("axe\nbird\n", terminal=True)
    assert main(["sample", "parrot"]) == 0
    said = capsys.readouterr()
    assert said.out.replace("> ", "") == "bird! 3 500 0.8 0 1 1\n"
    assert "Write a line and press Enter; Ctrl-D ends it." in said.err
    assert "lab: 'x' is not among the 23 symbols" in said.err


@pytest.mark.usefixtures("parrot")
def test_ctrl_c_ends_it_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert main(["sample", "parrot"]) == 130
    assert capsys.readouterr().err == "\nlab: stopped by Ctrl-C.\n"


@pytest.mark.usefixtures("parrot")
def test_what_it_cannot_read_is_told(heard: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "parrot", "--prompt", "axe"]) == 1
    assert capsys.readouterr().err.startswith("lab: 'x' is not among the 23 symbols of the vocabulary")
    heard("bird\naxe\nbird\n")
    assert main(["sample", "parrot"]) == 1
    assert capsys.readouterr().out == "bird! 3 500 0.8 0 1 0\n"


def test_a_run_that_does_not_speak_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    launch("walk")
    assert main(["sample", "walk", "--prompt", "hello"]) == 1
    assert "The run does not speak: its Walk has no reply(prompt, manner)." in capsys.readouterr().err


@pytest.mark.usefixtures("parrot")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["parot"], "There is no run 'parot' under .* Did you mean 'parrot"),
        (["parrot", "--length", "0"], "length is 0, .* Raise them"),
        (["parrot", "--temperature", "-1"], r"temperature -1\.0, .* Raise them"),
        (["parrot", "--top-k", "-1"], "top_k -1 and .* Raise them"),
        (["parrot", "--beam", "0"], "beam 0: .* Raise them"),
        (["parrot", "--length", "few"], "few"),
    ],
)
def test_wrong_usage(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = 0
    try:
        code = main(["sample", *words, "--prompt", "a"])
    except SystemExit as exit:  # argparse's own
        code = int(exit.code or 0)
    assert code == 2
    assert re.search(why, capsys.readouterr().err)
