"""ae_bricks and the DQN that begins with it: one backbone, one scale, and by the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agents.bricks import chase
from agents.dqn_config import BRICKS_DQN
from agents.environments import Environments
from agents.gathering import gathered
from agents.passes import Passes
from agents.q_network import QNetwork
from experiments.agents import dqn_bricks, dqn_bricks_pretrained
from experiments.generative import ae_bricks
from lab.cli import main
from lab.seeding import Seeds
from lab.transfer import TransferConfig, Transferred
from lab.weights import read_about, read_weights

FEW = ["--training", "200", "--test", "50", "--run.steps", "20", "--run.save-every", "20", "--run.wandb", "off"]
PLAYED = ["--run.steps", "64", "--run.evaluate-every", "0", "--run.wandb", "off"]


def test_it_sees_screens_as_the_network_of_a_dqn_does() -> None:
    trial, seeds = ae_bricks.build(ae_bricks.SMOKE, Seeds(3)), Seeds(3).child("training")
    environments = Environments("lab/Bricks-v0", 8, seeds.child("environments"), settings={"stack": 4})
    screens = torch.from_numpy(gathered(environments, 200, chase, seeds, random=ae_bricks.SMOKE.random))
    passes = Passes(BRICKS_DQN, QNetwork(BRICKS_DQN.backbone.build((4, 12, 12)), 3), torch.device("cpu"))
    assert torch.equal(trial.batches.dataset.inputs, passes.inputs(screens))
    assert trial.batches.dataset.inputs.max() == 1.0


def test_it_is_judged_on_other_episodes() -> None:
    trial = ae_bricks.build(ae_bricks.SMOKE, Seeds(3))
    first, held_out = trial.batches.dataset.inputs[:8], trial.evaluation["test"].inputs[:8]
    assert not torch.equal(first, held_out)
    assert len(trial.evaluation["test"]) == ae_bricks.SMOKE.test


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"stack": 1}, "stack is 1"), ({"training": 0}, "training is 0"), ({"random": 2.0}, "random")],
)
def test_settings_out_of_range_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ae_bricks.Config(**settings)


def test_a_dqn_begins_with_it_by_the_command_line(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "ae_bricks", *FEW]) == 0
    assert main(["run", "dqn_bricks", "--from", "ae_bricks", "--agent.transfer.rate", "0.5", *PLAYED]) == 0
    (record,) = [json.loads(path.read_text()) for path in runs.glob("dqn_bricks/*/seed-0/config.json")]
    agent = record["config"]["agent"]
    assert agent["transfer"]["rate"] == 0.5
    (weights,) = runs.glob("ae_bricks/*/seed-0/backbone-20.safetensors")
    assert agent["transfer"]["weights"] == str(weights)

    capsys.readouterr()
    assert main(["run", "dqn_bricks", "--from", "ae_bricks", "--stack", "3", *PLAYED]) != 0
    assert "taught on inputs of shape [4, 12, 12], but these are [3, 12, 12]" in unwrapped(capsys.readouterr())
    assert main(["run", "sb3_dqn_cartpole", "--from", "ae_bricks"]) != 0
    assert "sb3_dqn_cartpole always begins at random" in unwrapped(capsys.readouterr())


def unwrapped(said: pytest.CaptureResult[str]) -> str:
    return " ".join((said.out + said.err).split())


def test_the_arms_differ_in_what_the_backbone_begins_with_alone() -> None:
    config = dqn_bricks_pretrained.Config()
    arms = dqn_bricks_pretrained.variants(config)
    assert list(arms) == ["scratch", "frozen", "all"]
    for name, arm in arms.items():
        assert replace(arm, agent=replace(arm.agent, transfer=config.agent.transfer)) == config
        assert arm.agent.transfer.frozen is (name == "frozen")
    assert arms["scratch"].agent == dqn_bricks.Config().agent
    alone = replace(config, agent=replace(config.agent, transfer=TransferConfig()))
    assert list(dqn_bricks_pretrained.variants(alone)) == ["scratch"]


@pytest.mark.parametrize("arm", ["frozen", "all"])
def test_what_the_lab_came_with_is_ae_bricks_and_fits(arm: str) -> None:
    taught = dqn_bricks_pretrained.TAUGHT
    about = read_about(taught.weights)
    assert (about["experiment"], about["input_shape"]) == ("ae_bricks", [4, 12, 12])
    trial = dqn_bricks_pretrained.build(dqn_bricks_pretrained.variants(dqn_bricks_pretrained.Config())[arm], Seeds(0))
    backbone = trial.backbone
    assert isinstance(backbone, Transferred)
    for name, tensor in read_weights(taught.weights).items():
        assert torch.equal(backbone.old.state_dict()[name], tensor)
