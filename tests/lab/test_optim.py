"""Descent against torch.optim, numbers worked out by hand, and its own continuation after a restart."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lab.optim import Descent, NonFinite, OptimizerConfig
from lab.schedules import by_hand, linear, staircase

KINDS = ("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw")


def network(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2)
    return nn.Sequential(*layers).to(dtype)


def loss_of(net: nn.Module, step: int) -> Tensor:
    """A loss that changes from step to step."""
    inputs = torch.linspace(-1, 1, 4 * 2 * 9, dtype=next(net.parameters()).dtype).view(4, 2, 3, 3)
    return (net(inputs + 0.3 * math.sin(step)) - 0.5).square().sum()


def parameters_of(net: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in net.parameters()]


def single(value: float, **settings: object) -> tuple[nn.Parameter, Descent]:
    """One number to descend, in float64, so that hand-computed digits can be compared."""
    parameter = nn.Parameter(torch.tensor([[value]], dtype=torch.float64))
    return parameter, Descent([parameter], OptimizerConfig(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Gradients are 1, 3, -2 from w = 1. Momentum: v = 1, 3.5, -.25; each step is w -= .1 v.
        ({"kind": "sgd"}, [0.9, 0.6, 0.8]),
        ({"kind": "momentum", "momentum": 0.5}, [0.9, 0.55, 0.575]),
        # Nesterov: w -= .1 (g + .5 v) with the same v: 1.5, 4.75, -2.125.
        ({"kind": "nesterov", "momentum": 0.5}, [0.85, 0.375, 0.5875]),
        # s = .25, .25*.75 + 9/4... with smoothing .75: s = .25, 2.4375, 2.828125; w -= .1 g / sqrt(s).
        (
            {"kind": "rmsprop", "smoothing": 0.75, "epsilon": 0.0},
            [0.8, 0.8 - 0.3 / 2.4375**0.5, 0.8 - 0.3 / 2.4375**0.5 + 0.2 / 2.828125**0.5],
        ),
        # Centred: mean m = .25, .9375, .203125; the divisor is sqrt(s - m^2).
        (
            {"kind": "rmsprop", "smoothing": 0.75, "epsilon": 0.0, "centered": True},
            [
                1 - 0.1 / 0.1875**0.5,
                1 - 0.1 / 0.1875**0.5 - 0.3 / (2.4375 - 0.9375**2) ** 0.5,
                1 - 0.1 / 0.1875**0.5 - 0.3 / (2.4375 - 0.9375**2) ** 0.5 + 0.2 / (2.828125 - 0.203125**2) ** 0.5,
            ],
        ),
        # Betas .5 and .75: m = .5, 1.75, -.125, corrected by .5, .75, .875: 1, 7/3, -1/7;
        # s = .25, 2.4375, 2.828125, corrected by .25, .4375, .578125: 1, 39/7, 181/37.
        (
            {"kind": "adam", "betas": (0.5, 0.75), "epsilon": 0.0},
            [
                0.9,
                0.9 - 0.1 * (7 / 3) / (39 / 7) ** 0.5,
                0.9 - 0.1 * (7 / 3) / (39 / 7) ** 0.5 + 0.1 * (1 / 7) / (181 / 37) ** 0.5,
            ],
        ),
        # Decoupled decay .5 first multiplies w by 1 - .1 * .5 = .95, then takes Adam's step.
        (
            {"kind": "adamw", "betas": (0.5, 0.75), "epsilon": 0.0, "weight_decay": 0.5},
            [0.85, 0.85 * 0.95 - 0.1 * (7 / 3) / (39 / 7) ** 0.5],
        ),
    ],
    ids=["sgd", "momentum", "nesterov", "rmsprop", "centred", "adam", "adamw"],
)
def test_steps_by_hand(settings: dict, expected: list[float]) -> None:
    parameter, descent = single(1.0, learning_rate=0.1, **settings)
    seen = []
    for gradient in [1.0, 3.0, -2.0][: len(expected)]:
        descent.descend((gradient * parameter).sum())
        seen.append(parameter.item())
    assert seen == pytest.approx(expected, abs=1e-12)


TORCHS: dict[str, Callable[[list[nn.Parameter]], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, 0.01, weight_decay=0.1),
    "momentum": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.99, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_torch_by_name_of_the_optimiser(kind: str) -> None:
    """Clipping included; weights alone, because torch penalises biases too."""
    ours, theirs = network(torch.float64), network(torch.float64)
    for net in (ours, theirs):
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(name in {"0.weight", "3.weight"})
    penalties = {"weight_decay": 0.1} if kind == "adamw" else {"l2": 0.1}
    config = OptimizerConfig(kind=kind, learning_rate=0.01, max_norm=2.0, **penalties)  # type: ignore[arg-type]
    descent = Descent([p for p in ours.parameters() if p.requires_grad], config)
    reference = [p for p in theirs.parameters() if p.requires_grad]
    optimizer = TORCHS[kind](reference)
    for step in range(6):
        norm = descent.descend(loss_of(ours, step))["gradient_norm"]
        optimizer.zero_grad()
        loss_of(theirs, step).backward()
        expected_norm = nn.utils.clip_grad_norm_(reference, 2.0)
        optimizer.step()
        torch.testing.assert_close(norm, expected_norm)
        torch.testing.assert_close(parameters_of(ours), parameters_of(theirs), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["sgd", "momentum", "nesterov", "adam", "adamw"])
def test_build_gives_torchs_fused_kernel(kind: str) -> None:
    optimizer = OptimizerConfig(kind=kind).build(network().parameters())  # type: ignore[arg-type]
    assert all(group["fused"] for group in optimizer.param_groups)


def test_penalties_are_the_gradient_of_the_penalty_and_spare_biases_and_norms() -> None:
    config = OptimizerConfig(kind="sgd", learning_rate=0.1, l1=0.01, l2=0.3)
    ours, theirs = network(torch.float64), network(torch.float64)
    Descent(ours.parameters(), config).descend(loss_of(ours, 0))
    (loss_of(theirs, 0) + config.penalty(theirs.parameters())).backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.detach(), (b - 0.1 * b.grad).detach(), rtol=1e-12, atol=1e-12)
    weight, bias = nn.Parameter(torch.tensor([[1.0, -2.0]])), nn.Parameter(torch.tensor([5.0]))
    assert config.penalty([weight, bias]).item() == pytest.approx(0.01 * 3 + 0.15 * 5)
    assert config.penalty([bias]).item() == 0.0


def test_l1_pulls_each_weight_by_its_sign() -> None:
    weight = nn.Parameter(torch.tensor([[1.0, -2.0, 0.0]]))
    bias = nn.Parameter(torch.ones(1))
    Descent([weight, bias], OptimizerConfig(kind="sgd", learning_rate=0.1, l1=0.5)).descend(
        0 * weight.sum() + 0 * bias.sum()
    )
    torch.testing.assert_close(weight.detach(), torch.tensor([[0.95, -1.95, 0.0]]))
    assert bias.item() == 1.0


def test_clipping_by_norm_and_by_value() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    descent = Descent([parameter], OptimizerConfig(kind="sgd", learning_rate=1.0, max_norm=1.0, max_value=0.7))
    measured = descent.descend((parameter * torch.tensor([3.0, 4.0])).sum())
    assert float(measured["gradient_norm"]) == 5.0
    torch.testing.assert_close(parameter.detach(), torch.tensor([-0.6, -0.7]))  # [.6, .8], then .8 to .7
    descent.descend((parameter * torch.tensor([0.3, 0.4])).sum())  # norm .5: nothing to clip
    torch.testing.assert_close(parameter.detach(), torch.tensor([-0.9, -1.1]))


def test_the_schedule_multiplies_the_learning_rate_by_update() -> None:
    parameter, descent = single(0.0, kind="sgd", learning_rate=0.2, decay=by_hand((0, 1.0), (2, 0.5)))
    rates = [descent.descend(parameter.sum())["learning_rate"] for _ in range(3)]
    assert rates == pytest.approx([0.2, 0.2, 0.1])
    assert parameter.item() == pytest.approx(-0.5)
    assert descent.learning_rate == pytest.approx(0.1)


def test_without_a_schedule_and_clipping_nothing_is_measured() -> None:
    parameter, descent = single(0.0)
    assert descent.descend(parameter.sum()) == {}


def test_a_parameter_the_loss_does_not_reach_stays() -> None:
    reached, unreached = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    for kind in KINDS:
        descent = Descent([reached, unreached], OptimizerConfig(kind=kind, l1=0.1, max_norm=1.0))  # type: ignore[arg-type]
        descent.descend(reached.sum())
    assert unreached.eq(1).all()
    assert not reached.eq(1).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("from_a_copy", [False, True])
def test_restoring_equals_never_having_stopped(kind: str, from_a_copy: bool) -> None:
    penalties = {"weight_decay": 0.1} if kind == "adamw" else {"l2": 0.1}
    config = OptimizerConfig(
        kind=kind,  # type: ignore[arg-type]
        decay=linear(1.0, 0.1, 9),
        l1=0.01,
        max_norm=3.0,
        average=0.8,
        **penalties,
    )
    net = network()
    descent = Descent(net.parameters(), config)
    for step in range(4):
        descent.descend(loss_of(net, step))
    saved, weights = descent.state_dict(), copy.deepcopy(net.state_dict())
    resumed_net = network()
    resumed = Descent(resumed_net.parameters(), config)
    resumed.load_state_dict(copy.deepcopy(saved) if from_a_copy else saved)
    resumed_net.load_state_dict(weights)
    for step in range(4, 8):
        descent.descend(loss_of(net, step))
    for step in range(4, 8):
        resumed.descend(loss_of(resumed_net, step))
    assert_same(resumed.state_dict(), descent.state_dict())
    assert_same(parameters_of(resumed_net), parameters_of(net))
    assert resumed.updates == 8


def assert_same(a: object, b: object) -> None:
    """Bit for bit."""
    torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_state_has_text_keys_all_the_way() -> None:
    parameter, descent = single(1.0, kind="adam")
    descent.descend(parameter.sum())
    state = descent.state_dict()
    assert set(state) == {"updates", "moments", "average"}
    assert set(state["moments"]) == {"0"}
    assert set(state["moments"]["0"]) == {"step", "exp_avg", "exp_avg_sq"}


def test_moments_take_the_memory_order_of_their_parameters() -> None:
    """A file loses channels-last order; the fused kernels would then add moments to the wrong weights."""
    results = []
    for contiguous_file in (False, True):
        weight = nn.Parameter(torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0)))
        weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        descent = Descent([weight], OptimizerConfig(kind="adam", learning_rate=0.1))
        for step in range(3):
            descent.descend((weight.sin() * torch.arange(48.0).view(4, 3, 2, 2)).sum())
            if step == 1 and contiguous_file:
                state = copy.deepcopy(descent.state_dict())
                moments = state["moments"]["0"]
                state["moments"]["0"] = {name: tensor.contiguous() for name, tensor in moments.items()}
                descent.load_state_dict(state)
        results.append(weight.detach().clone())
    assert_same(results[1], results[0])


@pytest.mark.parametrize(
    ("saved", "kind", "fits"),
    [
        ("momentum", "adam", False), ("adam", "rmsprop", False), ("rmsprop", "adamw", False),
        ("momentum", "nesterov", True), ("adam", "adamw", True), ("adam", "sgd", True), ("sgd", "adam", True),
    ],
)  # fmt: skip
def test_another_rules_state_is_refused_where_the_rule_cannot_go_on_from_it(saved: str, kind: str, fits: bool) -> None:
    net = network()
    before = Descent(net.parameters(), OptimizerConfig(kind=saved))  # type: ignore[arg-type]
    before.descend(loss_of(net, 0))
    after = Descent(net.parameters(), OptimizerConfig(kind=kind))  # type: ignore[arg-type]
    if fits:
        after.load_state_dict(before.state_dict())
        after.descend(loss_of(net, 1))
    else:
        with pytest.raises(ValueError, match=rf"but {kind} goes on from .* belongs to another rule"):
            after.load_state_dict(before.state_dict())


def test_another_networks_state_is_refused() -> None:
    small, large = nn.Linear(2, 3), nn.Linear(2, 4)
    saved = Descent(small.parameters(), OptimizerConfig(kind="momentum")).state_dict()
    with pytest.raises(ValueError, match=r"parameter 0 has shapes \[\(3, 2\)\].*\(4, 2\).*another network"):
        Descent(large.parameters(), OptimizerConfig(kind="momentum")).load_state_dict(saved)
    with pytest.raises(ValueError, match=r"parameter 1 .*absent"):
        Descent([small.weight], OptimizerConfig(kind="momentum")).load_state_dict(saved)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_host_stops_a_loss_that_is_not_finite(kind: str, bad: float) -> None:
    net = network()
    descent = Descent(net.parameters(), OptimizerConfig(kind=kind, average=0.9))  # type: ignore[arg-type]
    descent.descend(loss_of(net, 0))
    weights, state = parameters_of(net), copy.deepcopy(descent.state_dict())
    with pytest.raises(NonFinite, match=rf"^td_loss is {bad} at update 1: .*Lower learning_rate") as caught:
        descent.descend(loss_of(net, 1) * bad, name="td_loss")
    assert caught.value.metric == "td_loss"
    assert_same(parameters_of(net), weights)
    assert_same(descent.state_dict(), state)


def test_the_host_stops_a_gradient_norm_that_is_not_finite() -> None:
    """The root of 0 is finite, its slope is not."""
    parameter, descent = single(0.0, kind="adam", max_norm=1.0)
    with pytest.raises(NonFinite, match="the gradient norm of loss is inf at update 0"):
        descent.descend(parameter.sqrt().sum())
    assert parameter.item() == 0.0
    assert descent.updates == 0
    assert descent.state_dict()["moments"] == {}


def test_non_finite_survives_the_way_out_of_a_process() -> None:
    error = pickle.loads(pickle.dumps(NonFinite("loss", math.inf, "update 3", "Lower learning_rate.")))
    assert (error.metric, error.value, str(error)) == ("loss", math.inf, str(error))
    assert "update 3" in str(error)


@pytest.mark.parametrize("kind", ["sgd", "momentum", "nesterov", "adam", "adamw"])
@pytest.mark.parametrize("bad_first", [True, False])
def test_the_device_skips_a_step_that_is_not_finite(kind: str, bad_first: bool) -> None:
    """Parameters, moments and torch's count of steps are those of a descent that never met the bad loss."""
    config = OptimizerConfig(kind=kind, max_norm=5.0)  # type: ignore[arg-type]
    clean, met = network(), network()
    clean_descent = Descent(clean.parameters(), config, guard="device")
    met_descent = Descent(met.parameters(), config, guard="device")
    for step in range(4):
        if step == (0 if bad_first else 2):
            met_descent.descend(loss_of(met, step).detach() * math.nan + 0 * loss_of(met, step))
        clean_descent.descend(loss_of(clean, step))
        met_descent.descend(loss_of(met, step))
    assert_same(parameters_of(met), parameters_of(clean))
    assert_same(met_descent.state_dict()["moments"], clean_descent.state_dict()["moments"])


