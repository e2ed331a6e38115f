"""What a record says of how its run is scored."""

from __future__ import annotations

from lab.stated import Stated, stated_of
from tests.lab.written_runs import TARGET


def test_a_target_says_its_metric_and_which_way_it_goes() -> None:
    protocol = TARGET["protocol"]
    assert stated_of({"target": TARGET}) == Stated(["eval/return"], [], 100, protocol)
    upper = TARGET | {"at_least": None, "at_most": 2.0}
    assert stated_of({"target": upper, "compared": None}) == Stated(["eval/return"], ["eval/return"], 100, protocol)


def test_how_arms_are_compared_goes_before_it() -> None:
    compared = {"metrics": ["eval/a", "eval/b"], "lower": ["eval/b"], "steps": None, "protocol": "p"}
    assert stated_of({"target": TARGET, "compared": compared}) == Stated(["eval/a", "eval/b"], ["eval/b"], None, "p")


def test_nothing_is_stated_without_either() -> None:
    assert stated_of({}) == stated_of({"target": None, "compared": None}) == Stated()
