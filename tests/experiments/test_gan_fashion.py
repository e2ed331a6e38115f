"""gan_fashion: what a run shows, what its distances stand beside, and how long each arm may learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from experiments.generative import gan_fashion
from lab.fit import Fit
from lab.seeding import Seeds
from lab.trial import Passage

SMOKE = replace(gan_fashion.SMOKE, run=replace(gan_fashion.SMOKE.run, device="cpu"))


class Means(nn.Module):
    """Features of two halves."""

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.stack([pictures[:, :, :150].mean((1, 2, 3)), pictures[:, :, 150:].mean((1, 2, 3))], 1)


def trained(config: gan_fashion.Config) -> Fit:
    trial = gan_fashion.build(config, Seeds(0))
    for _ in range(25):
        trial.step()
    return trial


def test_a_run_shows_its_pictures_and_the_distances_of_real_ones_and_of_noise_beside_its_own() -> None:
    trial = trained(SMOKE)
    judged = trial.evaluate()
    shown = trial.illustrate()
    assert set(shown) == {"samples", "over_time", "walks", "nearest", "distances"}
    assert "after 10, 20, 25 updates" in shown["over_time"].caption  # type: ignore[union-attr]
    assert isinstance(shown["distances"], Passage)
    lines = shown["distances"].text.splitlines()
    assert [line.split("made up (")[1].split(")")[0] for line in lines] == [
        "the generator in eval mode", "training pictures", "training pictures", "each pixel drawn by itself",
        "uniform noise",
    ]  # fmt: skip
    assert lines[0].startswith(f"Frechet {float(judged['test_frechet']):.4g}, ")
    assert all("50 made up" in line and "100 real" in line and "eval mode)" in line for line in lines)


def test_another_network_judges_where_its_file_is_given(tmp_path: Path) -> None:
    path = tmp_path / "means.pt"
    torch.jit.save(torch.jit.script(Means()), str(path))
    trial = trained(replace(SMOKE, evaluation=replace(SMOKE.evaluation, extractor=str(path))))
    trial.evaluate()
    assert "features of means.pt (SHA-256" in trial.illustrate()["distances"].text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("judging", "said"),
    [
        ({"real": 10_001}, r"evaluation\.real is 10,001, .* Set it from 6 to 10,000"),
        ({"real": 5}, r"evaluation\.real is 5, but at least 6 examples are taken"),
        (
            {"judged": 59_901},
            r"evaluation\.judged is 59,901, .* against 100 others, .* Set it from 6 to 59,900",
        ),
        ({"judged": 5}, r"evaluation\.judged is 5, but more than 5 are judged"),
    ],
)
def test_what_could_not_be_judged_in_the_end_is_refused_when_the_trial_is_built(
    judging: dict[str, int], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        trained(replace(SMOKE, evaluation=replace(SMOKE.evaluation, **judging)))


def test_another_process_than_the_one_that_judged_shows_the_distances_too() -> None:
    trial = trained(SMOKE)
    trial.learner.judgement = None
    assert trial.illustrate()["distances"].text.count("Frechet") == 5


def test_batches_of_one_picture_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size is 1, but it is 2 or more"):
        replace(SMOKE, batch_size=1)


def test_a_budget_that_is_asked_for_is_that_of_the_arm_after_which_the_others_are_measured() -> None:
    arms = gan_fashion.variants(replace(SMOKE, run=replace(SMOKE.run, steps=100)))
    assert {name: arm.run.steps for name, arm in arms.items()} == {
        "dcgan": 100, "mlp": 600, "wgan-gp": 100, "spectral": 100, "peer": 300,
    }  # fmt: skip
    assert len({arm.run.steps // arm.run.log_every for arm in arms.values()}) == 1


def test_the_peers_networks_have_the_published_sizes() -> None:
    peer = gan_fashion.variants(gan_fashion.Config())["peer"]
    trial = trained(peer)
    sizes = {
        name: sum(parameter.numel() for parameter in network.parameters() if parameter.ndim == 2)
        for name, network in vars(trial.learner).items()
        if name in ("generator", "discriminator")
    }
    assert sizes == {
        "generator": 100 * 128 + 128 * 256 + 256 * 512 + 512 * 1024 + 1024 * 784,
        "discriminator": 784 * 512 + 512 * 256 + 256 * 1,
    }
