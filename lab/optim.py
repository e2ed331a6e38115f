"""Optimisation: from a loss to changed parameters, with decay, clipping, penalties, averaged weights."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import unwrap
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lab import parallel
from lab.averages import WeightedAverage
from lab.ranges import check_choices
from lab.schedules import Schedule
from lab.trial import Metrics, State

_PASSED_OVER = "__dynamo_disable"  # as torch._compile calls it
_FUSED_DEVICES = frozenset({"cpu", "cuda", "mps", "xpu"})  # where torch has fused SGD, Adam and AdamW


class NonFinite(ArithmeticError):
    """A number that would have destroyed the parameters, caught before they took it."""

    def __init__(self, metric: str, value: float, where: str, fix: str):
        super().__init__(metric, value, where, fix)  # all of them, so that it survives the way out of a process
        self.metric = metric
        self.value = value
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        return (
            f"{self.metric} is {self.value} at {self.where}: a step along it would make the parameters not "
            f"finite as well, so it was not taken. {self.fix}"
        )


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How parameters descend a loss.

    Penalties and decays act on weights (two axes or more: matrices, kernels, embeddings) and leave biases and
    the gains of norms alone. They are added after clipping and are not part of the loss that is reported.
    """

    kind: Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"] = "adam"  # the rule
    learning_rate: float = 1e-3  # before decay
    decay: Schedule = Schedule()  # multiplies the learning rate; its step is one update
    momentum: float = 0.9  # in [0, 1); momentum and nesterov
    smoothing: float = 0.99  # in [0, 1); rmsprop's average of squared gradients
    centered: bool = False  # rmsprop: divide by the deviation from the average gradient
    betas: tuple[float, float] = (0.9, 0.999)  # adam, adamw: each in [0, 1), for gradient and square
    epsilon: float = 1e-8  # keeps rmsprop, adam and adamw from dividing by zero
    l1: float = 0.0  # adds l1 * sum |w| to what is descended
    l2: float = 0.0  # adds l2 / 2 * sum w^2 to what is descended (torch calls it weight_decay)
    weight_decay: float = 0.0  # adamw: shrinks weights by learning rate * this, apart from the gradient
    max_norm: float | None = None  # gradients together are scaled down to this norm; none: not measured
    max_value: float | None = None  # then each element of a gradient is clipped to +- this
    average: float | None = None  # in [0, 1): memory (beta) of an average of the parameters; none: no average

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range or would have no effect."""
        check_choices(self)
        for name in ("learning_rate", "epsilon", "l1", "l2", "weight_decay"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(
                    f"{name} is {value}, which turns descent into ascent or nonsense. Set it to 0 or more."
                )
        rates = {"momentum": self.momentum, "smoothing": self.smoothing, "average": self.average or 0.0}
        for name, value in (rates | {"betas[0]": self.betas[0], "betas[1]": self.betas[1]}).items():
            if not 0 <= value < 1:
                raise ValueError(f"{name} is {value}, but an average's memory lies in [0, 1). Try 0.9.")
        for name in ("max_norm", "max_value"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise ValueError(
                    f"{name} is {value}, which would clip every gradient away. Set it above 0, or to None."
                )
        if self.weight_decay and self.kind != "adamw":
            raise ValueError(
                f"weight_decay is {self.weight_decay}, but only adamw decays weights apart from the gradient "
                f"and kind is '{self.kind}'. Set kind to 'adamw', or set l2 instead."
            )
        if self.l2 and self.kind == "adamw":
            raise ValueError(
                f"l2 is {self.l2}, but adamw exists to replace that penalty by weight_decay. "
                "Set kind to 'adam', or weight_decay instead of l2."
            )

    def build(
        self,
        parameters: Iterable[nn.Parameter],
        shares: Mapping[nn.Parameter, float] | None = None,
        *,
        capturable: bool = False,
    ) -> torch.optim.Optimizer:
        """The bare torch optimiser, fused where torch can; clipping, l1, decay and average are Descent's.

        `capturable`: its step may be recorded by a GPU; learning rates then are tensors there.
        """
        parameters = list(parameters)
        learning_rate = self.learning_rate * self.decay(0)
        groups = _groups(parameters, self.l2 or self.weight_decay, learning_rate, shares or {})
        if capturable:
            for group in groups:
                group["lr"] = torch.tensor(group["lr"], device=parameters[0].device)
        fused = all(p.device.type in _FUSED_DEVICES and p.is_floating_point() for p in parameters)
        if self.kind == "rmsprop":  # torch has no fused kernel for it
            return torch.optim.RMSprop(
                groups, learning_rate, alpha=self.smoothing, eps=self.epsilon, centered=self.centered,
                capturable=capturable,
            )  # fmt: skip
        if self.kind in {"adam", "adamw"}:
            adam = torch.optim.AdamW if self.kind == "adamw" else torch.optim.Adam
            return adam(groups, learning_rate, betas=self.betas, eps=self.epsilon, fused=fused, capturable=capturable)
        momentum = 0.0 if self.kind == "sgd" else self.momentum
        nesterov = self.kind == "nesterov" and momentum > 0
        optimizer = torch.optim.SGD(groups, learning_rate, momentum=momentum, nesterov=nesterov, fused=fused)
        if momentum > 0:
            # Torch would leave this memory unwritten if the device skipped the very first step.
            for parameter in parameters:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return optimizer

    def penalty(self, parameters: Iterable[nn.Parameter]) -> Tensor:
        """What l1 and l2 add to the loss that is descended: a scalar with gradient, for gradient checking."""
        weights = [p for p in parameters if p.requires_grad and _is_weight(p)]
        terms = [self.l1 * w.abs().sum() + self.l2 / 2 * w.square().sum() for w in weights]
        return torch.stack(terms).sum() if terms else torch.zeros(())


def _is_weight(parameter: Tensor) -> bool:
    return parameter.ndim >= 2


def _groups(
    parameters: Sequence[nn.Parameter],
    weight_decay: float,
    learning_rate: float,
    shares: Mapping[nn.Parameter, float],
) -> list[dict[str, Any]]:
    """Parameters by their decay and their share of the learning rate: weights first, those of the whole rate first."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in parameters:
        decay = weight_decay if _is_weight(parameter) else 0.0
        groups.setdefault((shares.get(parameter, 1.0), decay), []).append(parameter)
    return [
        {"params": groups[share, decay], "weight_decay": decay, "share": share, "lr": learning_rate * share}
        for share, decay in sorted(groups, reverse=True)
    ]


