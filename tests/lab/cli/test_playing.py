"""`lab play`: which run and which episode is meant, and what is written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from lab.cli import main
from lab.launching import launch
from lab.records import Records
from lab.store import RunDirectory, find_run, find_runs
from tests.conftest import TOYS

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def made(runs: Path) -> list[RunDirectory]:
    return [item.directory for item in [*launch("walk", [10, 2]), *launch("walk_arms")]]


def test_a_run_is_found_by_enough_of_its_name(made: list[RunDirectory], runs: Path) -> None:
    ten, two, drift, no_drift = made
    address = ten.path.parent.name
    assert find_run("walk", runs) == two, "the lowest seed"
    assert find_run(f"walk/{address[:3]}/seed-10", runs) == ten
    assert find_run(f"walk/{address}", runs) == two
    assert find_run(str(drift.path), Path("elsewhere")) == drift
    assert find_run(f"walk_arms/{no_drift.path.parent.name}/", runs) == no_drift
    assert find_run("walk_arms/no_drift", runs) == no_drift
    assert find_run("walk_arms/drift/seed-0", runs) == drift
    with pytest.raises(ValueError, match=r"There is no run 'wlk' under .* Did you mean"):
        find_run("wlk", runs)
    with pytest.raises(ValueError, match="There is no run 'walk/zz'"):
        find_run("walk/zz", runs)


def test_runs_of_several_settings_are_not_taken_for_each_other(made: list[RunDirectory], runs: Path) -> None:
    drift, no_drift = (f"{run.path.parent.name} \\({arm}\\)" for run, arm in zip(made[2:], ("drift", "no_drift")))
    with pytest.raises(
        ValueError, match=rf"'walk_arms' may mean runs of 2 settings: .*{drift}.*Name one of them"
    ) as told:
        find_run("walk_arms", runs)
    assert re.search(no_drift, str(told.value))


def test_play_writes_what_the_newest_checkpoint_shows(
    made: list[RunDirectory], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_bytes() for file in made[1].path.rglob("*") if file.is_file()}
    assert main(["play", "walk", "--out", str(tmp_path / "shown")]) == 0
    path = tmp_path / "shown" / "000000000020-place.png"
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_bytes() == (made[1].media / path.name).read_bytes()
    assert {file: file.read_bytes() for file in made[1].path.rglob("*") if file.is_file()} == before


def test_what_cannot_be_played_is_told(made: list[RunDirectory], capsys: pytest.CaptureFixture[str]) -> None:
    for file in made[1].checkpoints.rglob("state.json"):
        file.write_text("{")
    assert main(["play", "walk"]) == 1
    assert "None of the checkpoints under" in capsys.readouterr().err
    for folder in made[1].checkpoints.glob("step-*"):
        folder.rename(folder.with_name(f"not-{folder.name}"))
    assert main(["play", "walk"]) == 1
    assert "has no checkpoint yet" in capsys.readouterr().err
    assert main(["play", "wlk"]) == 2


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run whose episodes are recorded."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_EXPERIMENTS", str(TOYS))
        launch("lean", [3], runs_dir=folder)
    return folder


@pytest.fixture
def leant(once: Path, runs: Path) -> RunDirectory:
    """That run, for one test alone."""
    shutil.copytree(once, runs)
    (directory,) = find_runs(runs)
    return directory


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["play", "lean", *words]) == 0
    return capsys.readouterr().out


def numbered(directory: RunDirectory, kind: str) -> dict[int, dict[str, Any]]:
    episodes = enumerate(Records(directory.episodes).read(), start=1)
    return {number: episode for number, episode in episodes if episode["kind"] == kind}


def size(path: Path) -> tuple[int, tuple[int, int]]:
    """How many frames a clip has, and its width and height."""
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    return sum(1 for _ in reader), about["size"]


def test_recorded_episodes_are_listed(leant: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "--episodes").splitlines()
    assert lines[0].split() == ["number", "kind", "at", "step", "length", "return"]
    records = Records(leant.episodes).read()
    assert len(lines) == 2 + len(records)
    for number, (line, record) in enumerate(zip(lines[2:], records), start=1):
        length = str(record["length"])
        assert line.split() == [str(number), record["kind"], str(record["step"]), length, length]
    judged = printed(capsys, "--episodes", "--evaluation").splitlines()[2:]
    assert [line.split()[0] for line in judged] == [str(number) for number in numbered(leant, "evaluation")]
    assert len(judged) == 6, "2 episodes each at 200, 400 and 600 steps"


@pytest.mark.parametrize("kind", ["training", "evaluation"])
@pytest.mark.parametrize("which", ["last", "best", "worst"])
def test_a_recorded_episode_is_chosen(
    which: str, kind: str, leant: RunDirectory, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    of_kind = numbered(leant, kind)
    returns = [record["return"] for record in of_kind.values()]
    due = {"last": list(of_kind.values())[-1]["return"], "best": max(returns), "worst": min(returns)}[which]
    more = ["--evaluation"] if kind == "evaluation" else []
    path = Path(printed(capsys, "--episode", which, *more, "--width", "60", "--out", str(tmp_path)).strip())
    number = int(path.stem.rpartition("-")[2])
    assert of_kind[number]["return"] == due
    assert number == max(n for n, record in of_kind.items() if which == "last" or record["return"] == due)
    assert path.name.startswith(f"{of_kind[number]['step']:012d}-episode-")


def test_an_episode_is_shown_by_its_number_at_any_size(leant: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    number, record = min(numbered(leant, "training").items(), key=lambda item: item[1]["length"])
    path = Path(printed(capsys, "--episode", str(number)).strip())
    assert path == leant.episodes / f"{record['step']:012d}-episode-{number}.mp4"
    assert size(path) == (record["length"], (400 + 380, 274))
    assert path.with_suffix(".txt").read_text() == (
        f"return {record['length']} in {record['length']} steps, 1 a frame; training episode that ended at step "
        f"{record['step']}; values as of step 600\n"
    )
    assert printed(capsys, "--episode", str(number), "--width", "1200") == f"{path}\n"
    assert size(path)[1] == (1200 + 950, 800)
    few = Path(printed(capsys, "--episode", str(number), "--width", "100", "--frames", "4", "--gif").strip())
    with Image.open(few) as image:
        assert few.suffix == ".gif"
        assert getattr(image, "n_frames", 0) <= 4
        assert image.size == (480, 274)
    assert len(Records(leant.episodes).read()) > 6, "what lies beside the records is no record"


def test_without_an_episode_the_newest_checkpoint_plays_one(
    leant: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(printed(capsys).strip())
    assert path == leant.media / "000000000600-episode.mp4"
    assert "return" in path.with_suffix(".txt").read_text()
    length, _ = size(path)
    assert Path(printed(capsys, "--width", "100", "--frames", "5").strip()) == path
    short, (width, _) = size(path)
    assert short <= 5 < length
    assert width == 100 + 380


def test_an_episode_that_the_simulator_does_not_make_again_is_told(
    leant: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    records = Records(leant.episodes)
    last = records.read()[-1]
    records.rewind(-1)
    records.write(600, [last | {"actions": np.append(last["actions"], last["actions"][:1])}])
    assert main(["play", "lean", "--episode", "1"]) == 1
    assert "but its seed" in (told := capsys.readouterr().err)
    assert "another version" in told


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (["lean", "--episode", "bets"], "--episode is 'bets', which is none of last, best, worst", 2),
        (["lean", "--episode", "9999"], "There is no episode 9999: there are 1 to", 2),
        (["lean", "--episode", "0"], "There is no episode 0", 2),
        (["lean", "--episode", "1", "--evaluation"], "Episode 1 is one of training. Leave out --evaluation", 2),
        (["lean", "--width", "0"], "--width is 0", 2),
        (["lean", "--frames", "-3"], "--frames is -3", 2),
        (["walk", "--episode", "last"], "has no recorded episodes", 1),
        (["walk", "--episodes"], "has no recorded episodes", 1),
        (["walk", "--width", "100"], "pictures of one size", 1),
    ],
)
def test_what_cannot_be_meant_is_told(
    words: list[str], message: str, code: int, leant: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    launch("walk")
    assert main(["play", *words]) == code
    assert message in capsys.readouterr().err
