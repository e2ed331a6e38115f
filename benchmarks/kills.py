"""200 SIGKILLs at random moments, over all kinds of experiments and all engines: the same bits as without them.

The smallest version of every experiment runs once undisturbed, and then once here and once on a cluster, SLURM and
Ray by turns, while its job, or the process that started it, is killed again and again: while it starts, while it
trains, while it writes. What was killed is launched again. In the end the whole state, every logged value and every
recorded episode must be those of the undisturbed run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from benchmarks._launch import smallest
from benchmarks.measure import Check, Result, command
from lab.checkpoint import digest
from lab.data import MissingData
from lab.experiment import experiments, load
from lab.launching import launch_configs, prepare
from lab.records import Records
from lab.repeating import first_parting
from lab.seeding import Seeds
from lab.store import RunDirectory
from tests.fake_slurm import FakeSlurm

KILLS = 200
KILLS_OF_EACH = 2  # of a run, while it lasts long enough
AT_A_TIME = 3  # launches, which mostly wait for their jobs
SEED = 7
START = 4.0  # seconds that a job takes to start, about
LONGEST = 300.0  # seconds that one launch may take
LAUNCHES = 12  # after which a run that does not end counts as one that differs
LOOK_EVERY = 0.01  # seconds
QUICK = ("mlp_digits",)


@dataclass(frozen=True)
class Killed:
    """What became of one run."""

    kills: int
    launches: int
    differs: str  # in what; nothing where it is the same bits
    seconds: float


@dataclass(frozen=True)
class Case:
    """The smallest version of one arm, and its undisturbed run."""

    name: str
    variant: str
    straight: RunDirectory


def measure(quick: bool = False) -> Result:
    """Every experiment by every engine."""
    with TemporaryDirectory() as folder, grounds(Path(folder), quick) as engines:
        cases = list(undisturbed(Path(folder) / "straight", QUICK if quick else tuple(experiments())))
        rows, every = [], list[Killed]()
        clusters = [name for name in engines if name != "local"]
        for engine, settings in engines.items():
            turn = clusters.index(engine) if engine in clusters else None
            mine = cases if turn is None else cases[turn :: len(clusters)]
            with ThreadPoolExecutor(1 if quick else AT_A_TIME) as pool:
                tried = [
                    pool.submit(killed, case, engine, settings, Path(folder) / engine, KILLS_OF_EACH) for case in mine
                ]
                ended = [each.result() for each in tried]
            every += ended
            rows.append(row(engine, ended))
            print(rows[-1], flush=True)
            for case, each in zip(mine, ended):
                if each.differs:
                    print(f"{engine}: {case.name} {case.variant}: {each.differs}", flush=True)
    return Result(
        title="Runs killed by SIGKILL at random moments beside the same runs undisturbed",
        header=("engine", "runs", "kills", "launches", "other bits", "seconds a run"),
        rows=[*rows, row("all", every)],
        checks=[
            Check(name="kills", value=sum(each.kills for each in every), at_least=KILLS),
            Check(name="runs that came out otherwise", value=sum(bool(each.differs) for each in every), at_most=0),
        ],
        notes=[
            f"{len(cases)} experiments, their SMOKE settings, seed {SEED}; equal are the digest of the whole last",
            "state, every logged value but the times, each step once, and every recorded episode.",
        ],
    )


@contextmanager
def grounds(folder: Path, quick: bool) -> Iterator[Mapping[str, Mapping[str, str]]]:
    """The engines that are there, each with its settings; the SLURM is the tests' fake one."""
    found: dict[str, Mapping[str, str]] = {"local": {}}
    with ExitStack() as stack:
        if not quick and find_spec("submitit") is not None:
            cluster = FakeSlurm(folder / "slurm")
            stack.callback(cluster.close)
            stack.enter_context(patch.dict(os.environ, cluster.environment))
            found["slurm"] = {}
        if not quick and find_spec("ray") is not None:
            found["ray"] = {"address": stack.enter_context(_ray())}
        yield found


@contextmanager
def _ray() -> Iterator[str]:
    """A cluster of this machine that outlives every launcher; its address."""
    import ray

    context = ray.init(
        address="local", include_dashboard=False, num_cpus=2, log_to_driver=False, _node_ip_address="127.0.0.1"
    )
    try:
        yield context.address_info["gcs_address"]
    finally:
        ray.shutdown()


def undisturbed(folder: Path, names: Sequence[str]) -> Iterator[Case]:
    """The first arm of each experiment whose data are there, run in this process."""
    for name in names:
        experiment = load(name)
        variant = next(iter(experiment.variants(experiment.smoke)))
        config = smallest(experiment, variant)
        try:
            experiment.make(config, Seeds(SEED))
        except MissingData as error:
            print(f"left out: {name}: {error}", flush=True)
            continue
        done = launch_configs(experiment, [(variant, config)], [SEED], runs_dir=folder)[0]
        if done.state != "finished":
            raise RuntimeError(f"{name} {variant} does not run even undisturbed: {done.error}")
        yield Case(name, variant, done.directory)


