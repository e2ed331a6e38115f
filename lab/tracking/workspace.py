"""A report in a W&B project: made of plain blocks by wandb-workspaces, and written anew in place of its last version.

The report is found again by a token in its description. The token is drawn before the report is first written, so
that whatever is cut short leaves one report.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lab.store import RunDirectory, RunError
from lab.tracking.account import obstacle_to_uploading
from lab.tracking.mirror import project
from lab.tracking.patience import within
from lab.writing import written_aside

NOTE = ".wandb-report.json"  # in the folder of runs
TIMEOUT = 60.0  # seconds for all that the server is asked
INSTALL = 'pip install "wandb-workspaces>=0.4.13,<0.5"'
COLUMNS = 24  # of a W&B grid of panels


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 3; `folded` are the blocks that it shows once it is opened."""

    level: int
    text: str
    folded: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Passage:
    """Text in Markdown."""

    markdown: str


@dataclass(frozen=True)
class Command:
    """A line for the shell."""

    line: str


@dataclass(frozen=True)
class RunSet:
    """Runs that are drawn as one line: the seeds of an arm, by their W&B ids."""

    name: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Plot:
    """The curve of a metric over steps."""

    metric: str
    title: str
    unit: str  # of a step


@dataclass(frozen=True)
class Panels:
    """Curves with the mean over the seeds of each run set and its standard error, then pictures and clips by name."""

    run_sets: tuple[RunSet, ...]
    plots: tuple[Plot, ...]
    media: tuple[str, ...] = ()


Block = Heading | Passage | Command | Panels


def publish(runs_dir: Path, title: str, summary: str, blocks: Sequence[Block], timeout: float = TIMEOUT) -> str:
    """Writes the report about the runs below `runs_dir` and returns its address.

    Raises RunError where the package, an account or the server is missing, or the server refuses.
    """
    if find_spec("wandb_workspaces") is None:
        raise RunError(f"The W&B report was not written, because wandb-workspaces is not installed. {INSTALL}")
    if obstacle := obstacle_to_uploading():
        raise RunError(f"The W&B report was not written, because {obstacle}.")
    try:
        with RunDirectory(runs_dir).lock(patience=timeout):  # or two at once might not find each other's
            token = _token(runs_dir)
            return within(timeout, lambda: _written(title, f"{summary} [{token}]", token, blocks))
    except (Exception, SystemExit) as error:
        said = (str(error).splitlines() or [""])[0]
        raise RunError(
            f"The W&B report was not written: {type(error).__name__}: {said}. Try again; it stays one report."
        ) from error


def _token(runs_dir: Path) -> str:
    """What tells this folder's report from others in the project."""
    path = runs_dir / NOTE
    try:
        return str(json.loads(path.read_text())["token"])
    except (OSError, ValueError, LookupError, TypeError):
        token = secrets.token_hex(4)
        with written_aside(path) as file:
            file.write((json.dumps({"token": token}) + "\n").encode())
        return token


def _written(title: str, description: str, token: str, blocks: Sequence[Block]) -> str:
    import wandb
    import wandb_workspaces.reports.v2 as workspaces

    api = wandb.Api()
    entity = os.environ.get("WANDB_ENTITY") or api.default_entity
    known = []
    if any(each.name == project() for each in api.projects(entity)):
        known = [each for each in api.reports(f"{entity}/{project()}") if token in (each.description or "")]
    if known:  # read whole, since what others have said about it is a part of it
        report = workspaces.Report.from_url(known[0].url)
    else:
        report = workspaces.Report(project=project(), entity=entity)
    report.title, report.description, report.width = title[:128], description, "fluid"
    report.blocks = [_block(workspaces, block) for block in blocks]
    report.save()
    return str(report.url)


def _block(workspaces: Any, block: Block) -> Any:
    if isinstance(block, Heading):
        kind = (workspaces.H1, workspaces.H2, workspaces.H3)[block.level - 1]
        folded = [_block(workspaces, each) for each in block.folded] or None
        return kind(text=block.text, collapsed_blocks=folded)
    if isinstance(block, Passage):
        return workspaces.MarkdownBlock(text=block.markdown)
    if isinstance(block, Command):
        return workspaces.CodeBlock(code=block.line, language=None)
    return workspaces.PanelGrid(
        runsets=[_run_set(workspaces, each) for each in block.run_sets],
        panels=[
            *(_plot(workspaces, plot, place) for place, plot in enumerate(block.plots)),
            *([_browser(workspaces, block)] if block.media else []),
        ],
    )


def _run_set(workspaces: Any, run_set: RunSet) -> Any:
    from wandb_workspaces import expr

    chosen = [expr.Metric("ID").isin(list(run_set.ids))]
    return workspaces.Runset(name=run_set.name, filters=chosen, groupby=["group"])


def _plot(workspaces: Any, plot: Plot, place: int) -> Any:
    wide, high = COLUMNS // 2, 8
    return workspaces.LinePlot(
        title=plot.title,
        x="global_step",
        y=[plot.metric],
        title_x=plot.unit,
        groupby="Group",
        groupby_aggfunc="mean",
        groupby_rangefunc="stderr",
        layout=workspaces.Layout(x=place % 2 * wide, y=place // 2 * high, w=wide, h=high),
    )


def _browser(workspaces: Any, block: Panels) -> Any:
    below = (len(block.plots) + 1) // 2 * 8
    return workspaces.MediaBrowser(
        title="Samples", media_keys=list(block.media), layout=workspaces.Layout(x=0, y=below, w=COLUMNS, h=8)
    )
