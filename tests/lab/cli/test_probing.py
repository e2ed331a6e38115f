"""`lab probe`: a line a check, and the exit code that says whether all is well."""

from __future__ import annotations

import pytest

from lab.cli import main


def test_a_sound_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "linear_diabetes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert all(line.startswith("ok    ") for line in lines)
    assert lines[1].startswith("ok    loss at the start: ")


def test_settings_and_arms_are_those_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Logistic regression cannot part two spirals, not even a few of their points."""
    assert main(["probe", "mlp_spiral", "--variant", "logistic"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "logistic"
    assert [line for line in lines if line.startswith("FAIL")] == [lines[-1]]
    assert lines[-1].startswith("FAIL  one batch is learnt by heart: ")
    assert main(["probe", "mlp_spiral", "--variant", "mlp"]) == 0
    assert capsys.readouterr().out.startswith("mlp\nok    outputs are finite")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Which experiment?"),
        (["linear_diabets"], "linear_diabetes"),
        (["clipping_surface"], "clipping_surface cannot be probed: its Cliff has no probe_case()"),
    ],
)
def test_wrong_usage(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", *words]) == 2
    assert told in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--help"]) == 0
    assert "Exit codes: 0 all is well, 1 a check failed" in capsys.readouterr().out
