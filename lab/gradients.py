"""Gradient checking: autograd against two-sided differences of the loss, parameter by parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from lab.seeding import global_generators, preserved_generators, set_global_generators

TOLERANCE = 1e-7  # greatest relative error of a gradient that counts as right
STEP_SIZES = (1e-3, 1e-4, 1e-5, 1e-6)  # of the differences, tried in turn until they settle
ROUNDING = 16 * torch.finfo(torch.float64).eps  # error of one evaluation of a loss, as a share of it
TINY = torch.finfo(torch.float64).tiny

Function = Callable[[nn.Module, Tensor], Tensor]


@dataclass(frozen=True)
class ParameterGradient:
    """How well autograd and differences of the loss agree on one parameter."""

    name: str
    relative_error: float  # the worst among the directions compared
    compared: int  # directions: single numbers of the parameter, and one through all of them
    kinks: int  # directions left out, because the loss has no derivative along them

    @property
    def passed(self) -> bool:
        return self.compared > 0 and self.relative_error < TOLERANCE

    def __str__(self) -> str:
        return (
            f"{'ok  ' if self.passed else 'FAIL'}  {self.name}: relative error {self.relative_error:.1e} "
            f"over {self.compared} directions, {self.kinks} left out at kinks"
        )


@dataclass(frozen=True)
class GradientReport:
    """The gradients of a loss; as text, a line a parameter."""

    parameters: tuple[ParameterGradient, ...]
    most_kinks: float  # the share of directions that may be left out

    @property
    def compared(self) -> int:
        return sum(parameter.compared for parameter in self.parameters)

    @property
    def kinks(self) -> int:
        return sum(parameter.kinks for parameter in self.parameters)

    @property
    def passed(self) -> bool:
        few_kinks = self.kinks <= self.most_kinks * (self.compared + self.kinks)
        return few_kinks and all(parameter.passed for parameter in self.parameters)

    def __str__(self) -> str:
        return "\n".join(map(str, self.parameters))


def check_gradients(
    module: nn.Module,
    loss: Callable[[nn.Module], Tensor],
    *,
    directions: int | None = None,
    most_kinks: float = 0.1,
    seed: int = 0,
) -> GradientReport:
    """Compares autograd with two-sided differences of the loss, in float64 with dropout off.

    `loss(module)` is a scalar, regularisation included, computed from float64 inputs. Of each parameter,
    `directions` single numbers are varied (all by default), and all at once along one random direction, which
    no wrong number escapes. An error is relative to the largest gradient in the parameter, or to the least that
    float64 resolves to 1e-7 where that is greater. Along some directions ReLU or max-pooling leave no
    derivative to compare; they are counted, and no more than the share `most_kinks` may be.
    """
    with preserved_generators():
        model = steady(module)
        torch.manual_seed(seed)
        score = replayed(lambda part, _: loss(part))
        generator = torch.Generator().manual_seed(seed)

        def evaluate() -> Tensor:
            return score(model, torch.empty(0))

        value = evaluate()
        if value.dtype != torch.float64 or value.ndim or not value.isfinite():
            raise ValueError(
                f"The loss is {value.detach()} ({value.dtype}), but differences need a finite scalar of 16 digits. "
                "The module is in float64 already: compute the loss from inputs.double(), and take its mean."
            )
        if evaluate() != value:
            raise ValueError(
                "The loss gave two values for the same parameters, so its differences say nothing about its slope. "
                "Draw its random numbers from torch's global generator, which is replayed, or not at all."
            )
        named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        gradients = derivatives(value, list(named.values()))
        return GradientReport(
            tuple(
                compare(name, parameter, gradient, evaluate, ways(parameter, directions, generator))
                for (name, parameter), gradient in zip(named.items(), gradients)
            ),
            most_kinks,
        )


def ways(parameter: Tensor, directions: int | None, generator: torch.Generator) -> Iterator[Tensor]:
    """Directions of length 1 in which a parameter is varied: along single numbers, and through all of them."""
    through = torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(parameter)
    yield through / through.norm()
    for i in torch.randperm(parameter.numel(), generator=generator)[:directions]:
        along = torch.zeros_like(parameter).flatten()
        along[i] = 1.0
        yield along.view_as(parameter)


def compare(
    name: str,
    parameter: nn.Parameter,
    gradient: Tensor,
    evaluate: Callable[[], Tensor],
    directions: Iterator[Tensor],
) -> ParameterGradient:
    start = parameter.detach().clone()
    largest = float(gradient.abs().max())
    errors, kinks = [], 0
    for direction in directions:

        def loss_at(distance: float, direction: Tensor = direction) -> float:
            with torch.no_grad():
                parameter.copy_(start + distance * direction)
            return float(evaluate().detach())

        found = settled_slope(loss_at, largest)
        if found is None:
            kinks += 1
            continue
        slope, resolved = found
        error = abs(float((gradient * direction).sum()) - slope)
        errors.append(error / max(largest, abs(slope), resolved))
    with torch.no_grad():
        parameter.copy_(start)
    return ParameterGradient(name, max(errors, default=0.0), len(errors), kinks)


def settled_slope(loss_at: Callable[[float], float], scale: float) -> tuple[float, float] | None:
    """The slope at 0, and the least slope that rounding lets one tell to 1e-7; None where there is a kink.

    Two-sided differences over a step and its half must agree, and so must what one-sided slopes say of the
    curvature: at a kink they stay apart however small the step. Steps shrink until both do, because a kink
    nearby is out of reach of a smaller step, while rounding is least in a larger one. The two differences are
    then joined so that their errors of second order cancel (Richardson 1911).
    """
    middle = loss_at(0.0)
    for step in STEP_SIZES:
        up, half_up, half_down, down = (loss_at(step * share) for share in (1, 0.5, -0.5, -1))
        wide, narrow = (up - down) / (2 * step), (half_up - half_down) / step
        wide_bend, narrow_bend = (up - 2 * middle + down) / step, (half_up - 2 * middle + half_down) / step
        slope = (4 * narrow - wide) / 3
        rounding = ROUNDING * max(abs(middle), abs(up), abs(down), TINY) / step
        unsettled = max(abs(wide - narrow), abs(wide_bend - 4 * narrow_bend))
        if unsettled <= max(TOLERANCE * max(scale, abs(slope)), rounding):
            return slope, rounding / TOLERANCE
    return None


def steady(module: nn.Module, *, training: bool = True, batch_norm: bool = True, double: bool = True) -> nn.Module:
    """A copy with dropout off; `batch_norm` says whether batch norm may look at the batch while training."""
    copy = deepcopy(module).train(training)
    for part in copy.modules():
        if isinstance(part, _DropoutNd) or (isinstance(part, _BatchNorm) and not batch_norm):
            part.eval()
        elif isinstance(part, nn.RNNBase | nn.MultiheadAttention):
            part.dropout = 0.0  # a number inside these, not a module
    return copy.double() if double else copy


def replayed(function: Function) -> Function:
    """The function, but every call draws the same random numbers and leaves the module's buffers as they were.

    So only the parameters and the inputs can make two results differ, not noise nor running statistics.
    """
    generators = global_generators()

    def call(module: nn.Module, inputs: Tensor) -> Tensor:
        kept = [(part, dict(part._buffers)) for part in module.modules()]
        for part, buffers in kept:
            # copies to write on, because autograd refuses to go back through a buffer that is restored in place
            part._buffers.update({k: None if v is None else v.clone() for k, v in buffers.items()})
        set_global_generators(generators)
        result = function(module, inputs)
        for part, buffers in kept:
            part._buffers.update(buffers)
        return result

    return call


def derivatives(value: Tensor, parameters: list[nn.Parameter]) -> list[Tensor]:
    """Autograd's gradient in each parameter, zeros where the loss does not depend on it."""
    if not value.requires_grad:
        return [torch.zeros_like(parameter) for parameter in parameters]
    gradients = torch.autograd.grad(value, parameters, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients)]
