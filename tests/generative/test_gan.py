"""Adversarial networks: who learns when, exactness, spectral norms, and collapse that is told."""

from __future__ import annotations

import logging
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from generative.gan import GAN, WATCHED, GANConfig, relative_spread, spread
from generative.judge import Judge
from lab.backbones import MLPConfig
from lab.checkpoint import digest
from lab.data import Dataset
from lab.optim import NonFinite, OptimizerConfig
from lab.schedules import linear
from lab.seeding import Seeds

FAST = OptimizerConfig(learning_rate=2e-3, betas=(0.5, 0.999))
ARMS = {
    "log": GANConfig(generator_optimizer=FAST, discriminator_optimizer=FAST, size=4),
    "wasserstein": GANConfig(
        loss="wasserstein", penalty=10.0, discriminator_updates=2, generator_optimizer=FAST,
        discriminator_optimizer=FAST, size=4,
    ),
    "spectral": GANConfig(
        loss="hinge", spectral=True, generator_optimizer=FAST, discriminator_optimizer=FAST, size=4
    ),
}  # fmt: skip


def made(config: GANConfig, **beside: Any) -> GAN:
    with Seeds(0).initialising("backbone"):
        backbone = MLPConfig(widths=(32,)).build((1, 2, 2))
    return GAN(config, backbone, MLPConfig(widths=(32,)), Seeds(0), **{"judged": 200} | beside)


def pictures(count: int = 64) -> Tensor:
    """Half of them bright on the left, half on the right."""
    draw = torch.Generator().manual_seed(0)
    left = (torch.rand(count, 1, 1, 1, generator=draw) < 0.5).float()
    column = torch.cat([left, 1 - left], -1).expand(-1, 1, 2, 2)
    return 0.1 + 0.8 * column + 0.02 * torch.randn(count, 1, 2, 2, generator=draw)


@pytest.mark.parametrize("config", ARMS.values(), ids=ARMS)
def test_each_learns_at_its_turn(config: GANConfig) -> None:
    learner, real = made(config), pictures()
    for update in range(1, 5):
        before = deepcopy(learner.state_dict())
        metrics = learner.update((real, real))
        turn = update % config.discriminator_updates == 0
        assert ("generator_loss" in metrics) == turn
        assert "discriminator_loss" in metrics
        assert (
            digest({"": before["generator_descent"]}) != digest({"": learner.generator_descent.state_dict()})
        ) == turn
        assert learner.discriminator_descent.updates == update


@pytest.mark.parametrize("config", ARMS.values(), ids=ARMS)
def test_it_comes_to_make_both_kinds(config: GANConfig) -> None:
    learner, real = made(config), pictures(256)
    for _ in range(1_500):
        learner.update((real, real))
    drawn = learner.sample(500, torch.Generator().manual_seed(1))
    left = drawn[:, 0, :, 0].mean(1) > drawn[:, 0, :, 1].mean(1)
    assert 0.15 < float(left.float().mean()) < 0.85
    apart = (drawn[:, 0, :, 0] - drawn[:, 0, :, 1]).abs().mean(1)
    assert float(apart.median()) == pytest.approx(0.8, abs=0.2)


@pytest.mark.parametrize("config", ARMS.values(), ids=ARMS)
def test_it_is_resumed_exactly(config: GANConfig) -> None:
    straight, resumed, real = made(config), made(config), pictures()
    for _ in range(5):
        straight.update((real, real))
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    for learner in (straight, resumed):
        for _ in range(5):
            learner.update((real, real))
    assert digest(straight.state_dict()) == digest(resumed.state_dict())


def test_judging_changes_nothing_and_is_the_same_twice() -> None:
    learner, real = made(ARMS["spectral"], judge=Judge(lambda x: x.flatten(1), "some")), pictures()
    learner.update((real, real))
    data, before = Dataset(real, torch.zeros(len(real))), digest(learner.state_dict())
    first = learner.evaluate(data)
    assert learner.evaluate(data) == first
    assert digest(learner.state_dict()) == before
    assert set(first) == {"spread", "frechet", "kernel", "precision", "recall", "density", "coverage"}
    assert "200 made up (the generator in eval mode) against 64 real (some)" in str(learner.judgement)


