"""What of the page goes into a report in W&B: the same words, and of curves and pictures what W&B has to draw."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.report.outline import Outline, outline
from lab.store import RunDirectory
from lab.tracking.workspace import Command, Heading, Panels, Passage, Plot, RunSet
from tests.lab.written_runs import written

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def uploaded(directory: RunDirectory, identity: str, online: bool = True) -> None:
    (directory.path / "wandb").mkdir()
    (directory.path / "wandb" / "id.json").write_text(json.dumps({"id": identity, "online": online}))


def told(found: Outline) -> str:
    """All that it says in Markdown."""
    blocks = [*found.blocks, *(each for b in found.blocks if isinstance(b, Heading) for each in b.folded)]
    return "\n\n".join(block.markdown for block in blocks if isinstance(block, Passage))


def test_results_stand_beside_their_target_and_curves_are_of_the_runs_that_are_there(tmp_path: Path) -> None:
    uploaded(written(tmp_path, "walk", 0, {50: 8.0, 100: 10.0}), "w-0")
    uploaded(written(tmp_path, "walk", 1, {50: 8.0, 100: 12.0}), "w-1")
    (tmp_path / "walk" / "0123456789" / "seed-1" / "media").mkdir()
    (tmp_path / "walk" / "0123456789" / "seed-1" / "media" / "000000000100-episode.gif").write_bytes(b"GIF89a")
    found = outline(tmp_path, None, NOW)
    assert found.title == "Results of walk"
    assert found.unseen == 0
    assert "from the folder" in found.summary
    assert "All 2 runs finished." in told(found)
    assert "| walk | eval/return | — | ≥ 9 | **11.00** [10.00, 12.00] | 2 of 2 | 100 paces | — | **pass** |" in told(
        found
    )
    assert "mean return of 5 episodes; 2 seeds" in told(found)
    assert "| 1 | finished | 100 | 12.00 | — | — | `walk/0123456789/seed-1` |" in told(found)
    [panels] = [block for block in found.blocks if isinstance(block, Panels)]
    assert panels == Panels(
        (RunSet("walk", ("w-0", "w-1")),), (Plot("eval/return", "eval/return, target 9", "paces"),), ("episode",)
    )
    assert Command("lab run walk --seeds 0-1") in found.blocks
    assert Heading(1, "walk: pass") in found.blocks


def test_each_arm_is_a_set_of_runs_of_its_own(tmp_path: Path) -> None:
    for number, variant in enumerate(("plain", "double")):
        config = {"agent": {"double": variant == "double"}}
        directory = written(
            tmp_path, "walk", 0, {100: 10.0}, address=f"{number}" * 10, variant=variant, config=config, target=None
        )
        uploaded(directory, f"id-{variant}")
    found = outline(tmp_path, None, NOW)
    [panels] = [block for block in found.blocks if isinstance(block, Panels)]
    assert panels.run_sets == (RunSet("double", ("id-double",)), RunSet("plain", ("id-plain",)))
    assert "| double | **10.00** one seed: no interval | agent.double on | — |" in told(found)


def test_runs_that_w_and_b_does_not_have_are_told_and_not_drawn(tmp_path: Path) -> None:
    uploaded(written(tmp_path, "walk", 0, {100: 10.0}), "w-0")
    uploaded(written(tmp_path, "walk", 1, {100: 12.0}), "w-1", online=False)
    written(tmp_path, "walk", 2, {100: 12.0})
    found = outline(tmp_path, None, NOW)
    assert found.unseen == 2
    assert "**2 of 3 runs are not in W&B**" in told(found)
    [panels] = [block for block in found.blocks if isinstance(block, Panels)]
    assert panels.run_sets == (RunSet("walk", ("w-0",)),)


def test_failures_are_told_plainly_and_nothing_in_them_is_markup(tmp_path: Path) -> None:
    directory = written(tmp_path, "walk", 0, {50: 1.0}, state="failed")
    error = "ValueError: a | b\n```\n<script>"
    directory.write_status("failed", step=50, budget=100, unit="paces", error=error)
    found = outline(tmp_path, None, NOW)
    assert f"**Seed 0 failed at 50 of 100 paces.**\n\n````\n{error}\n````" in told(found)
    assert not [block for block in found.blocks if isinstance(block, Panels)], "W&B has nothing to draw"


def test_a_name_that_is_not_there_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "walk", 0, {100: 10.0})
    with pytest.raises(ValueError, match=r"holds no run of 'wlak'\. Did you mean 'walk'\?"):
        outline(tmp_path, ["wlak"], NOW)
