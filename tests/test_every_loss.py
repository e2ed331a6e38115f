"""The gradient of every loss, against differences of it. A new loss is found here and needs a case."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from math import nan
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lab.data.sequences import Padded
from lab.gradients import GradientReport, check_gradients

ROOT = Path(__file__).resolve().parent.parent
WINGS = ("agents", "generative", "supervised")


def losses() -> dict[str, Callable[..., Any]]:
    """Every public function in a file of losses, and wherever else one ends in _loss: "supervised.losses.correct"."""
    found = {}
    for path in sorted(path for wing in WINGS for path in (ROOT / wing).rglob("*.py")):
        names = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        if "losses" not in path.stem.split("_"):
            names = [name for name in names if name.endswith("_loss")]
        if names := [name for name in names if not name.startswith("_")]:
            module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            found |= {f"{module.__name__}.{name}": getattr(module, name) for name in names}
    return found


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def some(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def bent() -> nn.Module:
    """A smooth function of 3 numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()


ANSWERS = torch.tensor([[1.0, nan], [0.0, 1.0], [nan, nan]], dtype=torch.float64)
CLASSES = torch.tensor([2, 0, 3, 2])
ACTIONS = torch.tensor([1, 0, 1, 2])
ERRORS = some(-3.0, -0.4, 0.7, 2.5)  # on both sides of where Huber's loss bends

# The arguments to each loss, often in several cases. Floating ones and the parameters of modules are differentiated,
# unless they hold NaN or are named in NOT_BY.
CASES: dict[str, list[dict[str, Any]]] = {
    "supervised.losses.cross_entropy": [
        {"logits": drawn(4, 5), "labels": CLASSES},
        {"logits": drawn(4, 5), "labels": CLASSES, "label_smoothing": 0.2},
        {"logits": drawn(4, 5), "labels": drawn(4, 5, seed=1).softmax(-1), "label_smoothing": 0.2},
    ],
    "supervised.losses.cross_entropy_of_known": [
        {"logits": drawn(4, 5), "labels": CLASSES},
        {"logits": drawn(2, 3, 4), "labels": torch.tensor([[3, -1, 0], [4, 1, -1]])},
    ],
    "supervised.losses.correct": [{"logits": drawn(4, 5), "labels": CLASSES}],
    "supervised.losses.squared_error": [{"predicted": drawn(4), "labels": drawn(4, seed=1)}],
    "supervised.losses.binary_cross_entropy": [
        {"logits": drawn(3, 2), "labels": ANSWERS},
        {"logits": drawn(3, 2), "labels": drawn(3, 2, seed=1).sigmoid()},
    ],
    "supervised.losses.mean_of_present": [{"losses": drawn(3, 2), "labels": ANSWERS}],
    "supervised.losses.correct_answers": [{"logits": drawn(3, 2), "labels": drawn(3, 2, seed=1).sigmoid().round()}],
    "supervised.ctc.ctc_loss": [
        {
            "logits": drawn(2, 6, 4),
            "lengths": torch.tensor([6, 4]),
            "labels": Padded(torch.tensor([[2, 0, 0], [1, 0, 0]]), torch.tensor([3, 1])),
        }
    ],
    "generative.gan_losses.log_real_and_fake": [{"real": ERRORS, "made": drawn(4)}],
    "generative.gan_losses.log_fooled": [{"made": ERRORS}],
    "generative.gan_losses.hinge": [{"real": ERRORS, "made": drawn(4)}],
    "generative.gan_losses.apart": [{"real": ERRORS, "made": drawn(4)}],
    "generative.gan_losses.minus_mean": [{"made": ERRORS}],
    "generative.gan_losses.gradient_penalty": [
        {
            "discriminator": bent(),
            "real": drawn(2, 3),
            "made": drawn(2, 3, seed=1),
            "share": some(0.2, 0.7),
        }
    ],
    "supervised.cliff.unit_loss": [{"w": some(5.5, -2.0), "b": some(-2.3, 1.0), "num_steps": 20}],
    "agents.losses.q_learning_target": [{"reward": drawn(4), "discount": some(0, 1, 0.9, 1), "next_q": drawn(4, 3)}],
    "agents.losses.double_q_learning_target": [
        {
            "reward": drawn(4),
            "discount": some(0, 1, 0.9, 1),
            "next_q_online": drawn(4, 3, seed=1),
            "next_q_target": drawn(4, 3, seed=2),
        }
    ],
    "agents.losses.action_error": [{"q": drawn(4, 3), "action": ACTIONS, "target": drawn(4, seed=1)}],
    "agents.losses.half_square": [{"error": ERRORS}],
    "agents.losses.half_square_slope": [{"error": ERRORS}],
    "agents.losses.huber": [{"error": ERRORS}, {"error": ERRORS, "knee": 0.5}],
    "agents.losses.huber_slope": [{"error": ERRORS}],
    "agents.losses.at_least_float32": [{"values": ERRORS}],
    "agents.distributional.categorical_loss": [
        {"logits": drawn(4, 3, 5), "action": ACTIONS, "target": drawn(4, 5, seed=1).softmax(-1)}
    ],
}

