"""resnet_cifar10 on pictures made here in CIFAR-10's format, as its own are not to be had everywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from experiments.supervised.resnet_cifar10 import SMOKE, TARGET, Config, build
from lab.checkpoint import digest
from lab.data import MissingData, cifar
from lab.data.files import File
from lab.fit import Fit
from lab.run import run
from lab.seeding import Seeds
from supervised.classifier import Classifier
from tests.lab.data.test_cifar import archive, record


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty pictures to train on and ten to be judged on, all of noise."""
    members = {
        name: b"".join(record(label, 10 * file + label) for label in range(10))
        for file, name in enumerate((*cifar.TRAINING, *cifar.TEST))
    }
    path = archive(tmp_path / "cifar-10-binary.tar.gz", members)
    monkeypatch.setattr(File, "find", lambda self: path)


def made(bfloat16: bool) -> Fit:
    config = replace(SMOKE, classifier=replace(SMOKE.classifier, bfloat16=bfloat16))
    return build(replace(config, run=replace(config.run, device="cpu")), Seeds(3))


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("bfloat16", [True, False])
def test_it_trains_and_repeats(bfloat16: bool) -> None:
    first, second = made(bfloat16), made(bfloat16)
    untrained = digest(first.state_dict())
    outcome = run(first, replace(SMOKE.run, steps=15), seeds=Seeds(3))
    assert TARGET.metric.removeprefix("eval/") in first.evaluate()
    assert outcome.state_sha256 != untrained
    for _ in range(15):
        second.step()
    assert digest(second.state_dict()) == outcome.state_sha256


@pytest.mark.usefixtures("pictures")
def test_both_parts_are_normalised_by_the_training_part() -> None:
    trial = made(bfloat16=False)
    train, test = trial.batches.dataset.inputs, trial.evaluation["test"].inputs
    assert (train.shape, test.shape) == ((50, 3, 32, 32), (10, 3, 32, 32))
    torch.testing.assert_close(train.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(train.std((0, 2, 3), correction=0), torch.ones(3))
    # Noise again, so its mean and deviation are nearly those of the training part; exactly they would be its own.
    assert 0 < float(test.mean((0, 2, 3)).abs().max()) < 0.05
    inputs, _ = trial.batches.next()
    assert inputs.shape == (8, 3, 32, 32)


@pytest.mark.usefixtures("pictures")
def test_its_own_network_is_the_papers() -> None:
    trial = build(replace(Config(), batch_size=8, run=replace(Config().run, device="cpu")), Seeds(0))
    assert isinstance(trial.learner, Classifier)
    assert sum(p.numel() for p in trial.learner.network.parameters()) == 11_173_962
    assert trial.backbone is not None
    assert trial.learner.network.memory_format == torch.channels_last


def test_missing_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_DATA", str(tmp_path))
    monkeypatch.setenv("LAB_OFFLINE", "1")
    with pytest.raises(
        MissingData, match=r"cifar-10-binary\.tar\.gz is not there.*Get it from https://www\.cs\.toronto"
    ):
        build(SMOKE, Seeds(0))
