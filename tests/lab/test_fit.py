"""Fit: learner x batches."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from lab.data import Batches, Dataset
from lab.fit import Fit
from lab.seeding import Seeds
from lab.trial import Illustrated, Metrics, Picture, State


class Summing:
    """Learns the sum of what it saw."""

    def __init__(self, tape: list[str]) -> None:
        self.tape = tape
        self.sum = torch.zeros(())

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        self.tape.append(f"update {batch[0].tolist()}")
        self.sum = self.sum + batch[0].sum()
        return {"sum": self.sum}

    def evaluate(self, dataset: Dataset) -> Metrics:
        self.tape.append(f"evaluate {len(dataset)}")
        return {"size": float(len(dataset)), "sum": self.sum}

    def state_dict(self) -> State:
        return {"sum": self.sum}

    def load_state_dict(self, state: State) -> None:
        self.sum = state["sum"]


def fit(tape: list[str] | None = None) -> Fit:
    data = Dataset(torch.arange(6.0), torch.zeros(6))
    return Fit(
        Summing([] if tape is None else tape),
        Batches(data, 2, Seeds(0)),
        {"dev": data.subset(torch.arange(3)), "test": data},
        show=lambda: {"dot": Picture(np.zeros((1, 1, 3), np.uint8))},
    )


def test_a_step_is_an_update_on_the_next_batch() -> None:
    tape: list[str] = []
    trial = fit(tape)
    stream = Batches(Dataset(torch.arange(6.0), torch.zeros(6)), 2, Seeds(0))
    metrics = [trial.step() for _ in range(3)]
    assert tape == [f"update {stream.next()[0].tolist()}" for _ in range(3)]
    assert float(metrics[-1]["sum"]) == 0 + 1 + 2 + 3 + 4 + 5
    assert (trial.steps, trial.unit) == (3, "updates")


def test_the_probe_takes_examples_from_all_over_the_training_set() -> None:
    """Of a stratified part the first ones are all of one class."""

    class Probed(Summing):
        def probe_case(self, dataset: Dataset) -> Any:
            return dataset.inputs.tolist()

    data = Dataset(torch.arange(100.0), torch.zeros(100))
    probed = cast(Any, Fit(Probed([]), Batches(data, 2, Seeds(0)), {}).probe_case())
    assert len(probed) == 16
    assert (probed[0], probed[-1]) == (0.0, 99.0)
    assert {after - before for before, after in pairwise(probed)} == {6.0, 7.0}
    large = Dataset(torch.zeros(100, 3, 28, 28), torch.zeros(100))
    assert len(cast(Any, Fit(Probed([]), Batches(large, 2, Seeds(0)), {}).probe_case())) == 4


def test_metrics_are_named_by_the_set_they_are_of() -> None:
    tape: list[str] = []
    assert fit(tape).evaluate() == {
        "dev_size": 3.0, "dev_sum": torch.zeros(()), "test_size": 6.0, "test_sum": torch.zeros(())
    }  # fmt: skip
    assert tape == ["evaluate 3", "evaluate 6"]


def test_an_evaluation_set_without_examples_is_refused() -> None:
    data = Dataset(torch.arange(6.0), torch.zeros(6))
    with pytest.raises(ValueError, match=r"The test part has no examples, .* Give it some, or leave it out"):
        Fit(Summing([]), Batches(data, 2, Seeds(0)), {"dev": data, "test": data.subset(torch.arange(0))})


def test_evaluating_moves_nothing() -> None:
    judged, never = fit(), fit()
    for _ in range(5):
        judged.evaluate()
        assert judged.step() == never.step()


def test_a_state_is_gone_on_from() -> None:
    straight, resumed = fit(), fit()
    for _ in range(4):
        straight.step()
    resumed.load_state_dict(straight.state_dict())
    assert resumed.steps == 4
    assert [resumed.step() for _ in range(5)] == [straight.step() for _ in range(5)]


def test_it_shows_what_it_was_given_to_show() -> None:
    trial = fit()
    assert isinstance(trial, Illustrated)
    assert list(trial.illustrate()) == ["dot"]
    trial.show = None
    assert trial.illustrate() == {}


def test_a_budget_of_examples_counts_those_of_each_batch() -> None:
    data = Dataset(torch.arange(6.0), torch.zeros(6))
    trial = Fit(Summing([]), Batches(data, 4, Seeds(0)), {}, unit="examples")
    assert trial.unit == "examples"
    for _ in range(3):
        trial.step()
    assert trial.steps == 12
    resumed = Fit(Summing([]), Batches(data, 4, Seeds(0)), {}, unit="examples")
    resumed.load_state_dict(trial.state_dict())
    assert resumed.steps == 12


def in_parts(training: list[int], test: list[int]) -> Fit:
    examples = Dataset(torch.rand(8, 2), torch.arange(8))
    parts = [examples.subset(torch.tensor(part)) for part in (training, test)]
    return Fit(Summing([]), Batches(parts[0], 2, Seeds(0)), {"test": parts[1]})


def test_a_run_goes_on_with_the_examples_that_it_began_with_alone() -> None:
    state = in_parts([0, 1, 2, 3, 4], [5, 6, 7]).state_dict()
    in_parts([0, 1, 2, 3, 4], [5, 6, 7]).load_state_dict(state)
    for training, test, part in (
        ([0, 1, 2, 3, 5], [4, 6, 7], "training"),
        ([1, 0, 2, 3, 4], [5, 6, 7], "training"),
        ([0, 1, 2, 3, 4], [5, 6], "test"),
    ):
        other = in_parts(training, test)
        with pytest.raises(ValueError, match=f"The {part} part is not the one that this run began with"):
            other.load_state_dict(state)
        other.load_for_viewing(state)
    del state["parts"]  # of a run that did not note them
    in_parts([1, 0, 2, 3, 4], [5, 6, 7]).load_state_dict(state)
