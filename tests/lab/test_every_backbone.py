"""What every backbone must do. A new file in lab/backbones is found here, and tested in all its settings."""

from __future__ import annotations

import json
import pkgutil
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from inspect import isabstract
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lab.backbones
from lab.backbones import Backbone, SequenceBackbone
from lab.config import from_json, to_json
from lab.probe import probe

MODULES = [import_module(f"lab.backbones.{info.name}") for info in pkgutil.iter_modules(lab.backbones.__path__)]
OWN = [
    thing
    for module in MODULES
    for thing in vars(module).values()
    if getattr(thing, "__module__", "") == module.__name__
]
CONFIGS = [thing for thing in OWN if is_dataclass(thing) and hasattr(thing, "build")]
NUM_CLASSES = 3


def variants(config: Any) -> dict[str, Any]:
    """The defaults, and each setting that is a choice at each of its values: everything a user can pick."""
    found = {config.__name__: config()}
    hints = get_type_hints(config)
    for field in fields(config):
        for choice in choices(hints[field.name]):
            if choice != getattr(config(), field.name):
                found[f"{config.__name__}-{field.name}={choice}"] = replace(config(), **{field.name: choice})
        if field.name == "dropout":
            found[f"{config.__name__}-dropout=0.3"] = replace(config(), dropout=0.3)
        if field.name == "num_layers":
            found[f"{config.__name__}-num_layers=3"] = replace(config(), num_layers=3)
    return found


def choices(hint: Any) -> tuple[Any, ...]:
    if hint is bool:
        return (False, True)
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return tuple(choice for part in get_args(hint) for choice in choices(part))
    return ()


VARIANTS = {name: variant for config in CONFIGS for name, variant in variants(config).items()}
LEARNING = [name for name in VARIANTS if not name.endswith("=zeros")]


def built(name: str) -> Backbone:
    torch.manual_seed(0)
    return VARIANTS[name].build(VARIANTS[name].example_shape)


def example(backbone: Backbone, batch: int = 4) -> Tensor:
    return torch.randn(batch, *backbone.input_shape, generator=torch.Generator().manual_seed(1))


SEQUENCES = [name for name in LEARNING if isinstance(built(name), SequenceBackbone)]


def test_each_backbone_has_a_config_and_each_config_a_backbone():
    backbones = {t for t in OWN if isinstance(t, type) and issubclass(t, Backbone) and t is not Backbone}
    concrete = {backbone for backbone in backbones if backbone is not SequenceBackbone and not isabstract(backbone)}
    assert {type(built(config.__name__)) for config in CONFIGS} == concrete
    assert {config.__name__ for config in CONFIGS} <= set(lab.backbones.__all__)
    assert {backbone.__name__ for backbone in backbones} <= set(lab.backbones.__all__)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
def test_configs_are_frozen_and_keyword_only(config):
    parameters = config.__dataclass_params__
    assert parameters.frozen
    assert all(field.kw_only for field in fields(config))


@pytest.mark.parametrize("name", VARIANTS)
def test_configs_survive_a_file(name):
    config = VARIANTS[name]
    assert from_json(type(config), json.loads(json.dumps(to_json(config)))) == config


@pytest.mark.parametrize("name", VARIANTS)
def test_sizes_are_as_declared(name):
    backbone = built(name)
    assert backbone.input_shape == VARIANTS[name].example_shape
    assert backbone(example(backbone)).shape == (4, backbone.out_features)
    if isinstance(backbone, SequenceBackbone):
        steps = backbone.steps(example(backbone))
        assert steps.shape == (4, backbone.input_shape[0], backbone.out_features)


@pytest.mark.parametrize("name", [config.__name__ for config in CONFIGS])
def test_wrong_inputs_are_refused(name):
    backbone = built(name)
    for wrong in (example(backbone)[..., :-1], example(backbone)[None]):
        with pytest.raises(ValueError, match="was given inputs of shape"):
            backbone(wrong)
    with pytest.raises(ValueError, match="was given inputs of type"):
        backbone(example(backbone).long())


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_looks_ahead_unless_it_calls_itself_causal(name):
    backbone = built(name).eval()
    inputs = example(backbone)
    changed = torch.cat([inputs[:, :-1], -inputs[:, -1:]], 1)
    same_past = torch.equal(backbone.steps(inputs)[:, :-1], backbone.steps(changed)[:, :-1])
    assert same_past is backbone.causal


@pytest.mark.parametrize("name", VARIANTS)
def test_weights_move_to_another_of_the_same_architecture(name):
    first, second = built(name), VARIANTS[name].build(VARIANTS[name].example_shape)
    second.load_state_dict(first.state_dict())
    inputs = example(first)
    assert torch.equal(first.eval()(inputs), second.eval()(inputs))


@pytest.mark.parametrize("name", LEARNING)
def test_it_passes_the_probe(name):
    backbone = built(name)
    model = nn.Sequential(backbone, nn.Linear(backbone.out_features, NUM_CLASSES))
    labels = torch.tensor([0, 1, 2, 0])
    sequence = isinstance(backbone, SequenceBackbone)
    report = probe(
        model,
        example(backbone),
        lambda model, inputs: F.cross_entropy(model(inputs), labels),
        outputs=(lambda model, inputs: model[0].steps(inputs)) if sequence else None,
        causal=sequence and backbone.causal,
        directions=1,
    )
    assert report.passed, f"\n{report}"


@pytest.mark.parametrize("name", [name for name in VARIANTS if name.endswith("=zeros")])
def test_starting_from_zeros_is_what_the_probe_warns_of(name):
    backbone = built(name)
    labels = torch.tensor([0, 1, 2, 0])
    model = nn.Sequential(backbone, nn.Linear(backbone.out_features, NUM_CLASSES))
    report = probe(
        model,
        example(backbone),
        lambda model, inputs: F.cross_entropy(model(inputs), labels),
        directions=0,
        overfit_steps=1,
    )
    reached = report.checks[1]
    assert reached.name == "gradients reach every parameter"
    assert not reached.passed
