"""`lab play`: what a run learnt, and any episode that it recorded, to look at."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.cli.arguments import Parser, table
from lab.errors import speaks_to_the_user
from lab.names import did_you_mean
from lab.store import RunDirectory, RunError, find_run, runs_folder

if TYPE_CHECKING:
    from lab.trial import Clip, Illustration, Record

WIDTH = 400  # pixels of an episode's picture
GIF_FRAMES = 1_000  # a GIF is large, and made in memory
CHOICES = ("last", "best", "worst")


def play_command(words: list[str]) -> int:
    """`lab play RUN`: pictures and clips of what a run has learnt so far, or of an episode on its way there."""
    parser = Parser(
        "play",
        "Show what a run has learnt, from its newest checkpoint: an agent's episode, a classifier's answers.\n"
        "With --episode, show an episode that it recorded, made again from its seed and its actions.\n"
        "RUN is a run directory, or its end: dqn_cartpole, dqn_cartpole/3f2a, dqn_cartpole/3f2a/seed-1.",
    )
    parser.add_argument("run", metavar="RUN", help="a run directory, or enough of its name")
    parser.add_argument("--episodes", action="store_true", help="list the recorded episodes instead of showing one")
    parser.add_argument("--episode", metavar="WHICH", help="show a recorded one: last, best, worst or its number")
    parser.add_argument("--evaluation", action="store_true", help="among the evaluation's episodes, not the training's")
    parser.add_argument("--width", metavar="PIXELS", type=int, help=f"of an episode's picture (default: {WIDTH})")
    parser.add_argument("--frames", metavar="NUMBER", type=int, help="show at most so many of an episode's steps")
    parser.add_argument("--gif", action="store_true", help="write clips as .gif instead of .mp4")
    parser.add_argument("--out", metavar="FOLDER", help="where to write (default: in the run's own folder)")
    parser.add_runs_dir()
    given = parser.parse_args(words)
    for name in ("width", "frames"):
        if (value := getattr(given, name)) is not None and value < 1:
            raise ValueError(f"--{name} is {value}, which leaves nothing to look at. Give 1 or more.")
    directory = find_run(given.run, runs_folder(given.runs_dir))
    if given.episodes:
        print(_listed(directory, given.evaluation))
        return 0

    from lab.trained import trained

    if given.episode or given.evaluation:
        number, record = _chosen(directory, given.episode or "last", given.evaluation)
        trial, _ = trained(directory)
        clip = _replayed(trial, record, given)
        _write(Path(given.out or directory.episodes), record["step"], f"episode-{number}", clip, given.gif)
    else:
        trial, step = trained(directory)
        for name, thing in _shown(trial, given).items():
            _write(Path(given.out or directory.media), step, name, thing, given.gif)
    return 0


def _recorded(directory: RunDirectory) -> dict[int, Record]:
    """The recorded episodes by their numbers, which count from 1 in the order in which they ended."""
    from lab.records import Records

    records = Records(directory.episodes).read()
    if not records:
        raise RunError(
            f"{directory.path} has no recorded episodes. A run of an agent keeps them with its checkpoints, from the "
            "first checkpoint on; without --episode, its newest checkpoint is shown."
        )
    return dict(enumerate(records, start=1))


def _listed(directory: RunDirectory, evaluation: bool) -> str:
    rows = [
        [number, record["kind"], record["step"], record["length"], _brief(record["return"])]
        for number, record in _recorded(directory).items()
        if not evaluation or record["kind"] == "evaluation"
    ]
    return table(["number", "kind", "at step", "length", "return"], rows)


def _brief(value: float) -> float:
    """A return with three digits after the point, or none where it is whole."""
    return int(value) if float(value).is_integer() else round(value, 3)


def _chosen(directory: RunDirectory, wanted: str, evaluation: bool) -> tuple[int, Record]:
    """The episode meant by last, best, worst (of several the latest) or a number, and its number."""
    recorded, kind = _recorded(directory), "evaluation" if evaluation else "training"
    if wanted in CHOICES:
        of_kind = [(number, record) for number, record in recorded.items() if record["kind"] == kind]
        if not of_kind:
            raise RunError(f"{directory.path} has recorded no episode of {kind} yet. --episodes lists what there is.")
        sign = {"last": 0, "best": 1, "worst": -1}[wanted]
        return max(of_kind, key=lambda item: (sign * item[1]["return"], item[0]))
    if not wanted.isdecimal():
        raise ValueError(
            f"--episode is {wanted!r}, which is none of {', '.join(CHOICES)} and no number. "
            f"{did_you_mean(wanted, CHOICES)} --episodes lists the numbers."
        )
    number = int(wanted)
    if number not in recorded:
        raise ValueError(f"There is no episode {number}: there are 1 to {len(recorded)}. --episodes lists them.")
    if evaluation and recorded[number]["kind"] != kind:
        raise ValueError(f"Episode {number} is one of {recorded[number]['kind']}. Leave out --evaluation to watch it.")
    return number, recorded[number]


def _shown(trial: Any, given: Namespace) -> dict[str, Illustration]:
    """What a trial can do now, in the size that it chooses or, of an episode, in the one that was asked for."""
    from lab.trial import Illustrated, Replayable

    if given.width or given.frames:
        if not isinstance(trial, Replayable):
            raise RunError("The run shows pictures of one size: it has no episodes. Leave out --width and --frames.")
        return {"episode": _replayed(trial, trial.rehearse(), given)}
    if not isinstance(trial, Illustrated):
        raise RunError(f"The run has nothing to show: its {type(trial).__name__} has no illustrate().")
    return dict(trial.illustrate())


def _replayed(trial: Any, record: Record, given: Namespace) -> Clip:
    from lab.trial import Replayable

    if not isinstance(trial, Replayable):
        raise RunError(f"The run's episodes cannot be shown: its {type(trial).__name__} has no replay(record).")
    try:
        return trial.replay(
            record, width=given.width or WIDTH, max_frames=given.frames or (GIF_FRAMES if given.gif else None)
        )
    except ValueError as error:  # the usage is right: the recording or the simulator is not
        if not speaks_to_the_user(error):
            raise
        raise RunError(str(error)) from error


def _write(folder: Path, step: int, name: str, thing: Illustration, gif: bool) -> None:
    from lab.media import write_media

    print(write_media(folder, step, name, thing, gif=gif))
