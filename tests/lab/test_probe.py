"""The probe finds planted faults, and nothing in sound models."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.probe import Check, Report, probe

LABELS = torch.tensor([0, 1, 2, 0, 1])


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def cross_entropy(module: nn.Module, inputs: Tensor) -> Tensor:
    return F.cross_entropy(module(inputs), LABELS)


def answers(report: Report) -> dict[str, bool]:
    return {check.name: check.passed for check in report.checks}


def network(*layers: nn.Module) -> nn.Sequential:
    """Without a bias before the layers, because batch norm would cancel it."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16, bias=False), *layers, nn.Linear(16, 3))


def failures(module: nn.Module, **settings: Any) -> list[str]:
    report = probe(module, drawn(5, 4), cross_entropy, overfit_learning_rates=(1e-2,), **settings)
    assert not report.passed
    return [check.name for check in report.checks if not check.passed]


class WrongTanh(torch.autograd.Function):
    """Its slope is taken for 1 - tanh(x) ** 3 instead of 1 - tanh(x) ** 2."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        outputs = inputs.tanh()
        ctx.save_for_backward(outputs)
        return outputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (outputs,) = ctx.saved_tensors
        return gradient * (1 - outputs**3)


class NearlyRight(torch.autograd.Function):
    """Its gradient is a millionth too large."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        return inputs.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * (1 + 1e-6)


class Layer(nn.Module):
    """A function as a layer; `only_training` applies it while training alone."""

    def __init__(self, function: Any, only_training: bool = False):
        super().__init__()
        self.function, self.only_training = function, only_training

    def forward(self, inputs: Tensor) -> Tensor:
        return self.function(inputs) if self.training or not self.only_training else inputs


@pytest.mark.parametrize(
    "layers", [(nn.ReLU(),), (nn.Sigmoid(),), (nn.Dropout(0.5), nn.Tanh()), (nn.BatchNorm1d(16), nn.GELU())], ids=str
)
def test_a_sound_model_passes(layers):
    report = probe(network(*layers), drawn(5, 4), cross_entropy, overfit_learning_rates=(1e-2,))
    assert report.passed, f"\n{report}"
    assert len(report.checks) == 5


@pytest.mark.parametrize("wrong", [WrongTanh.apply, NearlyRight.apply])
def test_a_wrong_gradient_is_found(wrong):
    assert failures(network(Layer(wrong)), overfit_to=0.9) == ["gradients are right"]


def test_a_detached_parameter_is_found_twice():
    """Autograd sees no dependence, and the differences do."""

    class Detached(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            return F.linear(inputs, self.weight.detach(), self.bias)

    torch.manual_seed(0)
    model = nn.Sequential(Detached(4, 16), nn.Tanh(), nn.Linear(16, 3))
    report = probe(model, drawn(5, 4), cross_entropy)
    assert not answers(report)["gradients reach every parameter"]
    assert not answers(report)["gradients are right"]
    assert "0.weight" in report.checks[1].detail


def test_a_dead_parameter_is_found():
    model = network(nn.Tanh())
    model[0].register_parameter("unused", nn.Parameter(torch.ones(3)))
    assert failures(model) == ["gradients reach every parameter"]


def test_a_bias_that_batch_norm_cancels_is_dead_unless_it_is_frozen():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 3))
    dead = probe(model, drawn(5, 4), cross_entropy).checks[1]
    assert not dead.passed
    assert dead.detail == "5 of 6 parameters have one, 0 are frozen; none or not finite: 0.bias"
    model[0].bias.requires_grad_(False)
    report = probe(model, drawn(5, 4), cross_entropy)
    assert report.passed
    assert report.checks[1].detail == "5 of 5 parameters have one, 1 are frozen"


@pytest.mark.parametrize("only_training", [False, True])
def test_a_batch_mean_that_leaks_is_found(only_training):
    leaking = Layer(lambda x: x - x.mean(0), only_training)
    assert "no example leaks into another" in failures(network(leaking, nn.Tanh()))


def test_a_neighbour_that_leaks_is_found():
    leaking = Layer(lambda x: x + 1e-6 * x.roll(1, 0))
    report = probe(network(leaking, nn.Tanh()), drawn(5, 4), cross_entropy)
    assert [check.name for check in report.checks if not check.passed] == ["no example leaks into another"]
    assert "0 into 1 in evaluation" in report.checks[3].detail


def test_batch_norm_is_reported_and_not_counted_as_a_leak():
    leak = probe(network(nn.BatchNorm1d(16), nn.Tanh()), drawn(5, 4), cross_entropy).checks[3]
    assert leak.passed
    assert "1 batch norms held still: while training they mix examples" in leak.detail


def test_outputs_that_ignore_the_inputs_are_found():
    report = probe(network(Layer(torch.zeros_like)), drawn(5, 4), cross_entropy)
    assert "do not depend on the inputs" in report.checks[3].detail
    assert not report.checks[3].passed


