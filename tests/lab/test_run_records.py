"""What a trial records on its way is kept with each checkpoint: exactly once, wherever the run is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.checkpoint import Checkpoints
from lab.records import Records
from lab.run import RunConfig, run
from lab.trial import Metrics, Record, Recorded, State


class Diary:
    """A trial that records every third step, and each time that it is judged."""

    unit = "paces"

    def __init__(self, breaks_at: int | None = None):
        self.steps, self.breaks_at = 0, breaks_at
        self.pending: list[Record] = []

    def step(self) -> Metrics:
        self.steps += 1
        if self.steps == self.breaks_at:
            raise ZeroDivisionError
        if self.steps % 3 == 0:
            self.pending.append({"step": self.steps, "kind": "training"})
        return {}

    def evaluate(self) -> Metrics:
        self.pending.append({"step": self.steps, "kind": "evaluation"})
        return {"score": 1.0}

    def take_records(self) -> list[Record]:
        taken, self.pending = self.pending, []
        return taken

    def state_dict(self) -> State:
        return {"steps": self.steps}

    def load_state_dict(self, state: State) -> None:
        self.steps, self.pending = state["steps"], []


def config(save_every: int = 4) -> RunConfig:
    return RunConfig(steps=20, log_every=5, evaluate_every=10, save_every=save_every, wandb="off")


def told(folder: Path) -> list[tuple[int, str]]:
    return [(record["step"], record["kind"]) for record in Records(folder / "episodes").read()]


def drive(folder: Path, trial: Diary, settings: RunConfig | None = None) -> None:
    run(trial, settings or config(), None, Checkpoints(folder / "checkpoints"), records=Records(folder / "episodes"))


EVERYTHING = sorted(
    [*((step, "training") for step in (3, 6, 9, 12, 15, 18)), (10, "evaluation"), (20, "evaluation")],
)


def test_everything_is_kept_in_the_file_of_the_next_checkpoint(tmp_path: Path) -> None:
    assert isinstance(Diary(), Recorded)
    drive(tmp_path, Diary())
    assert told(tmp_path) == EVERYTHING
    files = sorted(path.name for path in (tmp_path / "episodes").iterdir())
    assert files == [f"step-{step:012d}.npz" for step in (4, 8, 12, 16, 20)]


@pytest.mark.parametrize("breaks_at", range(1, 21))
def test_cut_off_anywhere_each_stands_once_in_the_end(breaks_at: int, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        drive(tmp_path, Diary(breaks_at))
    drive(tmp_path, Diary())
    assert told(tmp_path) == EVERYTHING


@pytest.mark.parametrize("at", [4, 8, 12, 20])
def test_cut_off_between_the_records_and_their_checkpoint_each_stands_once(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Checkpoints.save

    def cut_off(self: Checkpoints, step: int, state: State) -> None:
        assert max(int(path.stem[5:]) for path in (tmp_path / "episodes").iterdir()) == step, "records come first"
        if step == at:
            raise KeyboardInterrupt
        save(self, step, state)

    monkeypatch.setattr(Checkpoints, "save", cut_off)
    with pytest.raises(KeyboardInterrupt):
        drive(tmp_path, Diary())
    monkeypatch.undo()
    drive(tmp_path, Diary())
    assert told(tmp_path) == EVERYTHING


def test_from_an_older_checkpoint_what_was_recorded_since_is_recorded_again(tmp_path: Path) -> None:
    drive(tmp_path, Diary())
    (tmp_path / "checkpoints" / f"step-{20:012d}" / "state.json").write_text("{")
    drive(tmp_path, Diary())
    assert told(tmp_path) == EVERYTHING
    for state in (tmp_path / "checkpoints").glob("step-*"):
        state.rename(state.with_name("gone-" + state.name))
    drive(tmp_path, Diary())
    assert told(tmp_path) == EVERYTHING


@pytest.mark.parametrize("save_every", [0, 4])
def test_without_a_place_for_them_records_do_not_pile_up(save_every: int, tmp_path: Path) -> None:
    for checkpoints in (None, Checkpoints(tmp_path)):
        trial = Diary()
        most: list[int] = []
        run(trial, config(save_every), None, checkpoints, stop=lambda t=trial, m=most: m.append(len(t.pending)) or "")
        assert max(most) <= 2
        assert trial.pending == []
