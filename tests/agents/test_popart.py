"""PopArt: its statistics against the averages written out, and values that stay as they were."""

from __future__ import annotations

import math
from copy import deepcopy
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, tensor

from agents.backpropagation import PlainNetwork
from agents.noisy import resample
from agents.popart import PopArt, PopArtConfig
from agents.q_network import QNetwork
from lab.backbones import MLPConfig


def make(step_size: float = 0.1, lowest_sigma: float = 1e-4) -> PopArt:
    return PopArt(PopArtConfig(step_size=step_size, lowest_sigma=lowest_sigma))


def written_out(batches: list[Tensor], step_size: float) -> tuple[float, float]:
    """Mean and deviation by the weights that averages with steps of that size give batches, in double precision."""
    age = np.arange(len(batches))[::-1]
    weight = (1 - step_size) ** age
    weight = weight / weight.sum()
    mean = sum(w * batch.double().mean().item() for w, batch in zip(weight, batches))
    mean_square = sum(w * batch.double().square().mean().item() for w, batch in zip(weight, batches))
    return mean, math.sqrt(mean_square - mean**2)


def test_by_hand() -> None:
    popart = make(step_size=0.5)
    assert (popart.mean.item(), popart.sigma.item()) == (0.0, 1.0)
    assert popart.normalise(tensor([7.0])).tolist() == [7.0]
    popart.update(tensor([2.0, 6.0]))
    # the first batch counts wholly
    assert (popart.mean.item(), popart.sigma.item()) == (4.0, 2.0)
    assert popart.normalise(tensor([[10.0], [4.0]])).tolist() == [[3.0], [0.0]]
    assert popart.unnormalise(tensor([3.0])).tolist() == [10.0]
    popart.update(tensor([[10.0, 10.0]]))
    # weights 1/3 and 2/3: mean 8; mean square (20 + 200) / 3 less 64, 28 / 3
    torch.testing.assert_close(popart.mean, tensor(8.0))
    torch.testing.assert_close(popart.sigma, tensor(math.sqrt(28 / 3)))


@pytest.mark.parametrize("step_size", [1.0, 0.3, 3e-4])
@pytest.mark.parametrize("offset", [0.0, 3000.0])
def test_statistics_are_averages_without_the_bias_of_the_start(step_size: float, offset: float) -> None:
    """Also where the mean is thousands of times the deviation, so that float32 has no bits left for a mean square."""
    draw, popart, batches = torch.Generator().manual_seed(0), make(step_size), []
    for number in range(60):
        batches.append(offset + number / 30 + torch.randn(8, generator=draw))
        popart.update(batches[-1])
        mean, sigma = written_out(batches, step_size)
        assert popart.mean.item() == pytest.approx(mean, rel=1e-5, abs=1e-5)
        assert popart.sigma.item() == pytest.approx(sigma, rel=2e-3)


def test_in_the_long_run_the_newest_batch_counts_by_the_step_size() -> None:
    popart = make(step_size=0.05)
    for _ in range(400):
        popart.update(tensor([-1.0, 1.0]))
    popart.update(tensor([99.0, 101.0]))
    assert popart.mean.item() == pytest.approx(5.0, rel=1e-4)


