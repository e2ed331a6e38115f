"""`python -m benchmarks [--quick] [NAME ...]`: runs every benchmark in turn, each in a process of its own.

Prints each result and a summary, and writes benchmarks/results/NAME.json; quick mode writes nothing. Exit code 1
where a bound is missed or a benchmark fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab.provenance import cores

HERE = Path(__file__).resolve().parent
SHARED = ("browser", "lightning", "measure", "share")  # what the benchmarks stand on
ON_ALL_CORES = ("dqn_atari", "word2vec")  # the others are about one thread


def found() -> list[str]:
    """The names of all benchmarks: a file in this folder is one, unless it is shared or private."""
    return [file.stem for file in sorted(HERE.glob("*.py")) if file.stem not in SHARED and file.stem[0] != "_"]


def start(name: str, quick: bool) -> bool:
    """Runs one benchmark; returns whether it held its bounds."""
    options = ["--quick"] if quick else ["--json", str(HERE / "results" / f"{name}.json")]
    threads = cores() if name in ON_ALL_CORES else 1
    alone = os.environ | {"OMP_NUM_THREADS": str(threads)}  # also for those that libraries start before they are told
    return (
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], cwd=HERE.parent, env=alone).returncode
        == 0
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Runs the lab's benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all by default: {', '.join(found())}")
    parser.add_argument("--quick", action="store_true", help="show that they run, in seconds; bounds do not count")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(found()):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}. There are: {', '.join(found())}.")
    summary = []
    for name in options.names or found():
        print(f"=== {name}", flush=True)
        started = time.perf_counter()
        held = start(name, options.quick)
        good = "runs" if options.quick else "holds"
        summary.append(
            (held, f"{name:<20} {good if held else 'MISSED or failed'}, {time.perf_counter() - started:.0f} s")
        )
    print("\n".join(["=== summary", *(line for _, line in summary)]))
    return 0 if all(held for held, _ in summary) else 1


if __name__ == "__main__":
    sys.exit(main())
