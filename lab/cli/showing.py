"""`lab report` and `lab play`: what the runs came to, and what one of them learnt, to look at."""

from __future__ import annotations

from pathlib import Path

from lab.cli.arguments import Parser
from lab.names import did_you_mean
from lab.store import RunDirectory, RunError, find_runs, runs_folder


def report_command(words: list[str]) -> int:
    """`lab report`: one HTML file about the runs."""
    parser = Parser("report", "Write one self-contained HTML page about the runs: curves, targets, pictures, commands.")
    parser.add_argument("experiments", nargs="*", metavar="NAME", help="only these experiments (default: all)")
    parser.add_argument("--out", metavar="FILE", help="where to write it (default: report.html in the runs folder)")
    parser.add_runs_dir()
    given = parser.parse_args(words)
    folder = runs_folder(given.runs_dir)
    known = {directory.path.parts[-3] for directory in find_runs(folder)}
    if not known:
        raise ValueError(f"There are no runs under {folder} to report on. `lab run NAME` makes one.")
    for name in given.experiments:
        if name not in known:
            raise ValueError(f"There is no run of {name!r} under {folder}. {did_you_mean(name, known)}")
    from lab.report import write_report

    page = write_report(folder, Path(given.out or folder / "report.html"), given.experiments or None)
    print(f"Report: {page.resolve()}")
    return 0


def play_command(words: list[str]) -> int:
    """`lab play RUN`: pictures and clips of what a run has learnt so far."""
    parser = Parser(
        "play",
        "Show what a run has learnt, from its newest checkpoint: an agent's episode, a classifier's answers.\n"
        "RUN is a run directory, or its end: dqn_cartpole, dqn_cartpole/3f2a, dqn_cartpole/3f2a/seed-1.",
    )
    parser.add_argument("run", metavar="RUN", help="a run directory, or enough of its name")
    parser.add_argument("--out", metavar="FOLDER", help="where to write (default: the run's own media folder)")
    parser.add_argument("--gif", action="store_true", help="write clips as .gif instead of .mp4")
    parser.add_runs_dir()
    given = parser.parse_args(words)
    directory = find_run(given.run, runs_folder(given.runs_dir))
    for path in _shown(directory, Path(given.out) if given.out else directory.media, gif=given.gif):
        print(path)
    return 0


def find_run(name: str, folder: Path) -> RunDirectory:
    """The run that a path, or the beginning of experiment/address/seed, names; the lowest seed of several."""
    if (Path(name) / "config.json").exists():
        return RunDirectory(Path(name))
    known = {"/".join(directory.path.parts[-3:]): directory for directory in find_runs(folder)}
    wanted = name.strip("/").split("/")
    near = [
        directory
        for key, directory in known.items()
        if key.split("/")[0] == wanted[0]
        and all(part.startswith(word) for part, word in zip(key.split("/")[1:], wanted[1:]))
    ]
    if not near:
        names = [*known, *dict.fromkeys(key.split("/")[0] for key in known)]
        raise ValueError(f"There is no run {name!r} under {folder}. {did_you_mean(name, names)}")
    return near[0]


def _shown(directory: RunDirectory, out: Path, gif: bool) -> list[Path]:
    from lab.checkpoint import Checkpoints
    from lab.job import read
    from lab.media import write_clip, write_media
    from lab.seeding import Seeds
    from lab.trial import Clip, Illustrated

    record, experiment, config = read(directory, exactly=False)
    found = Checkpoints(directory.checkpoints).newest()
    if found is None:
        raise RunError(f"{directory.path} has no checkpoint yet, so there is nothing to play. Let it run on first.")
    trial = experiment.make(config, Seeds(record["seed"]))
    trial.load_state_dict(found.state["trial"])
    if not isinstance(trial, Illustrated):
        raise RunError(f"{experiment.name} has nothing to show: its trial has no illustrate().")
    paths = []
    for name, thing in trial.illustrate().items():
        if gif and isinstance(thing, Clip):
            path = out / f"{found.step:012d}-{name}.gif"
            out.mkdir(parents=True, exist_ok=True)
            write_clip(path, thing)
        else:
            path = write_media(out, found.step, name, thing)
        paths.append(path)
    return paths
