"""Mixup: mixtures by hand, and shares against SciPy's Beta distribution."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from lab.data import mixup
from lab.data.mixing import beta, mixed
from tests.lab.data.cases import noise, seeded

MIXUP = mixup(0.4, 3)


def test_mixtures_by_hand() -> None:
    shares, partners = torch.tensor([0.25, 1.0, 0.5]), torch.tensor([1, 2, 2])
    values = torch.tensor([[0.0, 8], [4, 4], [1, 2]])
    assert mixed(values, shares, partners).tolist() == [[3, 5], [4, 4], [1, 2]]


def test_mixup_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.data.mixing.beta", lambda *_: torch.tensor([0.25, 1.0, 0.5]))
    partners = torch.tensor([2, 0, 1])
    monkeypatch.setattr(torch, "randperm", lambda *_, **__: partners)
    inputs, labels = torch.tensor([0.0, 4, 8])[:, None, None, None].expand(3, 2, 1, 1), torch.tensor([2, 0, 1])
    mixture, soft = MIXUP(inputs, labels, seeded())
    assert mixture[:, :, 0, 0].tolist() == [[6, 6], [4, 4], [6, 6]]
    assert soft.tolist() == [[0, 0.75, 0.25], [1, 0, 0], [0.5, 0.5, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(6, 3, 5, 4), (1, 2), (7,)])
def test_mixup_keeps_the_shape_and_labels_add_up(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    inputs, labels = noise(*shape, dtype=dtype), torch.arange(shape[0]) % 3
    before = inputs.clone()
    mixture, soft = MIXUP(inputs, labels, seeded())
    assert (mixture.shape, mixture.dtype, mixture.is_contiguous()) == (inputs.shape, dtype, True)
    assert (soft.shape, soft.dtype, soft.is_contiguous()) == ((shape[0], 3), torch.float32, True)
    torch.testing.assert_close(soft.sum(1), torch.ones(shape[0]))
    assert torch.equal(inputs, before)


def test_inputs_and_labels_are_mixed_alike() -> None:
    labels = torch.randint(0, 3, (200,), generator=seeded(1))
    certain = torch.nn.functional.one_hot(labels, 3).float()
    mixture, soft = MIXUP(certain, labels, seeded())
    assert torch.equal(mixture, soft)
    assert not torch.equal(soft, certain)


def test_mixup_draws_from_the_generator_alone() -> None:
    inputs, labels = noise(20, 4), torch.arange(20) % 3
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = MIXUP(inputs, labels, seeded(5))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert all(torch.equal(a, b) for a, b in zip(MIXUP(inputs, labels, seeded(5)), first))
    assert not torch.equal(MIXUP(inputs, labels, seeded(6))[0], first[0])


@pytest.mark.parametrize("strength", [1e-3, 0.05, 0.2, 0.5, 1.0, 4.0, 1e3])
def test_shares_follow_the_beta_distribution(strength: float) -> None:
    count = 40_000
    shares = beta(strength, count, seeded(), torch.device("cpu"))
    assert bool(((shares >= 0) & (shares <= 1)).all()), "and none is nan"
    for threshold in (1e-6, 1e-3, 0.1, 0.3, 0.48, 0.5, 0.7, 0.9, 0.999):
        expected = stats.beta(strength, strength).cdf(threshold)
        deviation = math.sqrt(expected * (1 - expected) / count)
        assert abs(float((shares < threshold).double().mean()) - expected) <= 5 * deviation + 1e-9


@pytest.mark.parametrize(("labels", "lowest", "highest"), [([0, 3], 0, 3), ([-1, 2], -1, 2)])
def test_labels_out_of_range(labels: list[int], lowest: int, highest: int) -> None:
    message = rf"labels go from {lowest} to {highest}, but num_classes is 3, so they must lie in 0\.\.2"
    with pytest.raises(ValueError, match=message):
        MIXUP(torch.zeros(2, 4), torch.tensor(labels), seeded())


@pytest.mark.parametrize("labels", [torch.zeros(2, 3), torch.zeros(2), torch.zeros(3, dtype=torch.int64)])
def test_labels_that_are_not_one_class_each(labels: Tensor) -> None:
    with pytest.raises(ValueError, match=r"mixup needs the number of one class for each of 2 inputs: shape \[2\]"):
        MIXUP(torch.zeros(2, 4), labels, seeded())


def test_whole_numbers_are_not_mixed() -> None:
    with pytest.raises(ValueError, match=r"inputs are of type torch.uint8, which cannot hold a mixture"):
        MIXUP(torch.zeros(2, 4, dtype=torch.uint8), torch.tensor([0, 1]), seeded())


@pytest.mark.parametrize("labels", [torch.tensor([0.0, math.nan]), torch.tensor([[1.0, math.nan], [0.0, 1.0]])])
def test_labels_of_several_tasks_or_missing_are_refused(labels: Tensor) -> None:
    with pytest.raises(ValueError, match=r"neither soft, mixed, of several tasks nor missing \(NaN\), or leave mixup"):
        MIXUP(noise(2, 3), labels, seeded())
