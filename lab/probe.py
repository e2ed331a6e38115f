"""The probe: what every model must pass before its results mean anything.

`probe` asks whether outputs are finite, gradients reach every parameter, autograd agrees with differences of
the loss, examples stay apart, order is kept where it must be, and one batch can be learnt by heart.
`check_gradients` is its third question alone, for any loss. Both work on copies and leave the module alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from lab.seeding import preserved_generators

TOLERANCE = 1e-7  # greatest relative error of a gradient that counts as right
STEP_SIZES = (1e-3, 1e-4, 1e-5, 1e-6)  # of the differences, tried in turn until they settle
ROUNDING = 16 * torch.finfo(torch.float64).eps  # error of one evaluation of a loss, as a share of it
NEGLIGIBLE = 1e-13  # a gradient smaller than the largest by this factor is rounding, not signal
SAME = 1e-10  # outputs that differ by less than this share of the largest are the same
EXAMPLES = 8  # so many of the batch are looked at one by one, at most
CUTS = 16  # so many moments divide past from future, at most

Function = Callable[[nn.Module, Tensor], Tensor]


@dataclass(frozen=True)
class Check:
    """One question put to a model: whether the answer is good, and what was found."""

    name: str
    passed: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.passed else 'FAIL'}  {self.name}: {self.detail}"


@dataclass(frozen=True)
class Report:
    """All that the probe found; as text, a line a check."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def __str__(self) -> str:
        return "\n".join(map(str, self.checks))


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


def probe(
    module: nn.Module,
    inputs: Tensor,
    loss: Function,
    *,
    outputs: Function | None = None,
    causal: bool = False,
    directions: int = 3,  # numbers of each parameter whose gradient is checked, besides one direction through all
    overfit_steps: int = 300,  # updates of Adam
    overfit_learning_rate: float = 3e-3,
    overfit_to: float = 0.1,  # share of the first loss to be reached
    seed: int = 0,
) -> Report:
    """Puts every question to a model, with dropout off.

    inputs [B, ...], at least two different examples. `loss(module, inputs)` is a scalar with a least value near
    0, regularisation included. `outputs(module, inputs)`, by default `module(inputs)`, is [B, ...]; where
    `causal` asks that output t depends on the inputs up to t alone, inputs and outputs are [B, T, ...]. (For an
    order in which t must not see itself, as in PixelCNN, hand in the outputs from the second on.)
    """
    if len(inputs) < 2 or bool((inputs == inputs[:1]).all()):
        raise ValueError(
            f"The probe was given inputs of shape {list(inputs.shape)} that hold no two different examples, so "
            "it cannot see whether one leaks into another. Give a batch of at least two that differ."
        )
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise ValueError(
            f"{type(module).__name__} has no parameter that takes gradients, so there is nothing to probe. "
            "Put it into a model that learns, or thaw its parameters."
        )
    exact = inputs.double() if inputs.is_floating_point() else inputs
    call = replayed(outputs or (lambda module, inputs: module(inputs)), seed)
    with preserved_generators():
        checks = [finite_outputs(call(steady(module), exact), len(exact))]
        if not checks[0].passed:
            return Report(tuple(checks))  # every other answer would only repeat this one
        checks += [
            reached_parameters(steady(module), replayed(loss, seed), exact),
            right_gradients(module, loss, exact, directions, seed),
            separate_examples(module, call, exact[:EXAMPLES]),
        ]
        if causal:
            checks.append(kept_order(module, call, exact[:EXAMPLES]))
        learner = steady(module, double=False)
        optimizer = torch.optim.Adam(learner.parameters(), lr=overfit_learning_rate)
        score = replayed(loss, seed)
        checks.append(learnt_by_heart(lambda: score(learner, inputs), optimizer, overfit_steps, overfit_to))
    return Report(tuple(checks))


def replayed(function: Function, seed: int) -> Function:
    """The function, but every call draws the same random numbers and leaves the module's buffers as they were.

    So only the parameters and the inputs can make two results differ, not noise nor running statistics.
    """

    def call(module: nn.Module, inputs: Tensor) -> Tensor:
        kept = [(part, dict(part._buffers)) for part in module.modules()]
        for part, buffers in kept:
            # copies to write on, because autograd refuses to go back through a buffer that is restored in place
            part._buffers.update({k: None if v is None else v.clone() for k, v in buffers.items()})
        torch.manual_seed(seed)
        result = function(module, inputs)
        for part, buffers in kept:
            part._buffers.update(buffers)
        return result

    return call


def steady(module: nn.Module, *, training: bool = True, batch_norm: bool = True, double: bool = True) -> nn.Module:
    """A copy with dropout off; `batch_norm` says whether batch norm may look at the batch while training."""
    copy = deepcopy(module).train(training)
    for part in copy.modules():
        if isinstance(part, _DropoutNd) or (isinstance(part, _BatchNorm) and not batch_norm):
            part.eval()
        elif isinstance(part, nn.RNNBase | nn.MultiheadAttention):
            part.dropout = 0.0  # a number inside these, not a module
    return copy.double() if double else copy


def finite_outputs(outputs: Tensor, num_examples: int) -> Check:
    shape, finite = list(outputs.shape), bool(outputs.isfinite().all())
    fits = outputs.ndim > 0 and len(outputs) == num_examples
    detail = f"shape {shape} for {num_examples} examples, {'all finite' if finite else 'some NaN or infinite'}"
    return Check("outputs are finite, one an example", finite and fits, detail)


