"""Gradient checking against slopes worked out by hand, planted faults and kinks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.gradients import GradientReport, check_gradients


def test_regularisation_counts():
    """The gradient of |w|^2 / 2 is w itself: worked out by hand, and found by the differences."""
    model = nn.Linear(3, 1)
    report = check_gradients(model, lambda m: sum((p**2).sum() / 2 for p in m.parameters()))
    assert report.passed
    assert [(p.name, p.compared) for p in report.parameters] == [("weight", 4), ("bias", 2)]
    assert max(p.relative_error for p in report.parameters) < 1e-9


class Slope(torch.autograd.Function):
    """x ** 2, with a slope of 2 x that is too large by a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x**2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient * 2 * ctx.saved_tensors[0] * ctx.factor, None


@pytest.mark.parametrize(("factor", "passed"), [(1.0, True), (1 + 3e-8, True), (1 + 3e-7, False), (-1.0, False)])
def test_the_bound_lies_at_a_ten_millionth(factor, passed):
    report = through([0.5, -1.5, 3.0], lambda x: Slope.apply(x, factor).sum())
    assert report.passed is passed
    assert report.parameters[0].relative_error == pytest.approx(abs(factor - 1) / max(factor, 1), abs=2e-9)


def test_a_wrong_gradient_in_one_number_of_many_is_found():
    """The direction through all numbers meets it, though no single number is looked at."""
    torch.manual_seed(0)
    first, second = nn.Linear(4, 16), nn.Linear(16, 3)
    inputs = torch.randn(5, 4, dtype=torch.float64)

    def spoil(gradient: Tensor) -> Tensor:
        spoilt = gradient.clone()
        spoilt[7, 2] *= 2
        return spoilt

    class Spoilt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = first, second

        def forward(self, inputs: Tensor) -> Tensor:
            weight = self.first.weight.clone()
            weight.register_hook(spoil)
            return self.second(F.linear(inputs, weight, self.first.bias).tanh())

    report = check_gradients(Spoilt(), lambda module: module(inputs).square().mean(), directions=0)
    assert [p.name for p in report.parameters if not p.passed] == ["first.weight"]
    assert "FAIL  first.weight: relative error" in str(report)


def through(values: list[float], function: Any, **settings: Any) -> GradientReport:
    module = nn.Module()
    module.register_parameter("x", nn.Parameter(torch.tensor(values)))
    return check_gradients(module, lambda m: function(m.x), **settings)


def test_a_kink_at_the_point_is_counted_and_limited():
    # of the directions along single numbers, the one at 0 has no derivative, nor has the one through all
    report = through([0.0, 1.0, -2.0, 3.0], lambda x: x.abs().sum())
    assert (report.compared, report.kinks) == (3, 2)
    assert report.parameters[0].passed
    assert not report.passed
    assert through([0.0, 1.0, -2.0, 3.0], lambda x: x.abs().sum(), most_kinks=0.4).passed


@pytest.mark.parametrize("distance", [6e-4, 3e-4, 6e-5, 3e-5, 6e-6, 3e-6])
def test_a_kink_nearby_is_stepped_round(distance):
    report = through([distance, 1.0], lambda x: (x.relu() ** 1 + x**3).sum())
    assert (report.compared, report.kinks) == (3, 0)
    assert report.passed


def test_a_parameter_with_nothing_but_kinks_fails():
    report = through([0.0, 0.0], lambda x: x.abs().sum(), most_kinks=1.0)
    assert (report.compared, report.kinks) == (0, 3)
    assert not report.passed


def test_gradients_of_very_different_sizes_are_all_right():
    assert through([2.0], lambda x: (x**5).sum() * 1e9).passed
    assert through([2.0], lambda x: (x**5).sum() * 1e-9).passed
    assert through([2.0], lambda x: 1 + 1e-3 * x.sin().sum()).passed


def test_losses_that_cannot_be_compared_are_refused():
    model = nn.Linear(4, 3)
    with pytest.raises(ValueError, match=r"torch.float32.*inputs.double\(\)"):
        check_gradients(model, lambda m: m.weight.float().sum())
    with pytest.raises(ValueError, match="finite scalar"):
        check_gradients(model, lambda m: m.weight.sum(0))
    noise = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match="two values for the same parameters"):
        check_gradients(model, lambda m: m.weight.sum() + torch.rand((), generator=noise).double())


def test_a_loss_of_zero_has_right_gradients_of_zero():
    assert through([0.0, 0.0], lambda x: (x**2).sum()).passed
    assert through([1.0, 2.0], lambda x: (x * 0).sum()).passed


def test_batch_norm_works_on_the_batch_and_dropout_is_off():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4, affine=False), nn.Dropout(0.5), nn.Tanh(), nn.Linear(4, 1)
    )
    inputs = torch.randn(6, 3, dtype=torch.float64)
    seen = []

    def loss(module: nn.Module) -> Tensor:
        normed = module[1](module[0](inputs))
        seen.append((normed.mean(0).abs().max().item(), (module[2](normed) == 0).sum().item()))
        return module(inputs).square().mean()

    assert check_gradients(model, loss).passed
    assert max(mean for mean, _ in seen) < 1e-12
    assert max(dropped for _, dropped in seen) == 0


def test_dropout_inside_recurrent_layers_is_off_as_well():
    torch.manual_seed(0)
    layer, inputs = nn.GRU(3, 4, num_layers=2, dropout=0.5), torch.randn(5, 3, dtype=torch.float64)
    expected, losses = float(layer.eval().double()(inputs)[0].detach().square().sum()), []

    def loss(module: nn.Module) -> Tensor:
        value = module(inputs)[0].square().sum()
        losses.append(float(value.detach()))
        return value

    assert check_gradients(layer.train(), loss, directions=0).passed
    assert losses[0] == pytest.approx(expected, rel=1e-12)


def test_noise_from_the_global_generator_is_replayed():
    model = nn.Linear(4, 3)
    report = check_gradients(model, lambda m: F.dropout(m.weight, 0.5).square().sum(), directions=2)
    assert [p.passed for p in report.parameters] == [True, True]


def test_the_module_and_the_generators_are_left_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    generator = torch.get_rng_state()
    check_gradients(model, lambda module: module(torch.ones(2, 3).double()).sum(), directions=1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(part.training for part in model.modules())
