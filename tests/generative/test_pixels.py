"""Models of pixels: probabilities of all pictures sum to one, samples come as often, halves are completed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from copy import deepcopy
from itertools import product

import pytest
import torch
from torch import Tensor

from generative.pixel_networks import PixelCNNConfig, PixelNetworkConfig, RowLSTMConfig
from generative.pixels import PixelModel, PixelModelConfig
from lab.checkpoint import digest
from lab.data import Batches, Dataset
from lab.data.binary import drawn
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.seeding import Seeds

Shape = tuple[int, ...]
GREY, COLOURED = (1, 2, 2), (3, 1, 2)
NETWORKS = [
    PixelCNNConfig(channels=6, blocks=2, kernel_size=3, first_kernel_size=3),
    RowLSTMConfig(channels=6, layers=2, first_kernel_size=3),
]
each_network = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
each_shape = pytest.mark.parametrize("shape", [GREY, COLOURED], ids=["grey", "coloured"])


def made(network: PixelNetworkConfig, shape: Shape = GREY, levels: int = 2) -> PixelModel:
    config = PixelModelConfig(levels=levels, optimizer=OptimizerConfig(learning_rate=1e-2), evaluation_batch=7)
    return PixelModel(config, network, shape, Seeds(0))


def every_picture(shape: Shape, levels: int = 2) -> Tensor:
    """In the order of the numbers that their values are digits of."""
    values = torch.tensor(list(product(range(levels), repeat=math.prod(shape))), dtype=torch.float32)
    return values.view(-1, *shape) / (levels - 1)


def labelled(pictures: Tensor) -> Dataset:
    return Dataset(pictures, torch.zeros(len(pictures)))


@each_network
@pytest.mark.parametrize(("shape", "levels"), [(GREY, 2), (GREY, 3), (COLOURED, 2), ((1, 1, 1), 256), ((2, 1, 1), 16)])
def test_the_probabilities_of_all_pictures_sum_to_one(network: PixelNetworkConfig, shape: Shape, levels: int) -> None:
    learner, pictures = made(network, shape, levels), every_picture(shape, levels)
    before = learner.log_probability(pictures).double().exp()
    for _ in range(10):
        learner.update((pictures[1:4], pictures[1:4]))
    after = learner.log_probability(pictures).double().exp()
    for probabilities in (before, after):
        assert float(probabilities.sum()) == pytest.approx(1.0, abs=1e-6)
    assert float(after[1:4].sum()) > 1.2 * float(before[1:4].sum()), "what it has seen is likelier"


@each_network
@each_shape
def test_it_is_judged_by_nats_a_picture_and_bits_a_dimension(network: PixelNetworkConfig, shape: Shape) -> None:
    learner, pictures = made(network, shape), every_picture(shape)[3:5]
    first, second = learner.log_probability(pictures).double().tolist()
    judged = learner.evaluate(labelled(pictures))
    assert float(judged["nll"]) == pytest.approx(-(first + second) / 2)
    assert float(judged["bits"]) == pytest.approx(-(first + second) / 2 / math.log(2) / math.prod(shape))


@each_network
@each_shape
def test_samples_come_as_often_as_they_are_likely(network: PixelNetworkConfig, shape: Shape) -> None:
    learner, pictures = made(network, shape), every_picture(shape)
    for _ in range(60):
        learner.update((pictures[[0, 0, 0, 5, 9]], pictures[:5]))
    probabilities = learner.log_probability(pictures).exp()
    assert float(probabilities[0]) > 0.3
    drawn = learner.sample(4_000, torch.Generator().manual_seed(0))
    digits = math.prod(shape)
    numbers = (drawn.flatten(1) * 2.0 ** torch.arange(digits - 1, -1, -1)).sum(1).long()
    frequency = torch.bincount(numbers, minlength=2**digits) / 4_000
    assert torch.allclose(frequency, probabilities, atol=0.03)


@each_network
def test_samples_of_many_levels_lie_on_them(network: PixelNetworkConfig) -> None:
    learner = made(network, (3, 2, 2), 256)
    drawn = learner.sample(20, torch.Generator().manual_seed(0))
    learner.check(labelled(drawn), {"test": labelled(drawn)})
    assert len(drawn.unique()) > 100, "before it has learnt, levels are about as likely each"


@each_network
@each_shape
def test_what_is_known_stays_and_the_rest_fits_to_it(network: PixelNetworkConfig, shape: Shape) -> None:
    learner = made(network, shape)
    first = torch.tensor([[1.0, 0.0], [1.0, 0.0]]) if shape == GREY else torch.tensor([[1.0, 1.0], [0, 0], [1, 1]])
    both = torch.stack([first.view(shape), 1 - first.view(shape)])
    for _ in range(150):
        learner.update((both, both))
    known = shape[1] * shape[2] // 2
    half = both.clone()
    half.flatten(2)[:, :, known:] = 0
    seen: list[int] = []

    def progress(pixels: Iterable[int]) -> Iterator[int]:
        for pixel in pixels:
            seen.append(pixel)
            yield pixel

    completed = learner.complete(half, known, torch.Generator().manual_seed(0), progress)
    assert torch.equal(completed, both)
    assert seen == list(range(known, shape[1] * shape[2]))


@each_network
@each_shape
def test_it_is_resumed_exactly(network: PixelNetworkConfig, shape: Shape) -> None:
    pictures = every_picture(shape)
    straight, resumed = made(network, shape), made(network, shape)
    for _ in range(4):
        straight.update((pictures, pictures))
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    for learner in (straight, resumed):
        for _ in range(4):
            learner.update((pictures, pictures))
    assert digest(straight.state_dict()) == digest(resumed.state_dict())


@each_network
@pytest.mark.parametrize(("shape", "levels"), [((1, 3, 3), 2), ((3, 2, 3), 4)])
def test_it_passes_the_probe(network: PixelNetworkConfig, shape: Shape, levels: int) -> None:
    values = torch.randint(levels, (6, *shape), generator=torch.Generator().manual_seed(0))
    case = made(network, shape, levels).probe_case(labelled(values / (levels - 1)))
    # The first value is told from nothing and differs between the pictures, so the loss keeps a rest.
    report = case.probe(overfit_to=0.4)
    assert report.passed, f"\n{report}"
    assert "order is kept" in str(report)


@each_network
def test_the_probe_is_handed_the_loss_it_learns_from(network: PixelNetworkConfig) -> None:
    learner, pictures = made(network, COLOURED), every_picture(COLOURED)[10:14]
    case = learner.probe_case(labelled(pictures))
    loss = float(case.loss(case.module, case.inputs).detach())
    assert loss == pytest.approx(float(learner.evaluate(labelled(pictures))["nll"]) / math.prod(COLOURED), rel=1e-5)


def test_the_probe_finds_a_value_that_sees_itself() -> None:
    learner = made(NETWORKS[0], (3, 2, 3))
    first = learner.network[0]
    assert isinstance(first.mask, Tensor)
    first.mask[2, 2, 1, 1] = 1  # blue sees blue
    pictures = torch.rand(4, 3, 2, 3, generator=torch.Generator().manual_seed(0)).round()
    (order,) = [check for check in learner.probe_case(labelled(pictures)).probe().checks if "order" in check.name]
    assert not order.passed


def test_refused() -> None:
    with pytest.raises(ValueError, match="levels is 1, but a pixel takes two values at least"):
        PixelModelConfig(levels=1)
    with pytest.raises(ValueError, match="evaluation_batch is 0"):
        PixelModelConfig(evaluation_batch=0)
    with pytest.raises(ValueError, match=r"The pictures are \[4, 4\], but they have colours, rows and columns. Give"):
        made(NETWORKS[0], (4, 4))
    with pytest.raises(ValueError, match="channels is 6, but the pictures have 4 colours"):
        made(NETWORKS[0], (4, 4, 4))
    learner = made(NETWORKS[0])
    coloured = torch.zeros(5, 3, 2, 2)
    for refusing in (
        lambda: learner.update((coloured, coloured)),
        lambda: learner.log_probability(coloured),
        lambda: learner.complete(coloured, 2, torch.Generator()),
        lambda: learner.check(labelled(coloured), {}),
    ):
        with pytest.raises(ValueError, match=r"The pictures are \[5, 3, 2, 2\], but the model was built for \[N, 1, 2"):
            refusing()
    with pytest.raises(ValueError, match=r"known is 5, but a picture has 4 pixels\. Give a number from 0 to that"):
        learner.complete(torch.zeros(1, 1, 2, 2), 5, torch.Generator())


def test_pictures_off_the_levels_are_refused() -> None:
    grey = labelled(torch.tensor([0.0, 1.0, 0.5]).view(3, 1, 1, 1))
    learner = made(NETWORKS[0], (1, 1, 1))
    with pytest.raises(ValueError, match="Input 2 of the test set has pixels that are not among the 2 levels"):
        learner.check(labelled(torch.zeros(1, 1, 1, 1)), {"test": grey})
    made(NETWORKS[0], (1, 1, 1), levels=3).check(grey, {"test": grey})
    with pytest.raises(ValueError, match="Input 0 of the training set has pixels outside 0 to 1"):
        learner.check(labelled(torch.full((1, 1, 1, 1), 1.5)), {})


@pytest.mark.parametrize("value", [3.0, -1.0, 0.5, float("nan")])
def test_values_off_the_levels_are_refused_wherever_they_are_given(value: float) -> None:
    learner = made(NETWORKS[0])
    pictures = torch.zeros(3, *GREY)
    pictures[1, 0, 0, 1] = value
    for which, refusing in (
        ("1", lambda: learner.log_probability(pictures)),
        ("1", lambda: learner.evaluate(labelled(pictures))),
        ("1", lambda: learner.complete(pictures, 2, torch.Generator())),
        ("1 of the first batch", lambda: learner.update((pictures, pictures))),
    ):
        with pytest.raises(ValueError, match=f"Input {which} has pixels that are not among the 2 levels"):
            refusing()


def test_what_is_not_known_is_not_looked_at() -> None:
    learner, pictures = made(NETWORKS[0]), torch.ones(2, *GREY)
    completed = learner.complete(pictures, 1, torch.Generator().manual_seed(0))
    pictures.flatten(1)[:, 1:] = torch.tensor([float("nan"), 3.0, -1.0])
    assert torch.equal(learner.complete(pictures, 1, torch.Generator().manual_seed(0)), completed)


def test_grey_pictures_are_learnt_where_their_bits_are_drawn_and_refused_where_not() -> None:
    grey, bits = labelled(torch.full((4, *GREY), 0.5)), labelled(torch.zeros(1, *GREY))
    Fit(made(NETWORKS[0]), Batches(grey, 2, Seeds(0), augment=drawn()), {"test": bits}).step()
    as_they_are = Fit(made(NETWORKS[0]), Batches(grey, 2, Seeds(0)), {"test": bits})
    with pytest.raises(ValueError, match=r"Input 0 of the first batch .* draw levels for them as lab\.data\.binary"):
        as_they_are.step()