def reached_parameters(module: nn.Module, loss: Function, inputs: Tensor) -> Check:
    """Whether the loss has a finite gradient other than zero in every parameter that is not frozen."""
    named = {name: p for name, p in module.named_parameters() if p.requires_grad}
    num_frozen = len(list(module.parameters())) - len(named)
    value = loss(module, inputs)
    gradients = derivatives(value, list(named.values()))
    largest = max(float(gradient.abs().max()) for gradient in gradients if gradient.numel())
    dead = [
        name
        for name, gradient in zip(named, gradients)
        if not gradient.isfinite().all() or float(gradient.abs().max()) <= NEGLIGIBLE * largest
    ]
    detail = f"{len(named) - len(dead)} of {len(named)} parameters have one, {num_frozen} are frozen"
    if dead:
        detail += f"; none or not finite: {', '.join(dead)}"
    return Check("gradients reach every parameter", not dead, detail)


def derivatives(value: Tensor, parameters: list[nn.Parameter]) -> list[Tensor]:
    """Autograd's gradient in each parameter, zeros where the loss does not depend on it."""
    if not value.requires_grad:
        return [torch.zeros_like(parameter) for parameter in parameters]
    gradients = torch.autograd.grad(value, parameters, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients)]


def right_gradients(module: nn.Module, loss: Function, inputs: Tensor, directions: int, seed: int) -> Check:
    report = check_gradients(module, lambda part: loss(part, inputs), directions=directions, seed=seed)
    wrong = [str(parameter) for parameter in report.parameters if not parameter.passed]
    worst = max(report.parameters, key=lambda parameter: parameter.relative_error)
    detail = (
        f"worst relative error {worst.relative_error:.1e} in {worst.name}; {report.compared} directions compared, "
        f"{report.kinks} left out at kinks (at most {report.most_kinks:.0%} may be)"
    )
    return Check("gradients are right", report.passed, "\n      ".join([detail, *wrong]))


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
        score = replayed(lambda part, _: loss(part), seed)
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
        rounding = ROUNDING * abs(middle) / step
        unsettled = max(abs(wide - narrow), abs(wide_bend - 4 * narrow_bend))
        if unsettled <= max(TOLERANCE * max(scale, abs(slope)), rounding):
            return slope, rounding / TOLERANCE
    return None


def separate_examples(module: nn.Module, call: Function, inputs: Tensor) -> Check:
    """Whether another example's values in place of one change the outputs of any other."""
    leaks, moves = [], 0.0
    for training in (False, True):
        model = steady(module, training=training, batch_norm=False)
        before = call(model, inputs)
        for i in range(len(inputs)):
            changed = inputs.clone()
            changed[i] = inputs[i - 1]
            change = difference(before, call(model, changed)).flatten(1).amax(1)
            moves = max(moves, float(change[i]))
            change[i] = 0.0
            if float(change.max()) > SAME:
                leaks.append(f"{i} into {int(change.argmax())} {'while training' if training else 'in evaluation'}")
    num_batch_norms = sum(isinstance(part, _BatchNorm) for part in module.modules())
    detail = f"{len(inputs)} examples replaced in turn, the others stayed as they were"
    if leaks:
        detail = f"example {'; '.join(leaks)}"
    elif moves <= SAME:
        detail = "the outputs do not depend on the inputs at all"
    if num_batch_norms:
        detail += f" ({num_batch_norms} batch norms held still: while training they mix examples by design)"
    return Check("no example leaks into another", not leaks and moves > SAME, detail)


def kept_order(module: nn.Module, call: Function, inputs: Tensor) -> Check:
    """Whether other values after a moment change the outputs up to it."""
    num_steps = inputs.shape[1]
    if num_steps < 2:
        raise ValueError(
            f"The probe was asked about order in inputs of shape {list(inputs.shape)}, which have {num_steps} step "
            "along axis 1, and so no future. Give sequences [B, T, ...] of at least two steps."
        )
    others, leaks = inputs.roll(1, 0), []
    cuts = torch.linspace(1, num_steps - 1, min(CUTS, num_steps - 1)).long().tolist()
    for training in (False, True):
        model = steady(module, training=training, batch_norm=False)
        before = call(model, inputs)
        for cut in cuts:
            after = call(model, torch.cat([inputs[:, :cut], others[:, cut:]], 1))
            past = difference(before, after)[:, :cut].flatten(2).amax((0, 2))
            if float(past.max()) > SAME:
                leaks.append(f"inputs from {cut} on reach output {int(past.argmax())}")
    detail = "; ".join(dict.fromkeys(leaks)) or f"the future replaced at {len(cuts)} moments, the past stayed"
    return Check("order is kept", not leaks, detail)


def difference(before: Tensor, after: Tensor) -> Tensor:
    """How far outputs moved, as a share of the largest; a trailing axis is added so that [B] and [B, T] fit too."""
    moved = (after - before).detach().abs() / before.detach().abs().max().clamp_min(SAME)
    return moved.nan_to_num(nan=float("inf"))[..., None]


def learnt_by_heart(loss: Callable[[], Tensor], optimizer: torch.optim.Optimizer, steps: int, share: float) -> Check:
    """Whether a few updates on one batch bring its loss down to a share of the first."""
    first = last = float(loss().detach())
    for done in range(steps + 1):
        value = loss()
        last = float(value.detach())
        if last <= share * first or done == steps:
            break
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    detail = f"the loss went from {first:.4g} to {last:.4g} in {done} updates (wanted: {share:.0%} of it)"
    if first <= 0:
        detail = f"the first loss is {first:.4g}, of which no share can be reached: add what its best value lacks"
    return Check("one batch is learnt by heart", first > 0 and last <= share * first, detail)
