"""chat_bot: parts of one's own dialogue of which there is nothing to judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.supervised import chat_bot
from lab.data.numbered_pairs import PairsConfig
from lab.fit import Fit
from lab.seeding import Seeds


def built(folder: Path, **settings: Any) -> Fit:
    """On a dialogue of forty turns, each of two words said and four answered."""
    lines = [f"what {number}\tit is number {number}\n" for number in range(40)]
    (folder / "dialogue.tsv").write_text("".join(lines))
    pairs = PairsConfig(least=1, most=200, longest=12)
    given = {"pairs_file": str(folder / "dialogue.tsv"), "pairs": pairs, **settings}
    return chat_bot.build(replace(chat_bot.SMOKE, **given), Seeds(0))


@pytest.mark.parametrize(("development", "test", "judged"), [(0, 5, ["test"]), (5, 0, ["dev"]), (0, 0, [])])
def test_a_part_of_nothing_said_is_not_judged(development: int, test: int, judged: list[str], tmp_path: Path) -> None:
    trial = built(tmp_path, development_sources=development, test_sources=test)
    assert {name: len(part) for name, part in trial.evaluation.items()} == dict.fromkeys(judged, 5)
    trial.step()
    assert {name.partition("_")[0] for name in trial.evaluate()} == set(judged)
    assert ("conversation" in trial.illustrate()) is bool(judged)


def test_a_part_of_which_all_is_too_long_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dev part has 5 pairs, but all have a side of more than 3 .*pairs\.longest"):
        built(tmp_path, pairs=PairsConfig(least=1, most=200, longest=3), development_sources=5, test_sources=5)