def test_the_spectral_norm_is_the_largest_singular_value() -> None:
    learner, real = made(ARMS["spectral"]), pictures()
    for _ in range(30):
        learner.update((real, real))
    with torch.no_grad():
        for _ in range(100):  # one step of the power iteration each, without a weight that moves on
            learner.discriminator.train()(real)
        learner.discriminator.eval()
        linear = [module for module in learner.discriminator.modules() if isinstance(module, torch.nn.Linear)]
        norms = [float(torch.linalg.svdvals(module.weight)[0]) for module in linear]
    assert norms == pytest.approx([1.0, 1.0], abs=1e-3)


def test_a_gain_multiplies_the_answers() -> None:
    plain, raised = (made(replace(ARMS["spectral"], gain=gain)).discriminator.eval() for gain in (1.0, 16.0))
    raised.load_state_dict(plain.state_dict())
    assert torch.allclose(raised(pictures()), 16 * plain(pictures()))


def test_collapse_is_told(caplog: pytest.LogCaptureFixture) -> None:
    learner, real = made(ARMS["log"]), pictures()
    with torch.no_grad():
        for parameter in learner.generator.decoder.layers[1].parameters():
            parameter.zero_()
    with caplog.at_level(logging.WARNING, "lab"):
        for _ in range(3):
            assert float(learner.evaluate(Dataset(real, torch.zeros(len(real))))["spread"]) == 0.0
    assert caplog.text.count("The generator has collapsed") == 1


