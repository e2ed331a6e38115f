"""RESULTS.md: every target beside what was measured, as Markdown that says the same however often it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from lab.experiment import Experiment, Target
from lab.results.compared_page import compared_part
from lab.results.comparison import ComparisonResult
from lab.results.result import Result, Stand, outdated
from lab.results.words import days, number, seeds_said, short, stood_on
from lab.verdict import statistic_of
from lab.words import count, duration, listed

HEAD = """# Results

Written by `lab results` from the files in `results/` and from the experiments' targets; what is edited here by hand is
lost. `lab verify NAME --record` adds a result, with the machine, the date and the code that its runs had.

A score is that of the last weights at the budget, never the best of a run; "ours" is the target's statistic over seeds
with its 95 % bootstrap interval. Every experiment has a protocol of its own, which is given [below](#protocols): scores
of different protocols are not to be compared. *Open* is what has no recorded result yet, *outdated* a result whose
experiment was changed since. *Dirty* is code with changes that its commit does not have.
"""
HEADER = "experiment", "published", "bound", "ours", "each seed", "verdict", "a seed takes", "machine", "date", "commit"
WORDS = {"pass": "pass", "fail": "**MISSED**", "open": "**open**", "outdated": "**outdated**"}
_NOISE = re.compile(r"\((?:R|TM|tm)\)|\bCPU\b|\bProcessor\b|\d+-Core\b|@.*")  # in what processors call themselves


@dataclass(frozen=True)
class Entry:
    """An experiment with a target, or a variant of it, and its recorded result if there is one."""

    experiment: Experiment
    result: Result | None

    @property
    def target(self) -> Target:
        """What the row is about: a recorded result stands beside the target that it was held to, with the source and
        the published score that the experiment names today.
        """
        stated = self.experiment.target
        if self.result is None:
            assert stated is not None  # an experiment without a target or a result has no entry
            return stated
        held_to = self.result.target
        return replace(held_to, source=stated.source, published=stated.published) if stated is not None else held_to

    @property
    def name(self) -> str:
        """The experiment, with its variant if it has several."""
        variant = self.result.variant if self.result is not None else self.target.arm
        return f"`{self.experiment.name}`" + (f", {variant}" if variant else "")

    @property
    def standing(self) -> str:
        """A key of WORDS."""
        if self.result is None:
            return "open"
        return "outdated" if outdated(self.result, self.experiment) else self.result.verdict


def page(entries: Sequence[Entry], compared: Sequence[tuple[Experiment, ComparisonResult | None]] = ()) -> str:
    """The whole page; what it tells may come in any order."""
    ordered = sorted(entries, key=lambda entry: (entry.experiment.listing.wing, entry.name))
    parts = [HEAD, summary(ordered)]
    for wing in dict.fromkeys(entry.experiment.listing.wing for entry in ordered):
        rows = [_row(entry) for entry in ordered if entry.experiment.listing.wing == wing]
        parts += [f"\n## {wing.capitalize() or 'Your own'}\n", *_table(rows)]
    parts += compared_part(compared)
    parts += ["\n## Protocols\n", *("\n".join(_details(entry)) for entry in ordered)]
    return "\n".join(parts) + "\n"


def summary(entries: Sequence[Entry]) -> str:
    """How many targets stand how, in a sentence."""
    standings = [entry.standing for entry in entries]
    counted = [f"{standings.count(key)} {word.strip('*')}" for key, word in WORDS.items() if key in standings]
    return f"{len(entries)} target{'' if len(entries) == 1 else 's'}: {listed(counted)}." if counted else "No targets."


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    for cells in [HEADER, ("---",) * len(HEADER), *rows]:
        yield f"| {' | '.join(cells)} |"


def _row(entry: Entry) -> tuple[str, ...]:
    target, result = entry.target, entry.result
    published = "none known" if target.published is None else number(target.published, 7)
    ahead = (entry.name, published, _bound(target))
    if result is None:
        return (*ahead, "", "", WORDS["open"] + (f": needs {target.needs}" if target.needs else ""), "", "", "", "")
    digits = _digits(result)
    ours = f"**{number(result.estimate, digits)}**"
    if result.interval is not None:
        ours += " [{}, {}]".format(*(number(bound, digits) for bound in result.interval))
    why = outdated(result, entry.experiment)
    return (
        *ahead,
        ours + _beside(result),
        _scores(result, digits),
        WORDS[entry.standing] + (f": {why}" if why else ""),
        duration(result.seconds),
        _each(_machine(stand) for stand in result.stands),
        days([item.finished for item in result.seeds]),
        _each(_code(stand) for stand in result.stands),
    )


def _details(entry: Entry) -> Iterator[str]:
    """What a row has no room for, as a list entry with entries of its own."""
    target, result = entry.target, entry.result
    steps = f"{count(target.steps)} {result.unit if result is not None else 'steps'}"
    statistic = f"{statistic_of(target)} over at least {target.seeds} seed{'' if target.seeds == 1 else 's'}"
    yield f"- {entry.name}: `{target.metric}` after {steps}, {statistic}"
    yield f"  - protocol: {target.protocol}"
    yield f"  - source: {target.source}"
    if result is None:
        return
    if result.differences:
        yield f"  - measured with {', '.join(result.differences)}"
    for stand in result.stands:
        yield f"  - {seeds_said(stand.seeds)}: {stood_on(stand)}"


def _bound(target: Target) -> str:
    sign, bound = (">=", target.at_least) if target.at_least is not None else ("<=", target.at_most)
    assert bound is not None  # a Target has exactly one
    least = target.each_seed_at_least
    each = "" if least is None else f", no seed < {number(least, 7)}"
    further = "".join(f"; {short(bound.metric)} {bound.said}" for bound in target.beside)
    return f"{statistic_of(target)} {sign} {number(bound, 7)}{each}{further}"


def _beside(result: Result) -> str:
    """The means of the target's further metrics."""
    means = [fmean(values) for values in zip(*(item.beside for item in result.seeds))]
    return "".join(f"; {short(bound.metric)} {number(mean, 4)}" for bound, mean in zip(result.target.beside, means))


def _digits(result: Result) -> int:
    """Four significant digits, or as many as tell the result from its bound: 474.99 is not to be read as 475."""
    bound = result.target.at_least if result.target.at_least is not None else result.target.at_most
    for digits in range(4, 10):
        if f"{result.estimate:.{digits}g}" != f"{bound:.{digits}g}":
            return digits
    return 4


def _scores(result: Result, digits: int) -> str:
    """The scores in the order of the seeds, which are named where they are not 0, 1, 2, ..."""
    usual = [item.seed for item in result.seeds] == list(range(len(result.seeds)))
    return ", ".join(("" if usual else f"{item.seed}: ") + number(item.score, digits) for item in result.seeds)


def _machine(stand: Stand) -> str:
    """The processor, or the GPU where one was used."""
    if stand.device.startswith("cuda") and stand.gpus:
        return stand.gpus[int(stand.device.partition(":")[2] or 0)]
    return f"{' '.join(_NOISE.sub(' ', stand.processor).split())}, {stand.cores} cores"


def _code(stand: Stand) -> str:
    commit = f"`{stand.commit[:7]}`" if stand.commit else "unknown"
    return f"{commit}, dirty" if stand.uncommitted else commit


def _each(words: Iterator[str]) -> str:
    return " and ".join(dict.fromkeys(words))
