"""The questions of the probe, each a function that answers with a Check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lab.gradients import Function, check_gradients, derivatives, steady
from lab.probe.expectation import Expectation

NEGLIGIBLE = 1e-13  # a gradient smaller than the largest by this factor is rounding, not signal
SAME = 1e-10  # outputs that differ by less than this share of the largest are the same
EXAMPLES = 8  # so many of the batch are looked at one by one, at most
CUTS = 16  # so many moments divide past from future, at most


@dataclass(frozen=True)
class Check:
    """One question put to a model: whether the answer is good, and what was found."""

    name: str
    passed: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.passed else 'FAIL'}  {self.name}: {self.detail}"


def finite_outputs(outputs: Tensor, num_examples: int) -> Check:
    shape, finite = list(outputs.shape), bool(outputs.isfinite().all())
    fits = outputs.ndim > 0 and len(outputs) == num_examples
    detail = f"shape {shape} for {num_examples} examples, {'all finite' if finite else 'some NaN or infinite'}"
    return Check("outputs are finite, one an example", finite and fits, detail)


def right_labels(labels: Tensor, label_range: tuple[float, float]) -> Check:
    """Whether the labels, NaN where missing, are such as the loss is made for: outside, some have no least value."""
    least, most = labels[~labels.isnan()].aminmax()
    lowest, highest = label_range
    detail = f"they go from {float(least):g} to {float(most):g}, the loss is made for {lowest:g} to {highest:g}"
    return Check("labels are in range", lowest <= float(least) <= float(most) <= highest, detail)


def loss_at_the_start(loss: float, expected: Expectation) -> Check:
    """Whether the loss begins where a model does that knows nothing."""
    penalty = expected.penalty
    low, high = expected.low + penalty, expected.high + penalty
    reason = expected.reason + (f" and {penalty:.2g} of penalties" if penalty else "")
    detail = f"{loss:.2f}, expected {expected.loss + penalty:.2f} ({reason}); {low:.2f} to {high:.2f} is near enough"
    return Check("loss at the start", low <= loss <= high, detail)


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


def right_gradients(module: nn.Module, loss: Function, inputs: Tensor, directions: int, seed: int) -> Check:
    report = check_gradients(module, lambda part: loss(part, inputs), directions=directions, seed=seed)
    wrong = [str(parameter) for parameter in report.parameters if not parameter.passed]
    worst = max(report.parameters, key=lambda parameter: parameter.relative_error)
    detail = (
        f"worst relative error {worst.relative_error:.1e} in {worst.name}; {report.compared} directions compared, "
        f"{report.kinks} left out at kinks (at most {report.most_kinks:.0%} may be)"
    )
    return Check("gradients are right", report.passed, "\n      ".join([detail, *wrong]))


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
        if before.ndim < 2 or before.shape[1] not in (num_steps, num_steps - 1):
            raise ValueError(
                f"The probe was asked about order in outputs of shape {list(before.shape)} for inputs of shape "
                f"{list(inputs.shape)}, whose steps do not match. Hand in `outputs` that give every step: [B, T, ...]."
            )
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