# These are targets and scores: nothing flows back through them.
WITHOUT_GRADIENT = {
    "supervised.losses.correct",
    "supervised.losses.correct_answers",
    "agents.losses.q_learning_target",
    "agents.losses.double_q_learning_target",
}

# Arguments that nothing flows back to.
NOT_BY = {"generative.gan_losses.gradient_penalty": {"real", "made", "share"}}


def without_a_case(found: Mapping[str, Any], cases: Mapping[str, Any]) -> list[str]:
    """What to do about each loss that has no case, and about each case whose loss is gone."""
    wanted = [
        f"{name} has no case, so nobody knows whether its gradient is right. Add one to CASES in "
        f'tests/test_every_loss.py: "{name}": [{{argument: value, ...}}], floating-point '
        "tensors in float64, away from kinks; and if nothing flows back through it, its name to WITHOUT_GRADIENT."
        for name in sorted(set(found) - set(cases))
    ]
    return wanted + [
        f"There is no {name} any more. Take it out of CASES in tests/test_every_loss.py."
        for name in sorted(set(cases) - set(found))
    ]


class Arguments(nn.Module):
    """The arguments of a loss, those that it is differentiated by as parameters."""

    def __init__(self, arguments: Mapping[str, Any], not_by: Collection[str] = ()):
        super().__init__()
        self.fixed = dict(arguments)
        self.modules_among_them = nn.ModuleList(value for value in arguments.values() if isinstance(value, nn.Module))
        for name, value in arguments.items():
            floating = isinstance(value, Tensor) and value.is_floating_point()
            if floating and name not in not_by and not value.isnan().any():
                self.register_parameter(name, nn.Parameter(self.fixed.pop(name)))

    def into(self, function: Callable[..., Any]) -> list[Tensor]:
        """What the function makes of them, every tensor of it."""
        made = function(**self.fixed, **dict(self.named_parameters(recurse=False)))
        return [made] if isinstance(made, Tensor) else list(made)


def checked(function: Callable[..., Any], arguments: Arguments) -> GradientReport:
    """Compares all derivatives of all that the function returns, each number of it with a weight of its own."""

    def weighted(module: Arguments) -> Tensor:
        outputs = torch.cat([output.flatten() for output in module.into(function)])
        return (outputs * drawn(len(outputs), seed=9)).sum()

    return check_gradients(arguments, weighted, most_kinks=0.0)


LOSSES = losses()
HAVE_CASES = [(name, i) for name, cases in CASES.items() if name in LOSSES for i in range(len(cases))]


def test_every_loss_has_a_case() -> None:
    missing = without_a_case(LOSSES, CASES)
    assert not missing, "\n" + "\n".join(missing)


@pytest.mark.parametrize(("name", "case"), HAVE_CASES)
def test_its_gradient_agrees_with_its_differences(name: str, case: int) -> None:
    arguments = Arguments(CASES[name][case], NOT_BY.get(name, ()))
    if name in WITHOUT_GRADIENT:
        assert not any(output.requires_grad for output in arguments.into(LOSSES[name]))
        return
    report = checked(LOSSES[name], arguments)
    assert report.passed, f"\n{report}"
    assert max(parameter.relative_error for parameter in report.parameters) < 1e-7
    numbers = sum(parameter.numel() for parameter in arguments.parameters())
    assert report.compared == numbers + len(report.parameters), "each number alone, and each argument as a whole"


def test_the_files_of_losses_are_found() -> None:
    assert {name.rpartition(".")[0] for name in LOSSES} >= {
        "supervised.losses",
        "agents.losses",
        "agents.distributional",
        "generative.gan_losses",
    }
    assert set(LOSSES) >= WITHOUT_GRADIENT


def test_a_loss_without_a_case_is_named_with_what_to_add() -> None:
    module = ModuleType("supervised.losses")
    said = without_a_case({"supervised.losses.hinge": module, "supervised.losses.known": module}, {
        "supervised.losses.known": [], "supervised.losses.gone": [],
    })  # fmt: skip
    assert len(said) == 2
    assert said[0].startswith("supervised.losses.hinge has no case")
    assert '"supervised.losses.hinge": [{argument: value, ...}]' in said[0]
    assert said[1] == "There is no supervised.losses.gone any more. Take it out of CASES in tests/test_every_loss.py."


def test_a_gradient_that_is_slightly_wrong_is_found() -> None:
    def shrunk(gradient: Tensor) -> Tensor:
        return gradient * (1 - 1e-6)

    def planted(error: Tensor) -> Tensor:
        error = error.clone()
        error.register_hook(shrunk)
        return error.square()

    assert checked(torch.square, Arguments({"input": ERRORS})).passed
    assert not checked(planted, Arguments({"error": ERRORS})).passed


def test_a_point_without_a_derivative_is_no_case() -> None:
    assert not checked(torch.abs, Arguments({"input": some(0.0, 1.0)})).passed
