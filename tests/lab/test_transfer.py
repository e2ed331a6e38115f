"""Transfer: what begins with what, what learns and how fast, and that what is frozen does not move."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lab.backbones import Backbone, ConvolutionConfig
from lab.config import address
from lab.optim import OptimizerConfig
from lab.seeding import Seeds
from lab.transfer import TransferConfig, Transferred, arms, shares, transferred
from lab.weights import WeightsError, save_weights
from supervised.classifier import Classifier, ClassifierConfig

SHAPE = (1, 6, 6)
CONFIG = ConvolutionConfig(channels=(3, 4), batch_norm=True, dropout=0.5, readout="average")


def backbone(seed: int = 0) -> Backbone:
    torch.manual_seed(seed)
    return CONFIG.build(SHAPE)


@pytest.fixture
def taught(tmp_path: Path) -> tuple[Backbone, TransferConfig]:
    """A backbone whose running statistics have moved, and the file that it was saved to."""
    old = backbone(1)
    old(torch.randn(32, *SHAPE))
    save_weights(old, tmp_path / "old.safetensors", {"input_shape": list(SHAPE)})
    return old, TransferConfig.of(tmp_path / "old.safetensors")


def state_of(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def batch() -> tuple[Tensor, Tensor]:
    return torch.randn(16, *SHAPE, generator=torch.Generator().manual_seed(3)), torch.arange(16) % 5


def test_by_default_the_backbone_is_what_it_was() -> None:
    plain = backbone()
    assert transferred(plain, TransferConfig(), Seeds(0)) is plain


def test_it_begins_with_what_was_taught(taught: tuple[Backbone, TransferConfig]) -> None:
    old, config = taught
    begun = transferred(backbone(2), config, Seeds(0)).eval()
    inputs, _ = batch()
    assert torch.equal(begun(inputs), old.eval()(inputs))


def test_frozen_neither_weights_nor_statistics_move_and_dropout_is_off(taught: tuple[Backbone, TransferConfig]) -> None:
    _, config = taught
    begun = transferred(backbone(2), replace(config, frozen=True, added=(7,)), Seeds(0))
    assert isinstance(begun, Transferred)
    learner = Classifier(ClassifierConfig(), begun, 5, Seeds(0))
    before, added = state_of(begun.old), state_of(begun.new)
    for _ in range(3):
        learner.update(batch())
    learner.predict(batch()[0])
    learner.update(batch())  # back from judging
    assert learner.network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in begun.old.state_dict().items())
    assert not all(torch.equal(added[name], tensor) for name, tensor in begun.new.state_dict().items())
    inputs, _ = batch()
    assert torch.equal(begun.old(inputs), begun.old(inputs)), "no dropout in what is frozen"


def test_what_was_taught_learns_at_its_share_of_the_rate(taught: tuple[Backbone, TransferConfig]) -> None:
    _, config = taught
    begun = transferred(backbone(2), replace(config, rate=0.25), Seeds(0))
    assert isinstance(begun, Transferred)
    settings = ClassifierConfig(optimizer=OptimizerConfig(kind="sgd", learning_rate=0.1))
    learner = Classifier(settings, begun, 5, Seeds(0))
    assert set(shares(learner.network)) == set(begun.old.parameters())
    torch.manual_seed(0)
    before = [parameter.detach().clone() for parameter in learner.network.parameters()]
    learner.update(batch())
    for parameter, was in zip(learner.network.parameters(), before, strict=True):
        share = 0.25 if any(parameter is one for one in begun.old.parameters()) else 1.0
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.detach(), was - 0.1 * share * parameter.grad)


def test_layers_added_to_a_random_backbone_learn_at_the_whole_rate() -> None:
    begun = transferred(backbone(), TransferConfig(added=(7,)), Seeds(0))
    assert begun.out_features == 7
    assert set(shares(begun).values()) <= {1.0}


def test_a_resumed_learner_goes_on_exactly(taught: tuple[Backbone, TransferConfig]) -> None:
    _, config = taught

    def learner(seed: int) -> Classifier:
        settings = ClassifierConfig(optimizer=OptimizerConfig(kind="adamw", weight_decay=0.1))
        return Classifier(settings, transferred(backbone(seed), config, Seeds(0)), 5, Seeds(0))

    straight, stopped = learner(2), learner(2)
    for one in (straight, stopped):
        torch.manual_seed(0)
        one.update(batch())
    resumed = learner(3)
    resumed.load_state_dict(stopped.state_dict())
    for one in (straight, resumed):
        torch.manual_seed(1)
        one.update(batch())
    assert all(
        torch.equal(a, b)
        for a, b in zip(straight.network.state_dict().values(), resumed.network.state_dict().values(), strict=True)
    )


def test_an_input_of_another_shape_is_refused_with_the_reason(taught: tuple[Backbone, TransferConfig]) -> None:
    _, config = taught
    with pytest.raises(WeightsError, match=r"taught on inputs of shape \[1, 6, 6\], but these are \[1, 8, 8\]"):
        transferred(CONFIG.build((1, 8, 8)), config, Seeds(0))
    begun = transferred(backbone(), config, Seeds(0))
    with pytest.raises(ValueError, match=r"given inputs of shape \[2, 3, 6, 6\], but it was built for \[B, 1, 6, 6\]"):
        begun(torch.zeros(2, 3, 6, 6))
    with pytest.raises(ValueError, match=r"type torch.uint8"):
        begun(torch.zeros(2, 1, 6, 6, dtype=torch.uint8))


def test_another_file_in_the_same_place_is_noticed(taught: tuple[Backbone, TransferConfig]) -> None:
    _, config = taught
    save_weights(backbone(5), config.weights)
    with pytest.raises(WeightsError, match="is not the file that this run began with"):
        transferred(backbone(), config, Seeds(0))


def test_the_address_is_of_the_content_not_of_the_place(taught: tuple[Backbone, TransferConfig]) -> None:
    _, config = taught
    moved = replace(config, weights="/elsewhere/old.safetensors")
    assert address("x", moved) == address("x", config)
    assert address("x", replace(config, sha256="0" * 64)) != address("x", config)


def test_the_arms_of_a_comparison(taught: tuple[Backbone, TransferConfig]) -> None:
    _, config = taught
    given = replace(config, rate=0.3, added=(5,), frozen=True)
    scratch = TransferConfig(added=(5,))  # as large a network as the others
    assert arms(given) == {"scratch": scratch, "frozen": given, "all": replace(given, frozen=False)}
    assert arms(TransferConfig(rate=0.3)) == {"scratch": TransferConfig()}
    assert arms(TransferConfig(added=(5,))) == {"scratch": scratch}


def test_what_begins_at_random_cannot_stay_as_it_is() -> None:
    with pytest.raises(ValueError, match=r"transfer\.frozen is set, but the backbone begins at random"):
        transferred(backbone(), TransferConfig(frozen=True), Seeds(0))
    with pytest.raises(ValueError, match=r"transfer\.frozen is set, but the backbone begins at random"):
        arms(TransferConfig(frozen=True))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rate": -0.1}, "transfer.rate is -0.1"),
        ({"weights": "a.safetensors"}, "a file is named by both"),
    ],
)
def test_settings_that_make_no_sense(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TransferConfig(**settings)