def test_the_device_skips_a_gradient_norm_that_is_not_finite() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    descent = Descent([parameter], OptimizerConfig(max_norm=1.0), guard="device")
    measured = descent.descend(parameter.sqrt().sum())
    assert not math.isfinite(float(measured["gradient_norm"]))
    assert parameter.item() == 0.0


@pytest.mark.parametrize("centered", [False, True])
def test_without_a_fused_kernel_the_device_leaves_the_parameters_alone(centered: bool) -> None:
    met = network()
    descent = Descent(met.parameters(), OptimizerConfig(kind="rmsprop", centered=centered), guard="device")
    descent.descend(loss_of(met, 0))
    before = [parameter.clone() for parameter in parameters_of(met)]
    descent.descend(loss_of(met, 1).detach() * math.nan + 0 * loss_of(met, 1))
    assert_same(parameters_of(met), before)
    descent.descend(loss_of(met, 2))
    assert all(parameter.isfinite().all() for parameter in parameters_of(met))
    assert not torch.equal(parameters_of(met)[0], before[0])


def test_averaged_weights_by_hand_and_given_back() -> None:
    """With w = -1, -2 and beta .5 the average is (.25 * -1 + .5 * -2) / .75 = -5/3."""
    parameter, descent = single(0.0, kind="sgd", learning_rate=1.0, average=0.5)
    descent.descend(parameter.sum())
    with descent.averaged():
        assert parameter.item() == -1.0
    descent.descend(parameter.sum())
    with descent.averaged():
        assert parameter.item() == pytest.approx(-5 / 3)
    assert parameter.item() == -2.0