def test_two_pictures_that_are_repeated_are_told_although_they_are_far_apart(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, real = made(ARMS["log"], judge=Judge(lambda x: x.flatten(1), "some")), pictures(1_000)
    left = (real[:, 0, 0, 0] > 0.5).float()
    two = real[[int(left.argmax()), int(left.argmin())]]
    monkeypatch.setattr(learner, "made", lambda noise: two.repeat(len(noise) // 2, 1, 1, 1))
    with caplog.at_level(logging.WARNING, "lab"):
        judged = learner.evaluate(Dataset(real, torch.zeros(len(real))))
    assert float(judged["spread"]) == pytest.approx(1.0, abs=0.05)
    assert judged["precision"] == 1.0
    assert caplog.text.count("The generator has collapsed to few pictures") == 1


def test_a_discriminator_that_has_won_is_told_while_it_learns(caplog: pytest.LogCaptureFixture) -> None:
    still = OptimizerConfig(learning_rate=0.0)
    learner, real = made(replace(ARMS["log"], generator_optimizer=still)), pictures()
    learner.balance.every = 100
    with caplog.at_level(logging.WARNING, "lab"):
        for _ in range(1_000):
            metrics = learner.update((real, real))
    assert float(metrics["discriminator_right"]) == 1.0
    assert caplog.text.count("The discriminator has won") == 1


def test_losses_that_run_off_are_told(caplog: pytest.LogCaptureFixture) -> None:
    wild = OptimizerConfig(learning_rate=0.3)
    config = replace(ARMS["wasserstein"], penalty=1e-12, discriminator_updates=1_000, discriminator_optimizer=wild)
    learner, real = made(config), pictures()
    learner.balance.every = 10
    with caplog.at_level(logging.WARNING, "lab"):
        for _ in range(60):
            learner.update((real, real))
    assert caplog.text.count("The losses run off") == 1


def test_an_adversary_whose_loss_is_no_number_is_named() -> None:
    learner, real = made(ARMS["log"]), pictures()
    real[3] = float("nan")
    with pytest.raises(NonFinite, match="discriminator_loss is nan"):
        learner.update((real, real))
    learner, real = made(ARMS["log"]), pictures()
    with torch.no_grad():
        learner.discriminator.head.bias.fill_(-float("inf"))
    with pytest.raises(NonFinite, match="generator_loss is inf"):
        learner._teach_generator(8)


def test_pictures_of_the_same_noise_are_kept_each_time_the_updates_double() -> None:
    config = replace(ARMS["wasserstein"], first_kept=3)
    learner, resumed, real = made(config), made(config), pictures()
    for update in range(1, 14):
        learner.update((real, real))
        if update == 6:
            assert torch.equal(learner.kept[6], (255 * learner.made(learner.watched)).byte())
    progress = learner.progress()
    assert list(progress) == [3, 6, 12, 13]
    assert {tuple(each.shape) for each in progress.values()} == {(WATCHED, 1, 2, 2)}
    assert torch.equal(progress[13], learner.made(learner.watched))
    resumed.load_state_dict(deepcopy(learner.state_dict()))
    assert all(torch.equal(a, b) for a, b in zip(progress.values(), resumed.progress().values(), strict=True))


def test_a_penalty_beside_batch_norm_is_refused() -> None:
    backbone = MLPConfig(widths=(8,), batch_norm=True).build((1, 2, 2))
    with pytest.raises(ValueError, match=r"penalty is 10\.0, but the discriminator has batch norm"):
        GAN(ARMS["wasserstein"], backbone, MLPConfig(widths=(8,)), Seeds(0))


def test_norms_and_falling_rates_are_told_for_each_network() -> None:
    clipped = replace(FAST, max_norm=1.0, decay=linear(1.0, 0.0, 10))
    learner, real = made(replace(ARMS["log"], generator_optimizer=clipped, discriminator_optimizer=FAST)), pictures()
    learner.update((real, real))
    metrics = learner.update((real, real))
    assert metrics["generator_learning_rate"] == pytest.approx(0.9 * FAST.learning_rate)
    assert float(metrics["generator_gradient_norm"]) > 0
    assert not any(name.startswith(("discriminator_g", "discriminator_learn")) for name in metrics)


def test_after_a_generators_turn_that_failed_the_discriminator_still_learns() -> None:
    learner = made(ARMS["log"])
    with torch.no_grad():
        learner.discriminator.head.bias.fill_(-float("inf"))
    with pytest.raises(NonFinite):
        learner._teach_generator(8)
    assert all(parameter.requires_grad for parameter in learner.discriminator.parameters())


def test_what_a_backbone_came_with_frozen_stays_frozen() -> None:
    with Seeds(0).initialising("backbone"):
        backbone = MLPConfig(widths=(32,)).build((1, 2, 2))
    backbone.requires_grad_(False)
    learner, real = GAN(ARMS["log"], backbone, MLPConfig(widths=(32,)), Seeds(0)), pictures()
    before = digest(dict(backbone.state_dict()))
    learner.update((real, real))
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    assert digest(dict(backbone.state_dict())) == before


def test_what_was_judged_before_is_forgotten_with_the_state_it_was_of() -> None:
    learner, real = made(ARMS["log"], judge=Judge(lambda x: x.flatten(1), "some")), pictures(200)
    learner.evaluate(Dataset(real, torch.zeros(len(real))))
    assert learner.judgement is not None
    learner.load_state_dict(learner.state_dict())
    assert learner.judgement is None


def test_spread_by_hand() -> None:
    apart = torch.tensor([[0.0, 0.0], [6.0, 8.0]])
    assert float(spread(apart)) == pytest.approx(5.0)
    assert float(relative_spread(apart, 2 * apart)) == pytest.approx(0.5)
    assert float(relative_spread(apart, torch.ones(3, 2))) == pytest.approx(5e6), "real ones all alike"


def test_refused() -> None:
    with pytest.raises(ValueError, match="size is 0"):
        GANConfig(size=0)
    with pytest.raises(ValueError, match="penalty is -1"):
        GANConfig(penalty=-1.0)
    for gain in (0.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"gain is {gain}"):
            GANConfig(gain=gain)
    for penalty in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"penalty is {penalty}"):
            GANConfig(penalty=penalty)
    with pytest.raises(ValueError, match="judged is 0"):
        made(ARMS["log"], judged=0)
    with pytest.raises(ValueError, match="nothing bounds how steep the critic may be"):
        GANConfig(loss="wasserstein")
    assert GANConfig(loss="wasserstein", spectral=True).penalty == 0
    dark = Dataset(torch.tensor([0.0, -0.5]).view(2, 1, 1, 1), torch.zeros(2))
    with pytest.raises(ValueError, match="Input 1 of the training set has pixels outside 0 to 1"):
        made(ARMS["log"]).check(dark, {})