def killed(case: Case, engine: str, settings: Mapping[str, str], folder: Path, kills: int) -> Killed:
    """Launches the case until it has finished; of its jobs so many are killed on the way, or what started them."""
    experiment, dice = load(case.name), random.Random(f"{engine}/{case.name}/{case.variant}")
    config, begun = smallest(experiment, case.variant), time.monotonic()
    directory = prepare(experiment, case.variant, config, SEED, folder, fresh=False)
    told = [engine, str(folder), case.name, case.variant, str(SEED), *(f"{k}={v}" for k, v in settings.items())]
    life = case.straight.status()["seconds"]
    done, launches, said = 0, 0, ""
    while directory.status()["state"] != "finished" and launches < LAUNCHES:
        launches += 1
        launcher = subprocess.Popen(
            [sys.executable, "-m", "benchmarks._launch", *told],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            done += _kill_at_random(directory, launcher, dice, kills - done, life)
            said = launcher.communicate(timeout=LONGEST)[0]
        except subprocess.TimeoutExpired:
            launcher.kill()
            launcher.communicate()
            said = f"hung for {LONGEST:.0f} s"
        _wait_for_an_orphan(directory)
    differs = difference(directory, case.straight) if directory.status()["state"] == "finished" else f"no end: {said}"
    return Killed(done, launches, differs, time.monotonic() - begun)


def _kill_at_random(
    directory: RunDirectory, launcher: subprocess.Popen, dice: random.Random, kills: int, life: float
) -> int:
    """Kills the jobs that appear, until there were so many kills or the launcher ends. Returns how many were killed."""
    done, seen, end = 0, set[int](), time.monotonic() + LONGEST
    while done < kills and launcher.poll() is None and time.monotonic() < end:
        job = next((each for each in jobs_in(directory) if each not in seen), None)
        if job is None:
            time.sleep(LOOK_EVERY)
            continue
        seen.add(job)
        if dice.random() < 0.25:
            time.sleep(dice.uniform(0.0, START))
        else:
            while not directory.locked() and job in jobs_in(directory) and time.monotonic() < end:
                time.sleep(LOOK_EVERY)
            time.sleep(dice.uniform(0.0, life))
        victim = victim_of(job, dice)
        if job in jobs_in(directory) and victim is not None and victim > 1:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(victim, signal.SIGKILL)
                done += 1
    return done


def victim_of(job: int, dice: random.Random) -> int | None:
    """The job mostly, else what started it; where that is a server that forks jobs, as often what started that."""
    if dice.random() >= 0.25:
        return job
    starter = parent_of(job)
    if starter is not None and _is_server(starter) and dice.random() < 0.5:
        return parent_of(starter)
    return starter


def _is_server(process: int) -> bool:
    try:
        return b"lab.engines.forks" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _wait_for_an_orphan(directory: RunDirectory) -> None:
    """Whose launcher was killed notices it, saves, and lets go of the directory."""
    end = time.monotonic() + LONGEST
    while (jobs_in(directory) or directory.locked()) and time.monotonic() < end:
        time.sleep(LOOK_EVERY)


def jobs_in(directory: RunDirectory) -> list[int]:
    """The processes that are the job of a run directory: they write to its log."""
    wanted, found = (directory.path / "log.txt").resolve(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "fd" / "1").readlink() == wanted:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def parent_of(process: int) -> int | None:
    """Of a process that is there still."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def difference(ours: RunDirectory, theirs: RunDirectory) -> str:
    """In what two finished runs are not the same; nothing where they are."""
    rows, others = ours.rows(), theirs.rows()
    parting = first_parting(rows, others)
    if parting is not None:
        return f"{parting.metric} at {parting.step} is {parting.ours}, not {parting.theirs}"
    if len(rows) != len(others):
        return f"{len(rows)} rows, not {len(others)}"
    if ours.status()["state_sha256"] != theirs.status()["state_sha256"]:
        return "another last state"
    if episodes(ours) != episodes(theirs):
        return "other episodes"
    return ""


def episodes(directory: RunDirectory) -> list[str]:
    """A digest of each recorded episode, in order."""
    return [digest(record) for record in Records(directory.episodes).read()]


def row(engine: str, ended: Sequence[Killed]) -> tuple[str, ...]:
    """Of the table."""
    return (
        engine,
        str(len(ended)),
        str(sum(each.kills for each in ended)),
        str(sum(each.launches for each in ended)),
        str(sum(bool(each.differs) for each in ended)),
        f"{sum(each.seconds for each in ended) / len(ended):.1f}",
    )


if __name__ == "__main__":
    sys.exit(command(measure))