class Descent:
    """Changes some parameters so that a loss falls: `descent = Descent(network.parameters(), config)`, and in
    each update `metrics |= descent.descend(loss)`.

    guard says where a loss that is not finite is caught. "host" raises NonFinite at once, at the price of
    waiting for the value, which on a CPU is nothing. "device" skips the step on the device, and the loop
    meets the value when it next logs. By default an accelerator guards itself.

    Where several processes train together, each with its share of the batch, all of them descend the mean of their
    losses: gradients are averaged before anything is made of them, and what is not finite in one is so in all.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        config: OptimizerConfig,
        *,
        shares: Mapping[nn.Parameter, float] | None = None,
        guard: Literal["host", "device"] | None = None,
        capturable: bool = False,
    ):
        """Parameters that take no gradient are left alone; those in `shares` get that share of the learning rate.

        `capturable`: `descend` may be recorded by a GPU (lab.recording). It then leaves to whoever launches it what is
        Python's: `follow_decay` or `set_learning_rate` before it, `counted` after it.
        """
        self.config = config
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        with _without_compiler():
            self.optimizer = config.build(self.parameters, shares, capturable=capturable)
        # Bare of torch's profiler ranges and hooks: 13 us an update, where a small network takes a few hundred.
        self._step = unwrap(type(self.optimizer).step)
        self.capturable = capturable
        self._rate = config.learning_rate * config.decay(0)  # that the optimiser has
        self.updates = 0  # steps taken (or, by a guard on the device, skipped)
        self.average = None if config.average is None else WeightedAverage(self.parameters, config.average)
        self._can_skip = all(group.get("fused") for group in self.optimizer.param_groups)
        self._guards_on_host = guard == "host" or (guard is None and any(p.is_cpu for p in self.parameters))
        self._weights = [p for p in self.parameters if _is_weight(p)]
        self._alone = parallel.size() == 1

    @property
    def learning_rate(self) -> float:
        """What the next update multiplies its direction by."""
        return self.config.learning_rate * self.config.decay(self.updates)

    def set_learning_rate(self, rate: float) -> None:
        """Sets the rate of the next update, of which each parameter has its share; a decay that varies sets its own."""
        for group in self.optimizer.param_groups:
            if not isinstance(group["lr"], Tensor):
                group["lr"] = rate * group["share"]
            elif rate != self._rate:
                group["lr"].fill_(rate * group["share"])
        self._rate = rate

    def follow_decay(self) -> Metrics:
        """Sets the rate of the next update, and returns it as learning_rate, where it varies."""
        if not self.config.decay.varies:
            return {}
        self.set_learning_rate(self.learning_rate)
        return {"learning_rate": self.learning_rate}

    def counted(self, updates: int) -> None:
        """Says how many updates there were, of which a recording counts none."""
        self.updates = updates
        if self.average is not None:
            self.average.count = updates

    def descend(self, loss: Tensor, name: str = "loss", gradients: Sequence[Tensor] | None = None) -> Metrics:
        """One update along the gradient of a scalar loss; returns what it measured on the way.

        `gradients`, one a parameter, are taken where they are known already; else autograd finds them.
        That is gradient_norm (before clipping) where max_norm is set, and learning_rate where it varies, unless that
        is left to `follow_decay` (`capturable`).
        Raises NonFinite, with parameters and state as before, where the loss or that norm is not finite and
        the host guards; where the device does, parameters and moments stay as they are and nothing is raised. (RMSprop,
        of which torch has no fused kernel, takes a gradient of 0 instead, which leaves the parameters alone.)
        """
        config, metrics = self.config, Metrics()
        if self._alone:
            self._refuse_non_finite(loss, name)
        if not self.capturable:
            metrics |= self.follow_decay()
        if gradients is None:
            for parameter in self.parameters:
                parameter.grad = None
            loss.backward()
        else:
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                parameter.grad = gradient
        reached = [p.grad for p in self.parameters if p.grad is not None]
        if not self._alone:
            loss = loss.detach().clone()
            parallel.average([loss, *reached])
            self._refuse_non_finite(loss, name)
        finite = None if self._guards_on_host else torch.isfinite(loss.detach())
        # What nn.utils.get_total_norm and clip_grads_with_norm_ do, without their sorting by device and type. It is
        # measured without clipping, too: a finite loss can have a gradient that is not, as sqrt has at 0.
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(reached)))
        if finite is not None:
            finite = finite & torch.isfinite(norm)
        elif not math.isfinite(value := norm.item()):
            raise self._non_finite(f"the gradient norm of {name}", value)
        elif config.max_norm is not None and value > config.max_norm:  # where it is known, most need no scaling
            torch._foreach_mul_(reached, config.max_norm / (value + 1e-6))
        if config.max_norm is not None:
            metrics["gradient_norm"] = norm
            if finite is not None:
                nn.utils.clip_grads_with_norm_(self.parameters, config.max_norm, norm, foreach=True)
        if config.max_value is not None:
            nn.utils.clip_grad_value_(self.parameters, config.max_value, foreach=True)
        if config.l1:
            self._add_l1()
        if finite is not None and self._can_skip:
            # Torch's fused kernels skip the step where this is 1.
            self.optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
        elif finite is not None:
            for gradient in reached:
                gradient.copy_(torch.where(finite, gradient, 0.0))
        with torch.no_grad():
            self._step(self.optimizer)
        self.updates += 1
        if self.average is not None:
            self.average.update()
        return metrics

    @torch.no_grad()
    def _add_l1(self) -> None:
        reached = [(p.detach(), p.grad) for p in self._weights if p.grad is not None]
        if reached:
            signs = torch._foreach_sign([weight for weight, _ in reached])
            torch._foreach_add_([gradient for _, gradient in reached], signs, alpha=self.config.l1)

    def _refuse_non_finite(self, loss: Tensor, name: str) -> None:
        if self._guards_on_host and not math.isfinite(value := loss.item()):
            raise self._non_finite(name, value)

    def _non_finite(self, metric: str, value: float) -> NonFinite:
        fix = f"Lower learning_rate (now {self.learning_rate:g}), "
        fix += "set max_norm" if self.config.max_norm is None else f"lower max_norm ({self.config.max_norm:g})"
        return NonFinite(metric, value, f"update {self.updates}", f"{fix}, or look for bad values in the inputs.")

    @contextmanager
    def judging(self, network: nn.Module) -> Iterator[None]:
        """Inside, the network of these parameters is as it is judged: in eval() mode, averaged, without gradients."""
        was_training = network.training
        network.eval()
        try:
            # Not inference_mode: a head of somebody's own could not learn from codes that were made inside.
            with torch.no_grad(), self.averaged():
                yield
        finally:
            network.train(was_training)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the parameters are their averages, if the config asks for any; afterwards as before."""
        if self.average is None:
            yield
        else:
            with self.average.applied():
                yield

    def state_dict(self) -> State:
        """Torch's moments by the parameter's number, the count of updates and the average; like torch's, the
        tensors are those in use, not copies.
        """
        with _without_compiler():
            moments = self.optimizer.state_dict()["state"]
        return {
            "updates": self.updates,
            "moments": {str(number): dict(moment) for number, moment in moments.items()},
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Takes up copies of a state; the updates that follow equal, bit for bit, those it would have had."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        moments = {int(number): moment for number, moment in state["moments"].items()}
        for number, moment in moments.items():
            if number >= len(parameters) or any(
                name != "step" and tensor.shape != parameters[number].shape for name, tensor in moment.items()
            ):
                shape = tuple(parameters[number].shape) if number < len(parameters) else "absent"
                raise ValueError(
                    f"The saved state of parameter {number} has shapes "
                    f"{[tuple(tensor.shape) for tensor in moment.values()]}, but the parameter here is "
                    f"{shape}: it belongs to another network. Load a state saved by this configuration."
                )
            if not _moments_of(self.config) <= moment.keys():
                raise ValueError(
                    f"The saved state of parameter {number} has {sorted(moment)}, but {self.config.kind} goes on from "
                    f"{sorted(_moments_of(self.config))}: it belongs to another rule. Keep the rule it was saved with."
                )
        copies = {number: _laid_out(moment, parameters[number]) for number, moment in moments.items()}
        with _without_compiler():
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": copies, "param_groups": groups})
        self.updates = state["updates"]
        if self.average is not None:
            self.average.load_state_dict(state["average"])


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Inside, torch's optimisers do without torch's compiler, which they import (2 s) only to hide themselves from it.

    What they look for is a version of each of these methods that the compiler passes over; here it is the method.
    """
    names = ("add_param_group", "state_dict", "load_state_dict")
    methods: list[Any] = [unwrap(getattr(torch.optim.Optimizer, name)) for name in names]
    bare = [] if "torch._dynamo" in sys.modules else [each for each in methods if not hasattr(each, _PASSED_OVER)]
    for each in bare:
        setattr(each, _PASSED_OVER, each)
    try:
        yield
    finally:
        for each in bare:
            delattr(each, _PASSED_OVER)


def _moments_of(config: OptimizerConfig) -> set[str]:
    """What torch's optimiser has of each parameter from its first step on, and does not make later."""
    if config.kind == "rmsprop":
        return {"step", "square_avg"} | ({"grad_avg"} if config.centered else set())
    return {"step", "exp_avg", "exp_avg_sq"} if config.kind in {"adam", "adamw"} else set()


def _laid_out(moment: dict[str, Tensor], parameter: Tensor) -> dict[str, Tensor]:
    """Copies of the moments in the parameter's memory order.

    The fused kernels walk through memory without looking at strides, so a moment that lost its channels-last
    order in a file would silently be added to the wrong weights.
    """
    return {
        name: tensor.clone() if name == "step" else torch.empty_like(parameter.detach()).copy_(tensor)
        for name, tensor in moment.items()
    }
