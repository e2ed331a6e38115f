"""The autoencoder: against principal components, corrupted as it says, and what it refuses."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from generative.autoencoder import Autoencoder, AutoencoderConfig, span_distance
from generative.principal import Principal
from lab.backbones import MLPConfig
from lab.checkpoint import digest
from lab.data import Dataset
from lab.optim import OptimizerConfig
from lab.schedules import cosine
from lab.seeding import Seeds

LINEAR = MLPConfig(widths=())


def made(
    inputs: Tensor, size: int = 2, corruption: float = 0.0, steps: int = 10**6, **beside: Tensor | Dataset
) -> Autoencoder:
    optimizer = OptimizerConfig(learning_rate=2e-2, decay=cosine(1.0, 0.0, steps))
    config = AutoencoderConfig(optimizer=optimizer, size=size, corruption=corruption)
    with Seeds(0).initialising("backbone"):
        backbone = LINEAR.build(tuple(inputs.shape[1:]))
    return Autoencoder(config, backbone, LINEAR, Seeds(0), **beside)  # type: ignore[arg-type]


def stretched() -> Tensor:
    """200 points in five dimensions, of deviations 5, 3, 0.5, 0.4 and 0.3 along directions of their own."""
    draw = torch.Generator().manual_seed(0)
    turned = torch.linalg.qr(torch.randn(5, 5, generator=draw)).Q
    points = torch.randn(200, 5, generator=draw) * torch.tensor([5.0, 3.0, 0.5, 0.4, 0.3]) @ turned
    return points - points.mean(0)


def test_a_linear_one_spans_the_principal_components() -> None:
    inputs = stretched()
    principal = Principal.of(inputs, 2)
    learner = made(inputs, steps=1_500, principal=principal.components.float())
    labels = torch.zeros(len(inputs))
    before = learner.evaluate(Dataset(inputs, labels))
    assert float(before["distance"]) > 0.1
    for _ in range(1_500):
        learner.update((inputs, labels))
    after = learner.evaluate(Dataset(inputs, labels))
    assert float(after["distance"]) < 1e-3
    # A principal component apart: what is lost is the variance of the three other directions.
    values = torch.linalg.eigvalsh(inputs.double().T @ inputs.double() / len(inputs))
    assert principal.error(inputs) == pytest.approx(float(values[:3].sum()) / 5)
    assert float(after["error"]) == pytest.approx(principal.error(inputs), rel=1e-4)


def test_the_distance_of_spans_is_the_sine_of_the_angle() -> None:
    principal = torch.eye(3)[:1]
    angle = 0.3
    assert float(span_distance(torch.tensor([[5.0, 0.0, 0.0]]), principal)) == pytest.approx(0.0, abs=1e-12)
    turned = torch.tensor([[math.cos(angle), math.sin(angle), 0.0]], dtype=torch.float64)
    assert float(span_distance(turned, principal)) == pytest.approx(math.sin(angle))
    assert float(span_distance(torch.tensor([[0.0, 0.0, 2.0]]), principal)) == pytest.approx(1.0)


def test_corruption_sets_its_share_to_0_and_is_the_same_for_the_same_update() -> None:
    inputs = torch.ones(100, 50)
    learner, other = made(inputs, corruption=0.3), made(inputs, corruption=0.3)
    given = learner.corrupted(inputs)
    assert set(given.unique().tolist()) == {0.0, 1.0}
    assert float((given == 0).float().mean()) == pytest.approx(0.3, abs=0.02)
    assert torch.equal(given, other.corrupted(inputs))
    learner.update((inputs, inputs))
    assert not torch.equal(given, learner.corrupted(inputs))


def test_it_learns_to_fill_in_what_was_set_to_0() -> None:
    draw = torch.Generator().manual_seed(0)
    one = torch.randn(300, 1, generator=draw)
    inputs = one.expand(-1, 8).contiguous()  # eight numbers alike, so that any of them tells the others
    plain, denoising = made(inputs, size=1), made(inputs, size=1, corruption=0.5)
    for _ in range(400):
        plain.update((inputs, inputs))
        denoising.update((inputs, inputs))
    broken = denoising.corrupted(inputs)
    errors = [(learner.predict(broken) - inputs).square().mean() for learner in (plain, denoising)]
    assert errors[1] < 0.7 * errors[0]


def test_it_is_resumed_exactly_corruption_included() -> None:
    inputs = stretched()
    straight, resumed = made(inputs, corruption=0.2), made(inputs, corruption=0.2)
    for _ in range(5):
        straight.update((inputs, inputs))
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    for learner in (straight, resumed):
        for _ in range(5):
            learner.update((inputs, inputs))
    assert digest(straight.state_dict()) == digest(resumed.state_dict())


def test_with_a_library_it_says_how_many_of_the_nearest_are_of_the_same_class() -> None:
    inputs = torch.cat([torch.randn(20, 4) + 50, torch.randn(20, 4) - 50])
    labels = torch.tensor([0] * 20 + [1] * 20)
    learner = made(inputs, library=Dataset(inputs, labels))
    assert float(learner.evaluate(Dataset(inputs[15:25], labels[15:25]))["precision"]) == 1.0
    assert float(learner.evaluate(Dataset(inputs[15:25], 1 - labels[15:25]))["precision"]) == 0.0


def test_refused() -> None:
    few = Dataset(torch.zeros(9, 4), torch.zeros(9))
    with pytest.raises(ValueError, match=r"The library has 9 examples, but the 10 nearest are looked for in it"):
        made(torch.zeros(2, 4), library=few)
    with pytest.raises(ValueError, match="size is 0"):
        AutoencoderConfig(size=0)
    with pytest.raises(ValueError, match="corruption is 1"):
        AutoencoderConfig(corruption=1.0)
    inputs = torch.zeros(4, 3)
    inputs[2, 1] = torch.nan
    with pytest.raises(ValueError, match="Input 2 of the test set holds numbers that are not finite"):
        made(inputs).check(Dataset(torch.zeros(2, 3), torch.zeros(2)), {"test": Dataset(inputs, torch.zeros(4))})
