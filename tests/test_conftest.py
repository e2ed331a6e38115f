"""A test is skipped for missing data only where it takes the data that everybody takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.data import DataError, MissingData
from tests import conftest


@pytest.mark.parametrize("hook", [conftest.pytest_runtest_setup, conftest.pytest_runtest_call])
def test_missing_data_skip_a_test_and_say_which(hook: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    around = hook()  # type: ignore[operator]
    next(around)
    with pytest.raises(pytest.skip.Exception, match="mnist is not there"):
        around.throw(MissingData("mnist is not there"))


@pytest.mark.parametrize("fault", [DataError("mnist is damaged"), ValueError("a bug")])
def test_damaged_data_and_other_faults_do_not(fault: Exception) -> None:
    around = conftest.pytest_runtest_call()
    next(around)
    with pytest.raises(type(fault), match=str(fault)):
        around.throw(fault)


@pytest.mark.parametrize("name", ["LAB_DATA", "LAB_OFFLINE"])
def test_nor_do_those_that_a_test_put_there_itself(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, str(tmp_path))
    around = conftest.pytest_runtest_call()
    next(around)
    with pytest.raises(MissingData):
        around.throw(MissingData("it was not fetched"))


def test_what_a_test_returns_passes_through() -> None:
    around = conftest.pytest_runtest_call()
    next(around)
    with pytest.raises(StopIteration) as ended:
        around.send("a result")
    assert ended.value.value == "a result"
