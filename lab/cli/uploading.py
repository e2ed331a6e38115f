"""`lab sync`: uploads to W&B what ran offline."""

from __future__ import annotations

from collections import Counter

from lab.cli.arguments import Parser
from lab.store import RunError, find_run, find_runs, runs_folder


def sync_command(words: list[str]) -> int:
    """`lab sync [RUN ...]`."""
    parser = Parser(
        "sync",
        "Upload to W&B what ran offline or without it: metrics, pictures, clips and, of finished runs, the weights as\n"
        "an artifact of type model (WANDB_LOG_MODEL=false keeps them here). It may be cut short and repeated as often\n"
        "as you like: each step, file and artifact stands once. Runs that are at work are left for later.\n"
        "Exit codes: 0 the server has all of it, 1 it lacks something, and it says what.",
    )
    parser.add_argument(
        "runs", nargs="*", metavar="RUN", help="run directories, or enough of their names (default: all)"
    )
    parser.add_argument(
        "--checkpoints",
        action="store_true",
        help="also upload the newest checkpoint of each run, from which it goes on elsewhere; a replay makes it large",
    )
    parser.add_runs_dir()
    given = parser.parse_args(words)
    folder = runs_folder(given.runs_dir)
    directories = [find_run(name, folder) for name in given.runs] if given.runs else find_runs(folder)
    if not directories:
        raise ValueError(f"There are no runs under {folder} to upload. `lab run NAME` makes one.")
    from lab.tracking.account import obstacle_to_uploading
    from lab.tracking.upload import upload

    if obstacle := obstacle_to_uploading():
        raise RunError(f"Nothing was uploaded, because {obstacle}.")
    did: Counter[str] = Counter()
    for number, directory in enumerate(directories, start=1):
        obstacle = ""
        try:
            found = upload(directory, checkpoint=given.checkpoints)
            what, why = found.did, found.why
            if what == "failed":
                obstacle = obstacle_to_uploading()
        except RunError as error:  # of this directory alone
            what, why = "failed", str(error)
        did[what] += 1
        if what != "nothing":
            print(f"{what}: {directory.path}{f'  {why}' if why else ''}", flush=True)
        if obstacle and number < len(directories):
            print(f"Stopped with {len(directories) - number} runs to go, because {obstacle}.")
            break
    print(f"{did['uploaded']} uploaded, {did['nothing']} were complete, {did['failed']} failed.")
    return 1 if did["failed"] else 0
