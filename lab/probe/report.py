"""Putting all questions of the probe to a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from lab.gradients import Function, replayed, steady
from lab.probe.checks import (
    EXAMPLES,
    Check,
    finite_outputs,
    kept_order,
    learnt_by_heart,
    loss_at_the_start,
    reached_parameters,
    right_gradients,
    right_labels,
    separate_examples,
)
from lab.probe.expectation import Expectation
from lab.seeding import preserved_generators


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
    expected: Expectation | None = None,
    directions: int = 3,  # numbers of each parameter whose gradient is checked, besides one direction through all
    overfit_steps: int = 500,  # updates at each rate
    overfit_learning_rates: tuple[float, ...] = (3e-3, 3e-4),  # of Adam; large networks want the lower one
    overfit_to: float = 0.1,  # share of the first loss to be reached
    seed: int = 0,
    tell: Callable[[Check], None] = lambda check: None,
) -> Report:
    """Puts every question to a model, with dropout off, and tells each answer as soon as it is there.

    inputs [B, ...], at least two different examples. `loss(module, inputs)` is a scalar with a least value near
    0, regularisation included. `outputs(module, inputs)`, by default `module(inputs)`, is [B, ...]; where
    `causal` asks that output t depends on the inputs up to t alone, inputs and outputs are [B, T, ...]. (For an
    order in which t must not see itself, as in PixelCNN, hand in the outputs from the second on.) `expected` says
    what the loss should be as the model is handed in, and of which labels.
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
        checks: list[Check] = []

        def passed(check: Check) -> bool:
            checks.append(check)
            tell(check)
            return check.passed

        if not passed(finite_outputs(call(steady(module), exact), len(exact))):
            return Report(tuple(checks))  # every other answer would only repeat this one
        if expected is not None:
            if expected.labels is not None and not passed(right_labels(expected.labels, expected.label_range)):
                return Report(tuple(checks))  # the loss of such labels need not even have a value
            passed(loss_at_the_start(float(score(steady(module), exact).detach()), expected))
        passed(reached_parameters(steady(module), score, exact))
        passed(right_gradients(module, loss, exact, directions, seed))
        passed(separate_examples(module, call, exact[:EXAMPLES]))
        if causal:
            passed(kept_order(module, call, exact[:EXAMPLES]))
        for rate in overfit_learning_rates:
            learner = steady(module, double=False)
            optimizer = torch.optim.Adam(learner.parameters(), lr=rate)
            by_heart = learnt_by_heart(partial(score, learner, inputs), optimizer, overfit_steps, overfit_to)
            if by_heart.passed:
                break
        passed(by_heart)
    return Report(tuple(checks))
