"""PixelCNN: no pixel sees itself or the future, probabilities of all pictures sum to one, samples come as often."""

from __future__ import annotations

from copy import deepcopy
from itertools import product

import pytest
import torch
from torch import Tensor

from generative.masked import MaskedConvolution
from generative.pixelcnn import PixelCNN, PixelCNNConfig
from lab.checkpoint import digest
from lab.data import Dataset
from lab.optim import OptimizerConfig
from lab.seeding import Seeds


def made(shape: tuple[int, ...] = (1, 2, 2), levels: int = 2, blocks: int = 2) -> PixelCNN:
    config = PixelCNNConfig(
        levels=levels, channels=6, blocks=blocks, first_kernel_size=3, optimizer=OptimizerConfig(learning_rate=1e-2)
    )
    return PixelCNN(config, shape, Seeds(0))


def every_picture(levels: int) -> Tensor:
    values = torch.tensor(list(product(range(levels), repeat=4)), dtype=torch.float32)
    return values.view(-1, 1, 2, 2) / (levels - 1)


def test_masks_by_hand() -> None:
    first, later = MaskedConvolution("A", 1, 1, 3), MaskedConvolution("B", 1, 1, 3)
    assert first.mask.tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert later.mask.tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    with pytest.raises(ValueError, match="kernel_size is 4"):
        MaskedConvolution("A", 1, 1, 4)


def test_no_pixel_sees_itself_or_the_future_and_each_sees_the_past() -> None:
    learner = made((1, 5, 5), blocks=3)
    picture = torch.rand(1, 1, 5, 5)
    jacobian = torch.autograd.functional.jacobian(learner.network, picture)  # [1, 2, 5, 5, 1, 1, 5, 5]
    assert isinstance(jacobian, Tensor)
    reached = jacobian[0, :, :, :, 0, 0].abs().sum(0).flatten(2).flatten(0, 1) > 0  # [25, 25]
    assert not reached.triu().any()
    assert reached[12, 11]
    assert reached[12, :11].sum() >= 8, "of the pixels before it only those out of the kernels' reach are not seen"
    assert not reached[0].any()


@pytest.mark.parametrize("levels", [2, 3])
def test_the_probabilities_of_all_pictures_sum_to_one(levels: int) -> None:
    learner, pictures = made(levels=levels), every_picture(levels)
    for _ in range(5):
        learner.update((pictures[1:4], pictures[1:4]))
    probabilities = learner.log_probability(pictures).double().exp()
    assert float(probabilities.sum()) == pytest.approx(1.0, abs=1e-6)
    judged = learner.evaluate(Dataset(pictures[:1], torch.zeros(1)))
    assert float(judged["nll"]) == pytest.approx(-float(probabilities[0].log()), abs=1e-5)
    assert float(judged["bits"]) == pytest.approx(-float(probabilities[0].log2()) / 4, abs=1e-5)


def test_samples_come_as_often_as_they_are_likely() -> None:
    learner, pictures = made(), every_picture(2)
    for _ in range(60):
        learner.update((pictures[[0, 0, 0, 5, 9]], pictures[:5]))
    probabilities = learner.log_probability(pictures).exp()
    assert float(probabilities[0]) > 0.3
    drawn = learner.sample(4_000, torch.Generator().manual_seed(0))
    number = (drawn.flatten(1) * torch.tensor([8.0, 4.0, 2.0, 1.0])).sum(1).long()
    frequency = torch.bincount(number, minlength=16) / 4_000
    assert torch.allclose(frequency, probabilities, atol=0.03)


def test_what_is_known_stays_and_the_rest_fits_to_it() -> None:
    learner = made()
    both = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]], [[[0.0, 1.0], [0.0, 1.0]]]])
    for _ in range(150):
        learner.update((both, both))
    half = both.clone()
    half[:, :, 1] = 0
    seen: list[int] = []
    completed = learner.complete(
        half, 2, torch.Generator().manual_seed(0), lambda pixels: (seen.append(i) or i for i in pixels)
    )
    assert torch.equal(completed, both)
    assert seen == [2, 3]


def test_it_is_resumed_exactly() -> None:
    pictures = every_picture(2)
    straight, resumed = made(), made()
    for _ in range(4):
        straight.update((pictures, pictures))
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    for learner in (straight, resumed):
        for _ in range(4):
            learner.update((pictures, pictures))
    assert digest(straight.state_dict()) == digest(resumed.state_dict())


def test_refused() -> None:
    with pytest.raises(ValueError, match="levels is 1"):
        PixelCNNConfig(levels=1)
    with pytest.raises(ValueError, match=r"The pictures are \[3, 4, 4\]"):
        made((3, 4, 4))
    grey = Dataset(torch.tensor([0.0, 1.0, 0.5]).view(3, 1, 1, 1), torch.zeros(3))
    with pytest.raises(ValueError, match="Input 2 of the test set has pixels that are not among the 2 levels"):
        made((1, 1, 1)).check(Dataset(torch.zeros(1, 1, 1, 1), torch.zeros(1)), {"test": grey})
