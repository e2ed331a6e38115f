"""The report page of 50 experiments of five seeds: seconds to write it, megabytes, and seconds until it is open.

The runs are made up, of the size that real ones have: some are ablations of several arms, some failed or diverged, and
all leave curves of a dozen metrics and something to look at. Open is a page once its load event is over in headless
Chromium and pointing at its first chart reads out a value; the clock starts when the browser is told the address.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.browser import ABSENT, Page, browser, chromium
from benchmarks.measure import Check, Result, Spread, command
from lab.media import write_media
from lab.report import write_report
from lab.store import RunDirectory
from lab.trial import Clip, Passage, Picture

EXPERIMENTS, SEEDS, REPEATS = 50, 5, 9
ROWS = (300, 1_500)  # of metrics, in the shortest and the longest runs
ARMS = 3  # of every tenth experiment
STATES = ("finished",) * 17 + ("failed", "interrupted", "running")  # in turn
METRICS = (
    *("train/loss", "train/accuracy", "train/gradient_norm", "train/learning_rate", "eval/dev_loss"),
    *("eval/dev_accuracy", "eval/test_loss", "eval/test_accuracy", "time/seconds", "time/steps_per_second"),
)
OPEN, MEGABYTES = 1.0, 10.0
_READ_OUT = """(() => {
    const plot = document.querySelector(".plot");
    plot.scrollIntoView({ block: "center", behavior: "instant" });
    const box = plot.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
})()"""


def measure(quick: bool = False) -> Result:
    """Seconds to write the page, its megabytes, and seconds until it is open."""
    experiments, repeats = (5, 2) if quick else (EXPERIMENTS, REPEATS)
    rows, checks, notes = [], [], []
    with TemporaryDirectory(prefix="lab-report-") as folder:
        num_runs = make_up(Path(folder) / "runs", experiments, quick)
        page, written = Path(folder) / "report.html", []
        for _ in range(2 if quick else 3):
            started = time.perf_counter()
            write_report(Path(folder) / "runs", page)
            written.append(time.perf_counter() - started)
        megabytes = page.stat().st_size / 1e6
        rows += [("written, s", Spread.of(written).text()), ("size, MB", f"{megabytes:.2f}")]
        checks.append(Check(name="megabytes", value=megabytes, at_most=MEGABYTES))
        program = chromium()
        if program is None:
            notes.append(f"When it is open was not measured: {ABSENT}.")
        else:
            with browser(program) as tab:
                opened = [_open(tab, page) for _ in range(repeats + 1)][1:]  # the first warms the browser up
            for name in opened[0]:
                rows.append((f"{name}, s", Spread.of([each[name] for each in opened]).text()))
            spread = Spread.of([each["first value read out"] for each in opened])
            checks.append(Check(name="seconds until it is open", value=spread.median, at_most=OPEN))
    notes.append(f"{experiments} experiments, {num_runs} runs of {SEEDS} seeds; opened {repeats} times after once.")
    return Result(
        title="The report page: median (quartiles)", header=("", "found"), rows=rows, checks=checks, notes=notes
    )


def _open(tab: Page, page: Path) -> dict[str, float]:
    """Seconds from being told the address to the first paint, to the end of loading and to a value read out."""
    tab.size(1280, 900)
    started = time.perf_counter()
    tab.open(page)
    tab.point_at(*tab.evaluate(_READ_OUT))
    if tab.evaluate('document.querySelector(".at").textContent === document.querySelector(".at").dataset.default'):
        raise RuntimeError("Pointing at the first chart read out nothing, so the page is not open.")
    seconds = time.perf_counter() - started
    if tab.errors or len(tab.requests) > 1:
        raise RuntimeError(f"The page is not as it should be: {[*tab.errors, *tab.requests[1:]]}")
    painted = tab.evaluate('performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0') / 1000
    loaded = tab.evaluate('performance.getEntriesByType("navigation")[0].loadEventEnd') / 1000
    return {"first paint": painted, "loaded": loaded, "first value read out": seconds}


def make_up(runs: Path, experiments: int, quick: bool = False) -> int:
    """Writes run directories as a laboratory's year would leave them, and returns how many."""
    clip = Clip([np.full((96, 96, 3), 5 * t, np.uint8) for t in range(40)])
    film = write_media(runs.parent / "film", 0, "episode", clip)
    number = 0
    for experiment in range(experiments):
        for arm in range(ARMS if experiment % 10 == 4 else 1):
            for seed in range(SEEDS):
                longest = ROWS[0] if quick else ROWS[1]
                _run(runs, experiment, arm, seed, int(np.interp(experiment % 7, [0, 6], [ROWS[0], longest])), film)
                number += 1
    return number


def _run(runs: Path, experiment: int, arm: int, seed: int, num_rows: int, film: Path) -> None:
    generator = np.random.default_rng((experiment, arm, seed))
    name = f"experiment_{experiment:02d}"
    directory = RunDirectory.at(runs, name, f"{experiment:04x}{arm:06x}", seed)
    state = STATES[(7 * experiment + 3 * arm + seed) % len(STATES)]
    done = num_rows if state == "finished" else num_rows // 2
    directory.write_record(_record(name, directory, arm, seed, num_rows))
    error = "RuntimeError: the device ran out of memory" if state == "failed" else None
    directory.write_status(state, step=100 * done, budget=100 * num_rows, unit="updates", error=error)
    directory.write_environment(
        {"commit": "0" * 40, "hardware": {"cpu": "made up", "cores": 2, "gpu": []}, "device": "cpu", "threads": 1}
    )
    directory.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in _rows(done, generator)))
    if state == "finished":
        step = 100 * num_rows
        pixels = generator.integers(0, 256, (110, 180, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
        write_media(directory.media, step, "answers", Picture(pixels, "Made-up answers, least sure first."))
        write_media(directory.media, step, "sample", Passage("Made up, line by line.\n" * 20))
        shutil.copy(film, directory.media / f"{step:012d}-episode.mp4")


def _record(name: str, directory: RunDirectory, arm: int, seed: int, num_rows: int) -> dict[str, Any]:
    config = {
        "agent": {"learning_rate": 10.0 ** -(arm + 1), "discount": 0.99, "widths": [64, 64], "double": arm > 1},
        "run": {"steps": 100 * num_rows, "log_every": 100},
    }
    target = {
        "metric": "eval/test_accuracy", "at_least": 0.7, "steps": 100 * num_rows, "statistic": "mean", "seeds": SEEDS,
        "protocol": "accuracy of made-up answers, last weights", "source": "nobody", "published": 0.72,
    }  # fmt: skip
    return {
        "experiment": name, "variant": f"arm {arm}" if int(name[-2:]) % 10 == 4 else None, "seed": seed,
        "hash": directory.path.parent.name, "unit": "updates", "summary": "Learns what was made up.",
        "config": config, "target": target, "command": ["lab", "run", name, "--seeds", str(seed)],
    }  # fmt: skip


def _rows(count: int, generator: np.random.Generator) -> list[dict[str, float]]:
    """A row every hundred steps; evaluations in every fifth."""
    progress = 1 - np.exp(-np.linspace(0, 4, count))
    values: dict[str, np.ndarray] = {name: progress + generator.normal(0, 0.05, count) for name in METRICS}
    values["time/seconds"] = 0.25 * np.arange(1, count + 1)
    return [
        {"step": 100 * (i + 1)}
        | {n: float(v[i]) for n, v in values.items() if not n.startswith("eval/") or i % 5 == 4 or i == count - 1}
        for i in range(count)
    ]


if __name__ == "__main__":
    sys.exit(command(measure))