@pytest.mark.parametrize(
    ("hidden", "duelling", "noisy"), list(product([(), (6,)], [False, True], [None, 0.5])), ids=str
)
def test_values_of_both_networks_stay_as_they_were(
    hidden: tuple[int, ...], duelling: bool, noisy: float | None
) -> None:
    torch.manual_seed(0)
    network, target_network = (
        QNetwork(MLPConfig(widths=(7,)).build((3,)), 4, hidden=hidden, duelling=duelling, noisy=noisy) for _ in range(2)
    )
    target_network.requires_grad_(False)
    draw, inputs, popart = torch.Generator().manual_seed(0), torch.randn(9, 3), make(step_size=0.2)
    resample(network, draw)
    before = [popart.unnormalise(each(inputs)).detach() for each in (network, target_network)]
    normalised = network(inputs).detach()
    for scale in (1.0, 0.1, 20.0, 3.0):
        popart.update(scale * torch.randn(32, generator=draw) + scale, network, target_network)
        for each, values in zip((network, target_network), before):
            torch.testing.assert_close(popart.unnormalise(each(inputs)), values, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(network(inputs), normalised, rtol=0.1)


def test_without_the_rescaling_values_would_move() -> None:
    """So that the test above can fail."""
    network, popart = QNetwork(MLPConfig(widths=(7,)).build((3,)), 4), make()
    inputs = torch.randn(9, 3)
    before = popart.unnormalise(network(inputs))
    popart.update(tensor([2.0, 6.0]))
    assert not torch.allclose(popart.unnormalise(network(inputs)), before, atol=0.1)


def test_parameters_in_one_vector_follow() -> None:
    network, popart = QNetwork(MLPConfig(widths=(7,)).build((3,)), 4), make()
    plain = PlainNetwork([m for m in network.modules() if isinstance(m, torch.nn.Linear)])
    popart.update(tensor([2.0, 6.0]), network)
    inputs = torch.randn(9, 3)
    assert torch.equal(plain.vector[-4:], network.state_dict()["head.bias"])
    torch.testing.assert_close(plain.forward(inputs)[-1], network(inputs).detach())


def test_a_target_far_out_of_the_ordinary_is_small_once_taken_in() -> None:
    popart, step, batch = make(step_size=0.01), 0.01, 8
    for _ in range(1000):
        popart.update(torch.linspace(-1, 1, batch))
    targets = torch.zeros(batch)
    targets[0] = 1e6
    popart.update(targets)
    assert popart.normalise(targets).abs().max() <= math.sqrt((batch - step) / step) * 1.001


def test_deviation_has_a_lower_bound_and_targets_that_agree_leave_finite_numbers() -> None:
    network, popart = QNetwork(MLPConfig(widths=(7,)).build((3,)), 2), make(lowest_sigma=0.25)
    inputs = torch.randn(9, 3)
    before = network(inputs)
    popart.update(tensor([5.0, 5.0]), network)
    assert popart.sigma.item() == 0.25
    assert popart.normalise(tensor([5.0, 6.0])).tolist() == [0.0, 4.0]
    torch.testing.assert_close(popart.unnormalise(network(inputs)), before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30])
def test_targets_that_are_not_finite_change_nothing_and_are_not_hidden(bad: float) -> None:
    network, popart = QNetwork(MLPConfig(widths=(7,)).build((3,)), 2), make()
    popart.update(tensor([2.0, 6.0]), network)
    statistics, weights = deepcopy(popart.state_dict()), deepcopy(network.state_dict())
    targets = tensor([1.0, bad])
    popart.update(targets, network)
    assert all(torch.equal(popart.state_dict()[name], value) for name, value in statistics.items())
    assert all(torch.equal(network.state_dict()[name], value) for name, value in weights.items())
    assert not popart.normalise(targets)[1].abs() < 1e29


def test_a_resumed_one_goes_on_identically_in_the_same_tensors() -> None:
    popart, resumed = make(), make()
    for number in range(3):
        popart.update(torch.arange(4.0) * number)
    mine = {name: value.data_ptr() for name, value in resumed.state_dict().items()}
    resumed.load_state_dict(deepcopy(popart.state_dict()))
    for each in (popart, resumed):
        each.update(tensor([4.0, -9.0]))
    assert all(torch.equal(resumed.state_dict()[name], value) for name, value in popart.state_dict().items())
    assert mine == {name: value.data_ptr() for name, value in resumed.state_dict().items()}  # as captured updates need


def test_no_gradient_and_no_waiting() -> None:
    """On the meta device there are no values to wait for, and tensors of any other device are refused."""
    network = QNetwork(MLPConfig(widths=(7,)).build((3,)), 2, duelling=True).to("meta")
    popart = PopArt(PopArtConfig(), "meta")
    targets = torch.empty(5, device="meta", requires_grad=True)
    popart.update(targets, network)
    assert popart.normalise(targets).device.type == "meta"
    assert not any(value.requires_grad for value in popart.state_dict().values())


@pytest.mark.parametrize("settings", [{"step_size": 0.0}, {"step_size": 1.5}, {"lowest_sigma": 0.0}], ids=str)
def test_settings_are_checked(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        PopArtConfig(**settings)
