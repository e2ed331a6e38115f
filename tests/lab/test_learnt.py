"""What is taken of a checkpoint as weights: networks and their statistics, and nothing that only training needs."""

from __future__ import annotations

import pytest
import torch

from lab.experiment import load
from lab.learnt import learnt_weights
from lab.seeding import Seeds

ONE, TWO = torch.ones(2), torch.full((2,), 2.0)
COUNT = torch.tensor(3)


def test_a_learners_networks_are_taken_and_its_optimisers_left() -> None:
    learner = {
        "network": {"norm.weight": ONE, "norm.num_batches_tracked": COUNT},
        "descent": {"updates": 3, "moments": {0: {"exp_avg": ONE}}, "average": {"count": 1, "sums": [ONE]}},
        "optimizer": {"state": {0: {"exp_avg": ONE}}, "param_groups": []},
        "critic_descent": {"moments": {}},
        "statistics": {"mean": TWO, "noise": torch.zeros(4, dtype=torch.uint8), "seen": 5},
        "kept": {"500": ONE},
    }
    found = learnt_weights({"learner": learner, "batches": {"position": TWO}, "steps": 3})
    assert found == {
        "network.norm.weight": ONE,
        "network.norm.num_batches_tracked": COUNT,
        "statistics.mean": TWO,
    }


def test_early_stopping_gives_the_learner_at_its_best() -> None:
    last, best = {"network": {"w": ONE}}, {"network": {"w": TWO}}
    assert learnt_weights({"learner": last, "best": {"kept": best}}) == {"network.w": TWO}
    assert learnt_weights({"learner": best, "best": {"kept": None}}) == {"network.w": TWO}


def test_an_agents_replay_environments_and_target_copy_are_left() -> None:
    networks = {"network": {"w": ONE}, "frozen": {"w": TWO}}
    agent = {"networks": networks, "replay": {"frames": torch.zeros(9, 4)}, "noise": torch.zeros(8, dtype=torch.uint8)}
    assert learnt_weights({"agent": agent, "environments": {"observations": TWO}}) == {"networks.network.w": ONE}


def test_a_trial_of_another_shape_gives_all_its_numbers_of_a_floating_point() -> None:
    assert learnt_weights({"position": ONE, "steps": 3, "generator": COUNT.to(torch.uint8)}) == {"position": ONE}
    assert learnt_weights({"steps": 3}) == {}


@pytest.mark.parametrize("name", ["mlp_digits", "dqn_cartpole", "sb3_dqn_cartpole"])
def test_they_are_the_parameters_of_real_networks(name: str) -> None:
    experiment = load(name)
    trial = experiment.make(experiment.smoke, Seeds(0))
    learner = getattr(trial, "learner", None) or trial.agent
    network = getattr(learner, "network", None)
    module = network if network is not None else learner.model.policy
    found = learnt_weights(trial.state_dict())
    names = sorted(name.partition(".")[2].removeprefix("network.") for name in found)
    assert names == sorted(module.state_dict())
