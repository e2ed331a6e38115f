"""The Q-network: every combination of its parts, and duelling by hand."""

from __future__ import annotations

from copy import deepcopy
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from agents.losses import half_square
from agents.noisy import NoisyLinear, resample
from agents.q_network import Duelling, QNetwork
from lab.backbones import ConvolutionConfig, MLPConfig

BACKBONE = MLPConfig(widths=(7,))
PIXELS = ConvolutionConfig(channels=(3,), kernel_size=3, stride=2, padding=0)
COMBINATIONS = [
    {"hidden": hidden, "duelling": duelling, "atoms": atoms, "noisy": noisy}
    for hidden, duelling, atoms, noisy in product([(), (6, 5)], [False, True], [None, 4], [None, 0.5])
]


def make(**parts: Any) -> QNetwork:
    torch.manual_seed(0)
    return QNetwork(BACKBONE.build((3,)), 2, **parts)


def given(rows: list[list[float]]) -> nn.Linear:
    """A layer of one input whose outputs are the rows' slope and bias."""
    layer = nn.Linear(1, len(rows))
    layer.load_state_dict(
        {"weight": torch.tensor([row[:1] for row in rows]), "bias": torch.tensor([r[1] for r in rows])}
    )
    return layer


@pytest.mark.parametrize("parts", COMBINATIONS, ids=str)
def test_shapes_layers_and_gradients(parts: dict[str, Any]) -> None:
    network, inputs = make(**parts), torch.randn(5, 3)
    resample(network, torch.Generator().manual_seed(0))
    outputs = network(inputs)
    assert outputs.shape == ((5, 2) if parts["atoms"] is None else (5, 2, 4))
    assert outputs.dtype == torch.float32
    streams = 2 if parts["duelling"] else 1
    kind = nn.Linear if parts["noisy"] is None else NoisyLinear
    layers = [module for module in network.head.modules() if isinstance(module, nn.Linear | NoisyLinear)]
    assert [type(layer) for layer in layers] == [kind] * streams * (1 + len(parts["hidden"]))
    outputs.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("parts", COMBINATIONS, ids=str)
