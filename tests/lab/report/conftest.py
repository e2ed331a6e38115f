"""Run directories made up for the report, and a page taken apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

TARGET = {
    "metric": "eval/return",
    "at_least": 100.0,
    "at_most": None,
    "steps": 20,
    "statistic": "iqm",
    "each_seed_at_least": None,
    "seeds": 5,
    "protocol": "greedy, 10 episodes",
    "source": "A. Author 2015, https://example.org/paper.",
    "published": 110.5,
}

WriteRun = Callable[..., Path]


@pytest.fixture
def target() -> dict[str, Any]:
    return dict(TARGET)


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Writes a run directory under tmp_path/runs."""
    return run_writer(tmp_path / "runs")


def run_writer(runs: Path) -> WriteRun:
    """Writes run directories under `runs` as the lab leaves them; every part can be replaced."""

    def write(
        seed: int = 0,
        *,
        experiment: str = "catch",
        address: str = "aaaaaaaaaa",
        returns: dict[int, float] | None = None,
        config: dict[str, Any] | None = None,
        record: dict[str, Any] | None = None,
        status: dict[str, Any] | None = None,
    ) -> Path:
        directory = runs / experiment / address / f"seed-{seed}"
        (directory / "media").mkdir(parents=True)
        returns = {10: 50.0, 20: 100.0 + seed} if returns is None else returns
        rows = [
            {"step": step, "train/loss": 1 / step, "eval/return": value, "time/seconds": step / 2}
            for step, value in returns.items()
        ]
        last = max(returns, default=0)
        whole_record = {
            "schema": "lab.run/1",
            "experiment": experiment,
            "variant": None,
            "hash": address,
            "seed": seed,
            "unit": "updates",
            "summary": "Learns to catch.",
            "command": f"lab run {experiment} --seeds {seed} --run.steps 20",
            "config": config or {"agent": {"learning_rate": 0.001, "replay": True}, "run": {"steps": 20}},
            "target": dict(TARGET),
        } | (record or {})
        whole_status = {
            "state": "finished",
            "step": last,
            "budget": 20,
            "unit": "updates",
            "error": None,
            "updated": f"2025-11-21T01:0{seed % 10}:00+00:00",
        } | (status or {})
        environment = {
            "commit": "0123456789abcdef",
            "diff": "",
            "versions": {"python": "3.11.9", "torch": "2.13.0"},
            "hardware": {"cpu": "Abacus", "cores": 2, "gpu": []},
            "device": "cpu",
            "threads": 1,
            "deterministic": True,
        }
        (directory / "config.json").write_text(json.dumps(whole_record))
        (directory / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (directory / "status.json").write_text(json.dumps(whole_status))
        (directory / "environment.json").write_text(json.dumps(environment))
        return directory

    return write


VOID = {"meta", "br", "img", "wbr", "link", "input", "hr"}


class Element:
    """An element of a page."""

    def __init__(self, tag: str, attributes: dict[str, str]):
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        """What a reader sees of it, spaces folded."""
        return " ".join("".join(c if isinstance(c, str) else c.text for c in self.children).split())

    def __iter__(self) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child

    def all(self, tag: str, **wanted: str) -> list[Element]:
        """The elements below it of a tag (or any, '*') that have a class (`class_`) and attributes."""
        classes = wanted.pop("class_", "").split()
        return [
            e
            for e in self
            if tag in ("*", e.tag)
            and set(classes) <= set(e.attributes.get("class", "").split())
            and all(e.attributes.get(name) == value for name, value in wanted.items())
        ]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attributes})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


@pytest.fixture
def parse() -> Callable[[str], Element]:
    """Reads a page, and fails where its tags are not nested."""

    def read(text: str) -> Element:
        reader = _Reader()
        reader.feed(text)
        reader.close()
        assert len(reader.open) == 1, f"<{reader.open[-1].tag}> is never closed"
        return reader.open[0]

    return read


def a_search(**changed: Any) -> dict[str, Any]:
    """The record of a search over a learning rate and a size: six candidates, of which 4 is best and 5 has no score."""
    rates, sizes = [1e-4, 1e-3, 1e-2, 3e-2, 3e-3, 9e-2], [32, 64, 32, 64, 32, 64]
    steps, scores = [10, 30, 30, 10, 90, 0], [1.0, 5.0, 6.0, 2.0, 9.0, None]
    candidates = [
        {
            "number": i, "stage": 0, "settings": {"agent.learning_rate": rates[i], "agent.size": sizes[i]},
            "address": f"{i:010d}", "steps": steps[i], "score": scores[i], "scores": {}, "feasible": i != 2,
            "why": "seed 0: NonFiniteMetric: it became nan" if i == 5 else "",
            "command": f"lab run catch --seeds 0 --agent.learning-rate {rates[i]}",
        }
        for i in (4, 1, 2, 3, 0, 5)
    ]  # fmt: skip
    return {
        "schema": "lab.search/1", "experiment": "catch", "variant": "", "metric": "eval/return",
        "lower_is_better": False, "rungs": [10, 30, 90], "seeds": [0],
        "axes": [
            {"kind": "range", "name": "agent.learning_rate", "low": 1e-4, "high": 1e-1, "scale": "log", "whole": False},
            {"kind": "choices", "name": "agent.size", "values": [32, 64]},
        ],
        "satisfy": ["eval/length >= 3"], "complete": True, "candidates": candidates,
    } | changed  # fmt: skip


def write_search(runs: Path, name: str = "abc", experiment: str = "catch", **changed: Any) -> Path:
    """Writes such a record as `lab search` does."""
    path = runs / experiment / "searches" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(a_search(**changed)))
    return path
