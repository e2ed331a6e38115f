"""RESULTS.md says what results/ and the experiments' targets say: it is written by a command, not by hand."""

from __future__ import annotations

import difflib

import pytest

from lab.results.files import comparisons, entries, repository
from lab.results.page import page


def test_the_page_of_results_is_what_the_command_writes() -> None:
    root = repository()
    due, stands = page(entries(root), comparisons(root)), (root / "RESULTS.md").read_text()
    if stands != due:
        apart = "\n".join(difflib.unified_diff(stands.splitlines(), due.splitlines(), "RESULTS.md", "due", lineterm=""))
        pytest.fail(
            f"RESULTS.md is not what results/ and the experiments' targets come to. `lab results` mends it.\n{apart}"
        )
