"""The best so far: judged in a rhythm of its own, kept, applied, taken up for good, and gone on with exactly."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from lab.best import Best
from lab.data import Batches, Dataset, digits
from lab.fit import Fit
from lab.seeding import Seeds
from lab.stopping import StoppingConfig
from lab.trial import Metrics, State
from supervised.classifier import Classifier, ClassifierConfig

LOSSES = (5.0, 3.0, 4.0, 2.0, 2.5, 2.1, 2.2, 1.0)  # of the weights after 1, 2, ... updates


class Scripted:
    """A learner whose weight counts its updates, and whose loss is the one that is written down for that weight."""

    def __init__(self, losses: tuple[float, ...] = LOSSES) -> None:
        self.losses = losses
        self.weight = torch.zeros(())
        self.judged: list[int] = []

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        self.weight += 1  # in place, as optimisers do it
        return {"loss": self.losses[int(self.weight) - 1]}

    def evaluate(self, dataset: Dataset) -> Metrics:
        self.judged.append(int(self.weight))
        return {"loss": self.losses[int(self.weight) - 1], "weight": float(self.weight)}

    def state_dict(self) -> State:
        return {"weight": self.weight}

    def load_state_dict(self, state: State) -> None:
        self.weight.copy_(state["weight"])


DATA = Dataset(torch.arange(6.0), torch.zeros(6))


def fit(learner: Scripted, unit: str = "updates", **stopping: object) -> Fit:
    return Fit(
        learner,
        Batches(DATA, 2, Seeds(0)),
        {"test": DATA, "dev": DATA},
        unit=unit,  # type: ignore[arg-type]
        stopping=StoppingConfig(**({"patience": 3, "judge_every": 1} | stopping)),  # type: ignore[arg-type]
    )


def test_stops_when_patience_is_out_and_has_the_best_weights_for_good() -> None:
    learner = Scripted()
    trial = fit(learner)
    losses = [trial.step() for _ in range(10)]
    # The best is the fourth, 2.0; the fifth to the seventh are worse, and the better eighth is never seen.
    assert [bool(step) for step in losses] == [True] * 7 + [False] * 3
    assert float(learner.weight) == 4
    assert trial.evaluate()["test_weight"] == 4
    assert trial.steps == 10, "the budget passes all the same"


def test_before_it_stops_it_is_judged_by_the_best_and_learns_on_from_the_last() -> None:
    learner = Scripted()
    trial = fit(learner)
    seen = []
    for _ in range(5):
        trial.step()
        seen.append((trial.evaluate()["test_loss"], float(learner.weight)))
    assert seen == [(5.0, 1), (3.0, 2), (3.0, 3), (2.0, 4), (2.0, 5)]


def test_judges_in_a_rhythm_of_its_own_on_the_set_it_is_told() -> None:
    learner = Scripted()
    trial = fit(learner, judge_every=2)
    for _ in range(6):
        trial.step()
    assert learner.judged == [2, 4, 6]
    assert trial.evaluate()["dev_loss"] == 2.0


def test_examples_are_counted_as_updates_for_the_rhythm() -> None:
    learner = Scripted()
    trial = fit(learner, unit="examples", judge_every=2)
    for _ in range(4):
        trial.step()
    assert (trial.steps, trial.unit) == (8, "examples")
    assert learner.judged == [2, 4]


def test_higher_can_be_better() -> None:
    learner = Scripted()
    trial = fit(learner, metric="weight", better="higher", patience=1)
    for _ in range(8):
        assert trial.step()
    assert trial.evaluate()["test_weight"] == 8


def test_a_loss_that_is_never_a_number_keeps_nothing_and_stops() -> None:
    learner = Scripted((math.nan,) * 9)
    trial = fit(learner, patience=2)
    assert [bool(trial.step()) for _ in range(4)] == [True, True, False, False]
    assert float(learner.weight) == 2


@pytest.mark.parametrize("stop", range(1, 9))
def test_going_on_from_any_step_equals_never_stopping(stop: int) -> None:
    straight, interrupted = fit(Scripted()), fit(Scripted())
    for _ in range(stop):
        straight.step()
        interrupted.step()
    resumed = fit(Scripted())
    resumed.load_state_dict(deepcopy(interrupted.state_dict()))
    for _ in range(10):
        assert resumed.step() == straight.step()
        assert resumed.evaluate() == straight.evaluate()
    assert str(resumed.state_dict()) == str(straight.state_dict())


def test_a_classifier_with_batch_norm_and_moments_is_put_back_bit_for_bit() -> None:
    from lab.backbones import MLPConfig

    def made() -> tuple[Fit, Classifier]:
        seeds, data = Seeds(0), digits().subset(torch.arange(200))
        with seeds.initialising("backbone"):
            backbone = MLPConfig(widths=(16,), batch_norm=True).build((1, 8, 8))
        classifier = Classifier(ClassifierConfig(), backbone, 10, seeds)
        stopping = StoppingConfig(patience=50, judge_every=5, better="higher")
        return Fit(classifier, Batches(data, 20, seeds.child("b")), {"dev": data}, stopping=stopping), classifier

    judged, classifier = made()
    never, other = made()
    for step in range(30):
        assert str(judged.step()) == str(never.step())
        if step == 4:
            best = float(judged.evaluate()["dev_loss"])  # the loss falls, so that the highest is the first judged
        if step % 7 == 6:
            assert float(judged.evaluate()["dev_loss"]) == best
    for mine, others in zip(classifier.network.state_dict().values(), other.network.state_dict().values()):
        assert torch.equal(mine, others)
    kept = judged.backbone
    assert kept is not None
    assert not torch.equal(next(kept.parameters()), next(classifier.backbone.parameters())), "handed on is the best"


def test_without_patience_nothing_is_judged_and_the_state_is_as_ever() -> None:
    learner = Scripted()
    trial = fit(learner, patience=None)
    for _ in range(8):
        trial.step()
    assert learner.judged == []
    assert set(trial.state_dict()) == {"learner", "batches", "steps", "parts"}


def test_refuses_a_set_or_a_metric_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"stopping.dataset is 'train'.*Choose one of test, dev"):
        fit(Scripted(), dataset="train")
    with pytest.raises(ValueError, match=r"stopping.metric is 'los'.*Scripted does not measure. Choose one of loss, w"):
        fit(Scripted(), metric="los").step()
    with pytest.raises(ValueError, match="judge_every is 0 updates"):
        StoppingConfig(judge_every=0)
    with pytest.raises(ValueError, match="patience is 0"):
        Best(Scripted(), StoppingConfig(), 0, {"dev": DATA})