class Attention(nn.Module):
    """One head over [B, T, 4]; `causal` is said to be and `masked` is whether it is."""

    def __init__(self, masked: bool):
        super().__init__()
        torch.manual_seed(0)
        self.masked = masked
        self.project, self.head = nn.Linear(4, 24), nn.Linear(8, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        query, key, value = self.project(inputs).chunk(3, -1)
        return self.head(F.scaled_dot_product_attention(query, key, value, is_causal=self.masked))


def steps_loss(module: nn.Module, inputs: Tensor) -> Tensor:
    return F.cross_entropy(module(inputs).mean(1), LABELS)


def test_attention_that_sees_the_future_is_found():
    # the bias of the keys moves all scores of a query alike: it is part of one matrix here, so it is not dead
    report = probe(Attention(masked=False), drawn(5, 6, 4), steps_loss, causal=True)
    assert not answers(report)["order is kept"]
    assert "inputs from 5 on reach output" in report.checks[4].detail
    report = probe(Attention(masked=True), drawn(5, 6, 4), steps_loss, causal=True)
    assert answers(report)["order is kept"]


def test_a_glimpse_of_the_future_late_in_the_sequence_is_found():
    def glimpse(inputs: Tensor) -> Tensor:
        return torch.cat([inputs[:, :3], inputs[:, 3:4] + 1e-6 * inputs[:, 5:], inputs[:, 4:]], 1)

    report = probe(nn.Sequential(Layer(glimpse), nn.Linear(4, 3)), drawn(5, 6, 4), steps_loss, causal=True)
    assert report.checks[4].detail == "inputs from 4 on reach output 3; inputs from 5 on reach output 3"
    assert not report.checks[4].passed


def test_a_strict_order_is_checked_on_outputs_from_the_second_on():
    """Output t of this model sees the inputs before t alone; a model that sees input t as well is caught."""
    model = nn.Linear(4, 3)

    def shifted(module: nn.Module, inputs: Tensor) -> Tensor:
        return module(F.pad(inputs, (0, 0, 1, 0))[:, :-1])[:, 1:]

    def inclusive(module: nn.Module, inputs: Tensor) -> Tensor:
        return module(inputs)[:, 1:]

    for outputs, kept in ((shifted, True), (inclusive, False)):
        report = probe(model, drawn(5, 6, 4), steps_loss, outputs=outputs, causal=True)
        assert answers(report)["order is kept"] is kept


def test_tokens_are_replaced_by_other_tokens():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 8), nn.GRU(8, 16, batch_first=True), Layer(lambda x: x[0]), nn.Linear(16, 3))
    tokens = torch.randint(7, (5, 6), generator=torch.Generator().manual_seed(0))
    report = probe(model, tokens, steps_loss, causal=True)
    assert report.passed, f"\n{report}"


def test_a_model_that_cannot_learn_the_batch_is_found():
    """Its outputs are the same for every example of equal sign pattern: two different labels share one."""
    torch.manual_seed(0)
    model = nn.Sequential(Layer(lambda x: x.clamp(-1e-3, 1e-3)), nn.Linear(4, 3))
    report = probe(model, drawn(5, 4), cross_entropy, overfit_steps=100)
    assert not answers(report)["one batch is learnt by heart"]
    assert "in 100 updates" in report.checks[-1].detail


def test_nan_outputs_are_found_and_end_the_probe():
    report = probe(network(Layer(lambda x: (x - 100).log())), drawn(5, 4), cross_entropy)
    assert answers(report) == {"outputs are finite, one an example": False}
    assert "some NaN or infinite" in report.checks[0].detail


def test_outputs_of_another_batch_size_are_found():
    report = probe(network(Layer(lambda x: x.flatten()[None, :16])), drawn(5, 4), cross_entropy)
    assert answers(report) == {"outputs are finite, one an example": False}
    assert "shape [1, 3] for 5 examples" in report.checks[0].detail


def test_the_module_and_the_generators_are_left_alone():
    model = network(nn.BatchNorm1d(16), nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    generator = torch.get_rng_state()
    probe(model, drawn(5, 4), cross_entropy)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(part.training for part in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_impossible_questions_are_refused():
    with pytest.raises(ValueError, match=r"shape \[1, 4\].*at least two that differ"):
        probe(network(), drawn(1, 4), cross_entropy)
    with pytest.raises(ValueError, match="no two different examples"):
        probe(network(), torch.zeros(5, 4), cross_entropy)
    with pytest.raises(ValueError, match="no parameter that takes gradients"):
        probe(nn.Tanh(), drawn(5, 4), cross_entropy)
    with pytest.raises(ValueError, match=r"outputs of shape \[5, 3\].*steps do not match"):
        probe(Attention(masked=True), drawn(5, 6, 4), steps_loss, causal=True, outputs=lambda m, x: m(x)[:, 0])
    with pytest.raises(ValueError, match=r"1 step along axis 1, and so no future"):
        probe(Attention(masked=True), drawn(5, 1, 4), steps_loss, causal=True)


def test_reports_read_a_line_a_check():
    report = Report((Check("first", True, "all well"), Check("second", False, "not so")))
    assert str(report) == "ok    first: all well\nFAIL  second: not so"
    assert not report.passed


def test_a_network_that_only_learns_slowly_is_given_the_lower_rate() -> None:
    class Steep(nn.Module):
        """100 w x: where a step of 0.01 goes from one side of the valley to the other."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4, 3))

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs @ (100 * self.weight)

    wanted = drawn(5, 3)
    inputs = torch.eye(5, 4)
    inputs[4] = 0.5 * inputs[0]
    wanted[4] = 0.5 * wanted[0]

    def loss(module: nn.Module, inputs: Tensor) -> Tensor:
        return (module(inputs) - wanted).square().mean()

    steps = {"directions": 1, "overfit_steps": 60}
    fast = answers(probe(Steep(), inputs, loss, overfit_learning_rates=(1.0,), **steps))
    both = answers(probe(Steep(), inputs, loss, overfit_learning_rates=(1.0, 3e-3), **steps))
    assert not fast.pop("one batch is learnt by heart")
    assert both.pop("one batch is learnt by heart")
    assert fast == both
