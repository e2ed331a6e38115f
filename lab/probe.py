"""The probe: what every model must pass before its results mean anything.

It asks whether outputs are finite, gradients reach every parameter, autograd agrees with differences of the
loss, examples stay apart, order is kept where it must be, and one batch can be learnt by heart. All questions
are put to copies: the module is left as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lab.gradients import Function, check_gradients, derivatives, replayed, steady
from lab.seeding import preserved_generators

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


@dataclass(frozen=True)
class Case:
    """What `probe` takes of a model in training."""

    module: nn.Module
    inputs: Tensor  # [B, ...]
    loss: Function  # (module, inputs) -> scalar, with a least value near 0


@runtime_checkable
class Probed(Protocol):
    """A trial whose model can be probed: `lab probe` does."""

    def probe_case(self) -> Case:
        """The model with a few examples and the loss it learns from."""
        ...


@dataclass(frozen=True)
class Report:
    """All that the probe found; as text, a line a check."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def __str__(self) -> str:
        return "\n".join(map(str, self.checks))


def probe(
    module: nn.Module,
    inputs: Tensor,
    loss: Function,
    *,
    outputs: Function | None = None,
    causal: bool = False,
    directions: int = 3,  # numbers of each parameter whose gradient is checked, besides one direction through all
    overfit_steps: int = 500,  # updates of Adam
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
    with preserved_generators():
        torch.manual_seed(seed)
        call, score = replayed(outputs or (lambda module, inputs: module(inputs))), replayed(loss)
        checks = [finite_outputs(call(steady(module), exact), len(exact))]
        if not checks[0].passed:
            return Report(tuple(checks))  # every other answer would only repeat this one
        checks += [
            reached_parameters(steady(module), score, exact),
            right_gradients(module, loss, exact, directions, seed),
            separate_examples(module, call, exact[:EXAMPLES]),
        ]
        if causal:
            checks.append(kept_order(module, call, exact[:EXAMPLES]))
        learner = steady(module, double=False)
        optimizer = torch.optim.Adam(learner.parameters(), lr=overfit_learning_rate)
        checks.append(learnt_by_heart(lambda: score(learner, inputs), optimizer, overfit_steps, overfit_to))
    return Report(tuple(checks))


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
