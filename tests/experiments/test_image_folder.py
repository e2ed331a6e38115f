"""Images of one's own, from scratch and from a published checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from experiments.supervised import image_folder
from experiments.supervised.image_folder import Config, as_taught
from lab.backbones import ResidualConfig
from lab.data import SMALL, Dataset, digits, split
from lab.fit import Fit
from lab.run import RunConfig, run
from lab.seeding import Seeds
from lab.trained import begun_with
from supervised.classifier import Classifier
from tests.lab.published import PublishedResNet, stirred

RESNET18 = ResidualConfig(channels=(64, 128, 256, 512), blocks=2, stem_kernel_size=7, stem_stride=2, stem_pool=True)
RUN = RunConfig(steps=60, log_every=20, evaluate_every=0, save_every=60, device="cpu", threads=1)


def drawn(folder: Path, count: int = 10) -> Path:
    """Warm pictures and cold ones, of several sizes."""
    chance = np.random.default_rng(0)
    for name, colour in (("cold", 2), ("warm", 0)):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = chance.integers(0, 120, (12 + i, 10, 3)).astype(np.uint8)
            pixels[..., colour] += 100
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def config_of(folder: Path, **settings: object) -> Config:
    small = Config(images=str(folder), height=12, width=12, batch_size=4, run=RUN)
    return replace(small, backbone=ResidualConfig(channels=(4,), blocks=1), **settings)


def test_a_folder_is_learnt_and_judged_by_its_classes(tmp_path: Path) -> None:
    config = config_of(drawn(tmp_path / "mine"))
    trial = image_folder.build(config, Seeds(0))
    assert [len(part) for part in (trial.batches.dataset, *trial.evaluation.values())] == [12, 4, 4]
    assert trial.batches.dataset.inputs.mean((0, 2, 3)).abs().max() < 1e-5
    outcome = run(trial, config.run)
    assert outcome.metrics["eval/test_accuracy"] == 1.0
    assert outcome.metrics["eval/test_f1"] == 1.0
    shown = trial.illustrate()
    assert list(shown) == ["answers", "confusion"]


def test_a_folder_that_was_changed_is_refused(tmp_path: Path) -> None:
    config = config_of(drawn(tmp_path / "mine"))
    (tmp_path / "mine" / "warm" / "0.png").unlink()
    with pytest.raises(ValueError, match="mine was changed"):
        image_folder.build(config, Seeds(0))


def test_a_class_with_too_few_images_is_named(tmp_path: Path) -> None:
    folder = drawn(tmp_path / "mine")
    (folder / "lone").mkdir()
    Image.new("RGB", (9, 9)).save(folder / "lone" / "it.png")
    with pytest.raises(ValueError, match="too few for each of the shares"):
        image_folder.build(config_of(folder), Seeds(0))


def test_without_a_folder_it_learns_the_digits() -> None:
    trial = image_folder.build(image_folder.SMOKE, Seeds(0))
    parts = split(digits(), SMALL, 0, stratified=True)
    for mine, part in zip((trial.batches.dataset, *trial.evaluation.values()), parts):
        assert torch.equal(mine.labels, part.labels)


def test_luminance_has_no_colours_of_imagenet() -> None:
    with pytest.raises(ValueError, match="which is of three colours, but channels is 1"):
        Config(channels=1, normalisation="imagenet")


def test_a_published_checkpoint_of_full_size_is_begun_with(tmp_path: Path) -> None:
    """ResNet-18, 11,689,512 numbers and those of its batch norms, frozen below a new head."""
    published = stirred(PublishedResNet((64, 128, 256, 512))).state_dict()
    weights = {name: 0.1 * each if each.is_floating_point() else each for name, each in published.items()}
    assert sum(each.numel() for name, each in weights.items() if "running" not in name and "tracked" not in name) == (
        11_689_512
    )
    save_file(weights, tmp_path / "resnet18.safetensors")
    config = config_of(drawn(tmp_path / "mine"), height=32, width=32, normalisation="imagenet")
    config = replace(config, backbone=RESNET18)
    config = begun_with("image_folder", config, str(tmp_path / "resnet18.safetensors"), tmp_path)
    config = replace(config, transfer=replace(config.transfer, frozen=True))
    trial = image_folder.build(config, Seeds(0))
    assert isinstance(trial, Fit)
    assert isinstance(trial.learner, Classifier)
    before = {name: each.clone() for name, each in trial.learner.network.state_dict().items()}
    trial.step()
    after = trial.learner.network.state_dict()
    taught = {name for name, each in after.items() if not torch.equal(each, before[name])}
    assert taught == {"1.weight", "1.bias"}, "the head's alone"
    ours = sums({name: each for name, each in after.items() if name not in taught})
    assert ours == pytest.approx(sums({name: each for name, each in weights.items() if "fc" not in name}))


def sums(weights: dict[str, torch.Tensor]) -> list[float]:
    return sorted(float(each.sum()) for each in weights.values() if each.is_floating_point())


def test_colours_are_normalised_as_the_checkpoint_was_taught() -> None:
    """Black is minus the mean over the deviation."""
    black = as_taught(Dataset(torch.zeros(1, 3, 2, 2), torch.zeros(1, dtype=torch.int64)))
    assert black.inputs[0, :, 0, 0].tolist() == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])
