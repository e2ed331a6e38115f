"""How the classifier computes: in bfloat16 over float32 weights, and by an image and its mirror image."""

from __future__ import annotations

import logging

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.backbones import Backbone, ConvolutionConfig, MLPConfig
from lab.checkpoint import digest
from lab.data import Dataset
from lab.optim import OptimizerConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.classifier import Classifier, ClassifierConfig

CONVOLUTIONS = ConvolutionConfig(channels=(4, 8), pooling=("max", "none"), batch_norm=True, readout="average")


def classifier(seed: int = 0, *, average: float | None = None, **settings: bool) -> Classifier:
    """With batch norm, momentum and a decaying learning rate."""
    optimizer = OptimizerConfig(kind="nesterov", learning_rate=0.1, decay=cosine(1.0, 0.0, 60), average=average)
    seeds = Seeds(seed)
    with seeds.initialising("backbone"):
        backbone = CONVOLUTIONS.build((1, 8, 8))
    return Classifier(ClassifierConfig(optimizer=optimizer, **settings), backbone, 2, seeds)


def halves(count: int = 64) -> Dataset:
    """Noise that is brighter in the upper half (class 0) or the lower (class 1)."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, 1, 8, 8, generator=generator)
    labels = torch.randint(0, 2, (count,), generator=generator)
    images[labels == 0, :, :4] += 0.3
    images[labels == 1, :, 4:] += 0.3
    return Dataset(images, labels)


def tensors(state: object) -> list[Tensor]:
    if isinstance(state, Tensor):
        return [state]
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return [tensor for part in parts for tensor in tensors(part)]


def test_it_learns_in_bfloat16_and_nearly_what_float32_learns() -> None:
    data, half, full = halves(), classifier(bfloat16=True), classifier()
    before = half.evaluate(data)
    first = [float(each.update((data.inputs, data.labels))["loss"]) for each in (half, full)]
    assert first[0] == pytest.approx(first[1], rel=0.02)
    assert first[0] != first[1]  # the arithmetic is another
    for _ in range(60):
        half.update((data.inputs, data.labels))
    after = half.evaluate(data)
    assert float(after["accuracy"]) > 0.95
    assert float(after["loss"]) < 0.5 * float(before["loss"])


def test_weights_statistics_moments_loss_and_logits_stay_float32() -> None:
    data, half = halves(), classifier(bfloat16=True, average=0.9)
    metrics = half.update((data.inputs, data.labels))
    found = tensors(half.state_dict())
    assert len(found) > 20
    assert {tensor.dtype for tensor in found} == {torch.float32, torch.int64}  # whole numbers: batches that norms saw
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in half.network.parameters())
    assert metrics["loss"].dtype == half.predict(data.inputs).dtype == torch.float32


def test_the_convolutions_compute_in_bfloat16() -> None:
    data, half = halves(), classifier(bfloat16=True)
    seen: list[torch.dtype] = []
    for layer in half.network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda layer, inputs, output: seen.append(output.dtype))
    half.update((data.inputs, data.labels))
    half.predict(data.inputs)
    assert seen == [torch.bfloat16] * 6


def test_without_it_an_update_is_that_of_a_loop_written_out() -> None:
    """The same bits as the network, the loss and torch's optimiser alone."""
    data, ours, twin = halves(), classifier(), classifier()
    rule = torch.optim.SGD(twin.network.parameters(), 0.1, momentum=0.9, nesterov=True, fused=True)
    inputs = data.inputs.contiguous(memory_format=torch.channels_last)
    decay = cosine(1.0, 0.0, 60)
    for step in range(5):
        ours.update((data.inputs, data.labels))
        rule.param_groups[0]["lr"] = 0.1 * decay(step)
        rule.zero_grad()
        F.cross_entropy(twin.network(inputs), data.labels, reduction="none").mean().backward()
        rule.step()
    assert digest(dict(ours.network.state_dict())) == digest(dict(twin.network.state_dict()))


@pytest.mark.parametrize("average", [None, 0.9])
def test_in_bfloat16_a_state_is_gone_on_from_bit_for_bit(average: float | None) -> None:
    data = halves()
    straight, resumed = (classifier(seed, bfloat16=True, average=average) for seed in (0, 1))
    for _ in range(3):
        straight.update((data.inputs, data.labels))
    straight.evaluate(data)  # casts averaged weights, which must not be what the next update computes with
    resumed.load_state_dict(straight.state_dict())
    for _ in range(3):
        for each in (straight, resumed):
            each.update((data.inputs, data.labels))
    assert digest(resumed.state_dict()) == digest(straight.state_dict())


@pytest.mark.parametrize("native", [True, False])
def test_a_device_that_imitates_bfloat16_is_told(
    native: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lab.precision.has_bfloat16", lambda device: native)
    monkeypatch.setattr(logging.getLogger("lab"), "propagate", True)
    classifier(bfloat16=True)
    assert ("cpu has no instructions for bfloat16" in caplog.text) is not native


class Left(Backbone):
    """[B, 1, 1, 2] -> [B, 1]: the left of two pixels."""

    def __init__(self) -> None:
        super().__init__((1, 1, 2), 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs[:, 0, 0, :1]


def test_a_mirrored_prediction_by_hand() -> None:
    """Of the left pixel and its double, once as it is and once mirrored: 3 and 5 give their mean, 4, and 8."""
    mirrored = Classifier(ClassifierConfig(mirror=True), Left(), 2, Seeds(0))
    head = mirrored.network[1]
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0], [2.0]]))
        head.bias.zero_()
    pixels = torch.tensor([[[[3.0, 5.0]]]])
    assert mirrored.predict(pixels).tolist() == [[4.0, 8.0]]
    # exp(8) / (exp(4) + exp(8)) for class 1; the update sees the image as it is, with logits 3 and 6.
    data = Dataset(pixels, torch.tensor([1]))
    assert float(mirrored.evaluate(data)["loss"]) == pytest.approx(0.0181499, rel=1e-4)  # log(1 + exp(-4))
    assert float(mirrored.update((pixels, data.labels))["loss"]) == pytest.approx(0.0485874, rel=1e-4)  # with exp(-3)


def test_a_mirrored_prediction_is_the_same_for_the_mirror_image() -> None:
    data, mirrored = halves(), classifier(mirror=True)
    images = data.inputs
    assert torch.equal(mirrored.predict(images), mirrored.predict(images.flip(-1)))
    assert not torch.equal(classifier().predict(images), classifier().predict(images.flip(-1)))


def test_only_images_have_a_mirror_image() -> None:
    with pytest.raises(ValueError, match=r"mirror is set, but .* shape \[5\].*Give it images \[C, H, W\], or"):
        Classifier(ClassifierConfig(mirror=True), MLPConfig().build((5,)), 2, Seeds(0))