def test_state_round_trip(parts: dict[str, Any]) -> None:
    network, inputs = make(**parts), torch.randn(5, 3)
    resample(network, torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    other = QNetwork(BACKBONE.build((3,)), 2, **parts)
    other.load_state_dict(deepcopy(network.state_dict()))
    assert torch.equal(other(inputs), network(inputs))


def test_the_plain_network_is_a_backbone_and_one_linear_layer() -> None:
    """Its names and its initial weights are those of earlier checkpoints."""
    network = make()
    names = ["backbone.layers.linear_0.weight", "backbone.layers.linear_0.bias", "head.weight", "head.bias"]
    assert list(network.state_dict()) == names
    assert type(network.head) is nn.Linear
    torch.manual_seed(0)
    backbone = BACKBONE.build((3,))
    head, inputs = nn.Linear(7, 2), torch.randn(4, 3)
    assert torch.equal(network(inputs), head(backbone(inputs)))


def test_names_with_all_parts() -> None:
    names = {name.rpartition(".")[0] for name in make(hidden=(6,), duelling=True, atoms=3, noisy=0.1).state_dict()}
    streams = {f"head.{stream}.{layer}" for stream in ("value", "advantage") for layer in ("hidden_0", "output")}
    assert names == streams | {"backbone.layers.linear_0"}


def test_duelling_by_hand() -> None:
    network = Duelling(given([[2.0, 1.0]]), given([[1.0, 0.0], [4.0, 0.0], [0.0, -4.0]]))
    # at feature 2: value 2 * 2 + 1 = 5; advantages 2, 8, -4, whose mean is 2; at 0: 1; 0, 0, -4, whose mean is -4/3
    expected = torch.tensor([[5.0, 11.0, -1.0], [7 / 3, 7 / 3, -5 / 3]])
    torch.testing.assert_close(network(torch.tensor([[2.0], [0.0]])), expected)


def test_duelling_of_distributions_is_done_atom_by_atom() -> None:
    # value of atoms: 1, 10; advantages of two actions: (1, 2) and (5, -2), whose means are 3 and 0
    network = QNetwork(MLPConfig(widths=()).build((1,)), 2, duelling=True, atoms=2)
    network.head = Duelling(given([[0.0, 1.0], [0.0, 10.0]]), given([[0.0, b] for b in (1.0, 2.0, 5.0, -2.0)]))
    assert network(torch.zeros(1, 1)).tolist() == [[[-1.0, 12.0], [3.0, 8.0]]]


def test_advantages_have_no_say_in_the_mean_value() -> None:
    network, inputs = make(duelling=True, hidden=(6,)), torch.randn(5, 3)
    assert isinstance(network.head, Duelling)
    value = network.head.value(network.backbone(inputs))
    torch.testing.assert_close(network(inputs).mean(-1, keepdim=True), value)


@pytest.mark.parametrize("hidden", [(), (6,)], ids=str)
def test_hidden_layers_are_linear_with_relus_between(hidden: tuple[int, ...]) -> None:
    network, inputs = make(hidden=hidden), torch.randn(5, 3)
    features: Tensor = network.backbone(inputs)
    layers = [layer for layer in network.head.modules() if isinstance(layer, nn.Linear)]
    for layer in layers[:-1]:
        features = (features @ layer.weight.t() + layer.bias).clamp(min=0)
    torch.testing.assert_close(network(inputs), features @ layers[-1].weight.t() + layers[-1].bias)


def test_rainbow_on_pixels() -> None:
    network = QNetwork(PIXELS.build((4, 9, 9)), 6, hidden=(8,), duelling=True, atoms=51, noisy=0.5)
    assert network(torch.rand(2, 4, 9, 9)).shape == (2, 6, 51)


def test_few_bits_combine_streams_in_float32() -> None:
    """In bfloat16, 100 and 100.25 are the same number."""
    network = Duelling(given([[0.0, 100.0]]), given([[0.0, 0.25], [0.0, -0.25]])).bfloat16()
    assert network(torch.zeros(1, 1, dtype=torch.bfloat16)).tolist() == [[100.25, 99.75]]
    for parts in COMBINATIONS:
        few = make(**parts).bfloat16()
        outputs = few(torch.randn(5, 3).bfloat16())
        assert outputs.dtype == torch.float32
        half_square(outputs).sum().backward()
        assert all(parameter.grad is not None for parameter in few.parameters())


@pytest.mark.parametrize("parts", [p for p in COMBINATIONS if p["atoms"] is None], ids=str)
def test_rescaling_does_to_every_value_what_it_says(parts: dict[str, Any]) -> None:
    network, inputs = make(**parts), torch.randn(5, 3)
    resample(network, torch.Generator().manual_seed(0))
    before = network(inputs)
    storage = {name: parameter.data_ptr() for name, parameter in network.named_parameters()}
    network.rescale(torch.tensor(3.0), torch.tensor(-5.0))
    torch.testing.assert_close(network(inputs), 3 * before - 5, atol=1e-5, rtol=1e-5)
    assert storage == {name: parameter.data_ptr() for name, parameter in network.named_parameters()}
    for name, weights in make(**parts).state_dict().items():  # all but the last layers are untouched
        if name.startswith("backbone") or ("hidden" in name and "noise" not in name):
            assert torch.equal(network.state_dict()[name], weights), name


def test_what_cannot_be_rescaled_is_refused() -> None:
    one = torch.ones(())
    with pytest.raises(ValueError, match=r"logits of 4 atoms.*rescale the support"):
        make(atoms=4).rescale(one, one)
    few = make(duelling=True).bfloat16()
    before = deepcopy(few.state_dict())
    with pytest.raises(ValueError, match=r"bfloat16.*Rescale a float32 network"):
        few.rescale(one, one)
    assert all(torch.equal(few.state_dict()[name], weights) for name, weights in before.items())


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"hidden": (4, 0)}, "hidden"), ({"atoms": 1}, "atoms.*at least 2"), ({"atoms": 0}, "atoms")],
    ids=str,
)
def test_sizes_are_checked(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make(**settings)
    with pytest.raises(ValueError, match="num_actions has 0"):
        QNetwork(BACKBONE.build((3,)), 0)


def test_no_value_is_waited_for_and_the_device_is_that_of_the_inputs() -> None:
    """On the meta device there are no values to wait for, and tensors of any other device are refused."""
    one = torch.empty((), device="meta")
    for parts in COMBINATIONS:
        network = make(**parts).to("meta")
        assert network(torch.empty(5, 3, device="meta")).device.type == "meta"
        if parts["atoms"] is None:
            network.rescale(one, one)
