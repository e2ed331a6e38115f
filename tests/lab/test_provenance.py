"""What a run stood on."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch

from lab import provenance
from lab.provenance import changes, environment, fixed_bits


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    return environment(torch.device("cpu"), 3, True, Path(__file__))


def test_the_environment_is_json_and_whole(here: dict[str, Any]) -> None:
    assert json.loads(json.dumps(here, allow_nan=False)) == here
    assert {"commit", "diff", "versions", "hardware", "threads", "device", "deterministic"} <= set(here)
    assert (here["threads"], here["device"], here["deterministic"]) == (3, "cpu", True)
    assert here["versions"]["torch"] == torch.__version__
    assert here["versions"]["python"] == platform.python_version()
    assert here["versions"]["sacrebleu"] == metadata.version("sacrebleu"), "by which translations are judged"
    assert here["hardware"]["cores"] == provenance.cores()
    assert here["hardware"]["cpu"]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout of its own with one commit."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    monkeypatch.setattr(provenance, "_SOURCE", folder)
    (folder / "code.py").write_text("x = 1\n")
    (folder / "RESULTS.md").write_text("none\n")
    (folder / "results").mkdir()
    (folder / "results" / "known.json").write_text("{}\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


def test_what_verify_records_is_no_change_of_the_code(checkout: Path) -> None:
    (checkout / "RESULTS.md").write_text("one\n")
    (checkout / "results" / "known.json").write_text("[]\n")
    assert provenance.code_state()["diff"] == ""


def test_the_code_is_its_commit_and_what_differs_from_it(checkout: Path) -> None:
    clean = provenance.code_state()
    assert clean["commit"] is not None
    assert len(clean["commit"]) == 40
    assert (clean["diff"], clean["untracked"]) == ("", [])
    (checkout / "code.py").write_text("x = 2\n")
    (checkout / "new.py").write_text("")
    dirty = provenance.code_state()
    assert dirty["commit"] == clean["commit"]
    assert "-x = 1\n+x = 2" in dirty["diff"]
    assert dirty["untracked"] == ["new.py"]


def test_without_git_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_SOURCE", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.code_state() == {"commit": None, "diff": None, "untracked": None}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.code_state() == {"commit": None, "diff": None, "untracked": None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"threads": 4}, ["threads was 3, is 4"]),
        ({"device": "cuda"}, ["device was cpu, is cuda"]),
        ({"deterministic": False}, ["deterministic was True, is False"]),
        ({"commit": "f" * 40}, [f"is {'f' * 40}"]),
        ({"diff": "+x"}, ["the uncommitted changes in the code are others"]),
        ({"command": ["other"]}, []),
    ],
    ids=lambda part: ",".join(part) if isinstance(part, dict) else "",
)
def test_what_can_change_the_bits_is_told(change: dict[str, Any], said: list[str], here: dict[str, Any]) -> None:
    told = changes(here, here | change)
    assert len(told) == len(said)
    assert all(part in line for part, line in zip(said, told, strict=True))


def test_another_version_and_another_machine_are_told(here: dict[str, Any]) -> None:
    other = here | {"versions": here["versions"] | {"torch": "9.9"}, "hardware": here["hardware"] | {"cpu": "abacus"}}
    told = " ".join(changes(here, other))
    assert f"torch was {torch.__version__}, is 9.9" in told
    assert "abacus" in told


def test_the_experiments_file_is_kept_and_a_change_of_it_is_told(here: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("x = 1\n")
    before = here | {"experiment_file": provenance.file_state(file)}
    assert before["experiment_file"] == {
        "path": str(file), "sha256": hashlib.sha256(b"x = 1\n").hexdigest(), "text": "x = 1\n"
    }  # fmt: skip
    assert changes(before, here | {"experiment_file": provenance.file_state(file)}) == []
    file.write_text("x = 2\n")
    told = changes(before, here | {"experiment_file": provenance.file_state(file)})
    assert told == [f"the experiment's file {file} was changed"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_only_cores_that_may_be_used_are_counted() -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert provenance.cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert provenance.cores() == len(before)


def test_bits_are_fixed_inside_and_as_before_outside() -> None:
    def settings() -> tuple[Any, ...]:
        return (
            torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
            torch.backends.cudnn.benchmark,
        )  # fmt: skip

    before = settings()
    with fixed_bits(2, deterministic=True):
        assert settings() == (2, True, False, False)
        with pytest.raises(RuntimeError, match="deterministic"):
            torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]), accumulate=False)
    assert settings() == before
    with suppress(ZeroDivisionError), fixed_bits(1, deterministic=False):
        assert not torch.are_deterministic_algorithms_enabled()
        raise ZeroDivisionError
    assert settings() == before
