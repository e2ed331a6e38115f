"""How recorded results say numbers, days and what runs stood on."""

from __future__ import annotations

from collections.abc import Sequence

from lab.results.result import Stand
from lab.words import listed, minus


def number(value: float, digits: int) -> str:
    """So many significant digits, or whole where it has more before the point."""
    return minus(f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}")


def short(metric: str) -> str:
    """A metric's name as a column has it: eval/test_loss -> test loss."""
    return metric.removeprefix("eval/").replace("_", " ")


def seeds_said(seeds: Sequence[int]) -> str:
    """Seed 3; seeds 0, 1, 2."""
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"


def days(finished: Sequence[str]) -> str:
    """Of ISO times, the day, or the first and the last one."""
    found = sorted({time.partition("T")[0] for time in finished})
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def stood_on(stand: Stand) -> str:
    """Machine, software and code."""
    gpus = f"{', '.join(stand.gpus)} (run on {stand.device})" if stand.gpus else "no GPU"
    threads = f"{stand.threads} thread{'' if stand.threads == 1 else 's'}"
    kernels = "deterministic kernels" if stand.deterministic else "kernels that need not be deterministic"
    code = f"commit {stand.commit}" if stand.commit else "code outside a git checkout"
    if stand.uncommitted:  # the result's file names them all
        changed = f"{len(stand.uncommitted)} files" if len(stand.uncommitted) > 3 else listed(list(stand.uncommitted))
        code += f" with uncommitted changes in {changed}"
    return (
        f"{stand.processor}, {stand.cores} cores, {gpus}; {threads}, {kernels}; Python {stand.python}, "
        f"torch {stand.torch}; {code}"
    )