def test_without_an_average_the_weights_are_what_they_are() -> None:
    parameter, descent = single(3.0)
    with descent.averaged():
        assert parameter.item() == 3.0


def test_learning_works_with_every_kind() -> None:
    for kind in KINDS:
        net = network()
        config = OptimizerConfig(kind=kind, learning_rate=5e-3, decay=staircase(1.0, 0.5, 20))  # type: ignore[arg-type]
        descent = Descent(net.parameters(), config)
        first = loss_of(net, 0).item()
        for _ in range(40):
            descent.descend(loss_of(net, 0))
        assert loss_of(net, 0).item() < first / 2, kind


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"learning_rate": -0.1}, "learning_rate is -0.1"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"momentum": 1.0}, "momentum is 1.0"),
        ({"betas": (0.9, 1.5)}, r"betas\[1\] is 1.5"),
        ({"average": 1.0}, "average is 1.0"),
        ({"max_norm": 0.0}, "max_norm is 0.0"),
        ({"max_value": -1.0}, "max_value is -1.0"),
        ({"kind": "adam", "weight_decay": 0.1}, "only adamw decays.*kind is 'adam'"),
        ({"kind": "adamw", "l2": 0.1}, "l2 is 0.1"),
    ],
)
def test_refuses_settings_out_of_range_or_without_effect(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        OptimizerConfig(**settings)


def test_a_gradient_that_is_not_finite_is_caught_without_clipping() -> None:
    weights = nn.Parameter(torch.zeros(3))
    descent = Descent([weights], OptimizerConfig(kind="sgd"))
    with pytest.raises(NonFinite, match="gradient norm"):
        descent.descend(weights.square().sum().sqrt())  # the loss is 0, its slope there 0 / 0
    assert weights.tolist() == [0.0, 0.0, 0.0]
