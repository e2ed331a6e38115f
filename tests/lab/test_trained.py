"""What a run has learnt is taken from its newest checkpoint, by another experiment or as a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import lab
from lab.backbones import MLPConfig, ResidualConfig
from lab.cli import main
from lab.config import ConfigError, to_json
from lab.experiment import load
from lab.launching import launch
from lab.seeding import Seeds
from lab.store import RunDirectory, RunError
from lab.trained import begun_with, export_backbone, trained
from lab.weights import digest_of, read_about, read_weights, save_weights

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def taught(runs: Path) -> RunDirectory:
    """A finished run whose backbone has other widths than those that `begun` has by default."""
    (run,) = launch("begun", [3], changes={"backbone.widths": (9, 7)})
    return run.directory


def test_the_trial_is_as_the_checkpoint_has_it(taught: RunDirectory) -> None:
    trial, step = trained(taught)
    assert (trial.steps, step) == (20, 20)


def test_a_run_is_loaded_by_its_name_or_its_directory(taught: RunDirectory, runs: Path, tmp_path: Path) -> None:
    expected = trained(taught)[0].learner.backbone.state_dict()
    for trial in (lab.load_run("begun"), lab.load_run(f"begun/{taught.path.parent.name[:3]}/seed-3", runs)):
        found = trial.learner.backbone.state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert lab.load_run(taught).steps == lab.load_run(str(taught.path)).steps == 20
    with pytest.raises(ValueError, match=r"There is no run 'begum' under .*'begun'"):
        lab.load_run("begum")
    with pytest.raises(ValueError, match="There is no run 'begun' under"):
        lab.load_run("begun", tmp_path / "elsewhere")


def test_a_backbone_travels_as_a_file_with_its_settings(taught: RunDirectory, tmp_path: Path) -> None:
    path = export_backbone(taught, tmp_path / "b.safetensors")
    trial, _ = trained(taught)
    weights = read_weights(path)
    for name, tensor in trial.learner.backbone.state_dict().items():
        assert torch.equal(weights.pop(name), tensor)
    assert not weights, "the head stays behind"
    about = read_about(path)
    assert about["input_shape"] == [1, 8, 8]
    assert about["backbone"] == "MLPConfig"
    assert about["settings"]["widths"] == [9, 7]


def test_another_experiment_begins_with_it_and_takes_its_settings(taught: RunDirectory, runs: Path) -> None:
    experiment = load("begun")
    config = begun_with("begun", experiment.Config(), "begun", runs)
    assert config.backbone == MLPConfig(widths=(9, 7))
    trial, theirs = experiment.make(config, Seeds(5)), trained(taught)[0].learner.backbone
    ours = trial.learner.backbone.old
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_what_to_begin_with_lies_beside_the_backbone_wherever_that_is(taught: RunDirectory, runs: Path) -> None:
    config = load("dqn_bricks").Config()
    begun = begun_with("dqn_bricks", config, "begun", runs)
    assert begun.agent.backbone == MLPConfig(widths=(9, 7))
    assert begun.agent.transfer.sha256 == digest_of(begun.agent.transfer.weights)
    unchanged = replace(begun.agent, backbone=config.agent.backbone, transfer=config.agent.transfer)
    assert replace(begun, agent=unchanged) == config


def test_a_backbone_of_a_kind_that_the_experiment_does_not_have_is_refused(runs: Path, tmp_path: Path) -> None:
    described = ResidualConfig()
    about = {"backbone": "ResidualConfig", "settings": to_json(described)}
    save_weights(described.build((4, 12, 12)), tmp_path / "r.safetensors", about)
    with pytest.raises(
        ConfigError, match="backbone of a ResidualConfig, but dqn_bricks takes that of a MLPConfig or Conv"
    ):
        begun_with("dqn_bricks", load("dqn_bricks").Config(), str(tmp_path / "r.safetensors"), runs)
    with pytest.raises(ConfigError, match=r"but begun takes that of a MLPConfig\."):
        begun_with("begun", load("begun").Config(), str(tmp_path / "r.safetensors"), runs)


def test_what_was_begun_with_is_passed_on_without_what_was_added(taught: RunDirectory, runs: Path) -> None:
    config = begun_with("begun", load("begun").Config(), "begun", runs)
    config = replace(config, transfer=replace(config.transfer, added=(5,), frozen=True))
    (run,) = launch("begun", [0], config=config)
    assert run.state == "finished", run.error
    again = read_weights(export_backbone(run.directory))
    assert all(torch.equal(again[name], tensor) for name, tensor in read_weights(config.transfer.weights).items())


def test_from_on_the_command_line(taught: RunDirectory, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "begun", "--from", str(taught.path), "--transfer.frozen", "True"]) == 0
    records = [json.loads(path.read_text()) for path in runs.glob("begun/*/seed-0/config.json")]
    (settings,) = [record["config"]["transfer"] for record in records]
    assert settings["frozen"] is True
    assert Path(settings["weights"]).is_file()
    assert main(["run", "begun", "--from", settings["weights"], "--transfer.frozen", "True"]) == 0
    assert "nothing" in capsys.readouterr().out, "the same file is the same run, however it was named"


def test_export_on_the_command_line(taught: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "begun", "--out", str(tmp_path / "b.safetensors")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "b.safetensors")
    assert main(["export", "begun", "--out", str(tmp_path / "b.zip")]) == 2
    assert "Let the name end in .safetensors" in capsys.readouterr().err
    assert main(["export", "begn"]) == 2
    assert "Did you mean" in capsys.readouterr().err


def test_what_has_nothing_to_give_or_to_take_says_so(runs: Path, taught: RunDirectory) -> None:
    (walk,) = launch("walk", [0])
    with pytest.raises(RunError, match="has no backbone to take"):
        export_backbone(walk.directory)
    with pytest.raises(ConfigError, match=r"walk always begins at random: its Config has no `transfer"):
        begun_with("walk", load("walk").Config(), "begun", runs)
    with pytest.raises(ValueError, match="There is no run 'nowhere'"):
        begun_with("begun", load("begun").Config(), "nowhere", runs)


def test_a_run_that_saved_nothing_has_learnt_nothing(taught: RunDirectory) -> None:
    for checkpoint in taught.checkpoints.iterdir():
        for file in checkpoint.iterdir():
            file.unlink()
        checkpoint.rmdir()
    with pytest.raises(RunError, match="has no checkpoint yet"):
        trained(taught)


def test_averaged_weights_are_handed_on_as_they_are_judged() -> None:
    experiment = load("optimization_regularisers")
    config = experiment.variants(experiment.smoke)["weight-average"]
    trial = experiment.make(config, Seeds(0))
    for _ in range(5):
        trial.step()
    raw = [weight.clone() for weight in trial.learner.backbone.parameters()]
    with trial.learner.descent.averaged():
        judged = [weight.clone() for weight in trial.learner.backbone.parameters()]
    handed = list(trial.backbone.parameters())
    assert all(torch.equal(a, b) for a, b in zip(handed, judged, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(handed, raw, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(trial.learner.backbone.parameters(), raw, strict=True))
