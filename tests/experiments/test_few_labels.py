"""Few labels: what the arms are, and that every kind of backbone can be begun with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.supervised import few_labels
from experiments.supervised.few_labels import Config, variants
from lab.backbones import ConvolutionConfig, InceptionConfig, MLPConfig, ResidualConfig
from lab.config import to_json
from lab.seeding import Seeds
from lab.trained import begun_with
from lab.transfer import TransferConfig, Transferred
from lab.weights import save_weights


def test_three_arms_for_each_number_of_labels() -> None:
    arms = variants(Config())
    assert list(arms)[::5] == ["scratch-50", "frozen-50", "all-50"]
    assert len(arms) == 15
    assert not arms["scratch-500"].transfer.weights
    assert arms["frozen-500"].transfer.frozen
    assert not arms["all-500"].transfer.frozen
    assert arms["all-500"].transfer.weights
    added = variants(replace(Config(), transfer=replace(Config().transfer, added=(16,))))
    assert all(config.transfer.added == (16,) for config in added.values()), "all arms are as large"


def test_the_backbone_that_came_with_the_lab_is_begun_with() -> None:
    frozen = variants(Config())["frozen-50"]
    trial = few_labels.build(replace(frozen, run=replace(frozen.run, device="cpu")), Seeds(0))
    backbone = trial.learner.backbone  # type: ignore[attr-defined]
    assert isinstance(backbone, Transferred)
    assert not any(parameter.requires_grad for parameter in backbone.old.parameters())
    assert float(backbone.old.state_dict()["layers.batch_norm_0.num_batches_tracked"]) > 1_000, "it has learnt"
    assert len(trial.batches.dataset) == 50


@pytest.mark.parametrize(
    "config",
    [
        ConvolutionConfig(channels=(3,), pooling="max", batch_norm=True),
        InceptionConfig(),
        MLPConfig(widths=(8,)),
        ResidualConfig(channels=(4,), blocks=1),
    ],
    ids=lambda config: type(config).__name__,
)
def test_every_kind_of_backbone_of_images_can_be_begun_with(
    config: ConvolutionConfig | InceptionConfig | MLPConfig | ResidualConfig, tmp_path: Path
) -> None:
    about = {"input_shape": [1, 28, 28], "backbone": type(config).__name__, "settings": to_json(config)}
    save_weights(config.build((1, 28, 28)), tmp_path / "old.safetensors", about)
    begun = begun_with("few_labels", Config(transfer=TransferConfig()), str(tmp_path / "old.safetensors"), tmp_path)
    assert begun.backbone == config
    assert begun.transfer.weights == str(tmp_path / "old.safetensors")
