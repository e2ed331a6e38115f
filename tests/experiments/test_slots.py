"""The experiments on slots: one's own folder, the arms beside each other, and the protocol of the published number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.supervised import slots_cells, slots_snips
from lab.backbones import Jordan, JordanConfig
from lab.seeding import Seeds
from tests.lab.data.test_tagged import written


def test_a_folder_of_ones_own_is_read(tmp_path: Path) -> None:
    config = replace(slots_snips.SMOKE, folder=str(written(tmp_path)), batch_size=2)
    trial = slots_snips.build(config, Seeds(0))
    trial.step()
    metrics = trial.evaluate()
    assert {"valid_slot_f1", "test_slot_f1", "test_accuracy", "test_sentence_accuracy"} <= set(metrics)
    assert metrics["test_accuracy"] == 0.0, "the test request's intent is not among those of the training part"


@pytest.mark.parametrize("arm", ["jordan", "jordan-window"])
def test_a_jordan_network_feeds_back_as_many_tags_as_ones_own_folder_has(arm: str, tmp_path: Path) -> None:
    config = replace(slots_cells.SMOKE, folder=str(written(tmp_path)), batch_size=2)
    trial = slots_cells.build(slots_cells.variants(config)[arm], Seeds(0))
    assert isinstance(trial.backbone, Jordan)
    assert trial.backbone.config.num_outputs == 4, "B-artist, B-city, I-artist and O; B-date is in no training request"
    trial.step()
    assert "test_slot_f1" in trial.evaluate()


def test_the_published_split_is_judged() -> None:
    trial = slots_snips.build(slots_snips.SMOKE, Seeds(0))
    assert {name: len(part) for name, part in trial.evaluation.items()} == {"valid": 700, "test": 700}
    assert len(trial.batches.dataset) == 13_084


def test_the_arms_differ_in_the_network_alone() -> None:
    config = slots_cells.Config()
    arms = slots_cells.variants(config)
    assert list(arms) == ["elman", "jordan", "gru", "lstm", "deep", "bidirectional", "elman-window", "jordan-window"]
    for name, arm in arms.items():
        assert arm.embedding.window == (3 if name.endswith("-window") else 0)
        assert replace(arm, backbone=config.backbone, embedding=config.embedding) == config
        assert replace(arm.embedding, window=0) == config.embedding
        assert arm.backbone.width == config.width
        assert arm.backbone.dropout == config.dropout
    assert isinstance(arms["jordan"].backbone, JordanConfig)
    assert arms["jordan"].backbone.num_outputs == 0, "as many as there are tags"
    assert arms["jordan-window"].backbone == arms["jordan"].backbone
    assert arms["deep"].backbone == replace(arms["lstm"].backbone, num_layers=2)
