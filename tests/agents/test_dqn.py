"""DQN: when it learns, what it values and how it acts, against numbers worked out by hand."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.agent import Transition
from agents.dqn import DQN
from agents.dqn_config import SMALL, DQNConfig
from agents.popart import PopArtConfig
from lab.backbones import MLPConfig
from lab.checkpoint import digest
from lab.probe import probe
from lab.schedules import constant, linear
from lab.seeding import Seeds
from tests.agents.dqn_cases import TINY, continuing, make, parameters, transitions, trial_in


@pytest.mark.parametrize("backbone", [MLPConfig(widths=(8,)), MLPConfig(widths=(8,), activation="tanh")], ids=str)
def test_a_copy_goes_on_identically_and_shares_nothing(backbone: MLPConfig) -> None:
    """In the middle of a block of experience, with the ring turned and Adam's moments filled."""
    agent, experience = make(backbone=backbone, train_every=1, replay_capacity=30), transitions(100)
    for transition in experience[:50]:
        agent.learn(transition)
    copied, before = deepcopy(agent), digest(agent.state_dict())
    assert digest(copied.state_dict()) == before
    for transition in experience[50:]:
        copied.learn(transition)
    assert digest(agent.state_dict()) == before != digest(copied.state_dict())
    for transition in experience[50:]:
        agent.learn(transition)
    assert digest(agent.state_dict()) == digest(copied.state_dict())
    observations = experience[0].observation
    assert np.array_equal(agent.values(observations), copied.values(observations))
    observed = torch.from_numpy(observations)
    assert np.allclose(copied.values(observations), copied.network(observed).detach())  # what acts is what is saved


@pytest.mark.parametrize(
    "switched", [{}, {"popart": True}, {"backbone": MLPConfig(widths=(8,), activation="tanh")}], ids=str
)
def test_what_is_loaded_for_viewing_acts_alike_and_takes_no_replay(switched: dict[str, Any]) -> None:
    agent, viewed = make(**switched), make(**switched)
    for transition in transitions(40, scale=3.0):
        agent.learn(transition)
    observations = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)
    assert not np.allclose(viewed.values(observations), agent.values(observations))
    state = {name: value for name, value in agent.state_dict().items() if name != "replay"}
    viewed.load_for_viewing(state)
    assert np.array_equal(viewed.values(observations), agent.values(observations))
    assert viewed.steps == agent.steps
    assert len(viewed.replay) == 0


def test_targets_away_from_the_cpu_are_computed_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """There every drawn row gets its target, as how many differ is known to the device alone: the same targets."""
    agent = make()
    for transition in transitions(20):
        agent.learn(transition)
    assert agent.target_network is not None
    rows = agent.replay.draw(600).view(3, 200)
    batches = agent.replay.at(rows)
    expected = agent._frozen_outputs(agent.target_network, rows, batches)
    monkeypatch.setattr(agent, "device", SimpleNamespace(type="elsewhere"))
    monkeypatch.setattr(agent.passes, "inputs", lambda observations: observations)
    monkeypatch.delattr(Tensor, "unique")
    torch.testing.assert_close(agent._frozen_outputs(agent.target_network, rows, batches), expected)


def test_learns_when_it_is_time_to_in_environment_steps() -> None:
    agent = make(learn_after=10)
    learnt_at = [i for i, transition in enumerate(transitions(24), 1) if agent.learn(transition)]
    assert learnt_at == [12, 16, 20, 24]
    assert agent.descent.updates == 4 * 3


@pytest.mark.parametrize("num", [1, 3, 8])
def test_several_environments_keep_the_updates_per_environment_step(num: int) -> None:
    """Three over periods of four: one block after two steps, after one and after one, then again."""
    agent = make(learn_after=0)
    for transition in transitions(48 // num, num=num):
        agent.learn(transition)
    assert agent.steps == 48
    assert agent.descent.updates == 48 // 4 * 3


def test_the_target_network_is_copied_on_time_and_frozen_between() -> None:
    agent = make()
    assert agent.target_network is not None
    frozen = []
    for transition in transitions(24):
        agent.learn(transition)
        frozen.append(agent.target_network.head.weight.clone())
    changed = [step for step in range(2, 25) if not torch.equal(frozen[step - 1], frozen[step - 2])]
    assert changed == [8, 16, 24]
    assert torch.equal(agent.target_network.head.weight, agent.network.head.weight)


def test_learning_rate_decays_by_environment_steps() -> None:
    agent, experience = make(learning_rate_decay=linear(1.0, 0.0, 16)), transitions(24)
    for transition in experience[:12]:
        agent.learn(transition)
    assert agent.descent.optimizer.param_groups[0]["lr"] == pytest.approx(1e-2 * 0.25)
    for transition in experience[12:16]:
        agent.learn(transition)
    before = parameters(agent)
    for transition in experience[16:]:
        agent.learn(transition)
    assert torch.equal(parameters(agent), before)


def test_each_environment_explores_by_its_own_chance() -> None:
    agent = make(exploration=constant(0.5))
    observations = np.tile(np.array([1.0, -1.0, 0.5], np.float32), (10_000, 1))
    best = agent.act(observations[:1], explore=False)[0]
    assert (agent.act(observations, explore=False) == best).all()
    differing = (agent.act(observations, explore=True) != best).mean()
    assert abs(differing - 0.25) < 5 * 0.0043  # half explore, half of those draw the best action; sd 0.0043


@pytest.mark.parametrize(("epsilon", "share"), [(0.0, 0.0), (1.0, 0.5)])
def test_exploration_at_its_ends(epsilon: float, share: float) -> None:
    agent = make(exploration=constant(epsilon))
    observations = np.ones((1_000, 3), np.float32)
    best = agent.act(observations[:1], explore=False)[0]
    assert (agent.act(observations, explore=True) != best).mean() == pytest.approx(share, abs=0.08)


def test_greedy_action_has_the_highest_value_and_draws_nothing() -> None:
    agent, observations = make(), np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    before = agent.exploration.bit_generator.state
    values = agent.values(observations)
    assert values.shape == (50, 2)
    assert np.array_equal(agent.act(observations, explore=False), values.argmax(1))
    assert agent.exploration.bit_generator.state == before


def test_dropout_is_off_when_acting_and_on_when_learning() -> None:
    agent = make(backbone=MLPConfig(widths=(64,), dropout=0.5))
    observations = np.ones((4, 3), np.float32)
    assert np.array_equal(agent.values(observations), agent.values(observations))
    seen = []
    agent.network.register_forward_hook(lambda module, inputs, output: seen.append(module.training))
    for transition in transitions(8):
        agent.learn(transition)
    assert seen == [True] * 6
    assert not agent.network.training


def test_values_are_in_the_unit_of_rewards_whatever_is_normalised_or_distributed() -> None:
    """The bandit of below, at a hundred times its rewards; a distribution needs its range to hold them."""
    for switched in ({"popart": True, "popart_settings": PopArtConfig(step_size=0.01)},
                     {"distributional": True, "value_range": (0.0, 400.0), "atoms": 41}):  # fmt: skip
        agent = make(discount=0.5, updates=8, learning_rate=3e-3, replay_capacity=500, **switched)
        both = bandit(scale=100.0)
        for _ in range(600):
            agent.learn(both)
        np.testing.assert_allclose(agent.values(both.observation[:1])[0], [250.0, 300.0], rtol=0.03)


def bandit(scale: float = 1.0) -> Transition:
    """One state, two actions: 0 pays 1 and goes on, 1 pays 3 and ends the episode."""
    observation = np.ones((2, 3), np.float32)
    reward, discount = scale * np.array([1, 3], np.float32), np.array([1, 0], np.float32)
    return Transition(observation, np.array([0, 1]), reward, discount, observation, np.array([False, True]))


def test_learns_the_values_of_a_bandit() -> None:
    agent, both = make(discount=0.5, updates=8, learning_rate=3e-3, replay_capacity=500), bandit()
    for _ in range(600):
        agent.learn(both)
    # q(1) = 3; q(0) = 1 + 0.5 * max(q(0), 3) = 2.5
    np.testing.assert_allclose(agent.values(both.observation[:1])[0], [2.5, 3.0], atol=0.02)


def test_continuous_actions_are_refused_before_anything_is_learnt() -> None:
    with pytest.raises(ValueError, match=r"Pendulum-v1 has the action space Box.*Discrete"):
        trial_in("Pendulum-v1", TINY)


def test_numbered_observations_are_learnt_from_and_resumed_exactly() -> None:
    """FrozenLake tells the number of a field, of 16; the network sees it one-hot."""
    straight, resumed = (trial_in("FrozenLake-v1", SMALL) for _ in range(2))
    while straight.steps < 400:
        straight.step()
    assert isinstance(straight.agent, DQN)
    assert straight.agent.descent.updates > 0
    assert straight.environments.observation_shape == (16,)
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    for trial in (straight, resumed):
        while trial.steps < 700:
            trial.step()
    assert digest(straight.state_dict()) == digest(resumed.state_dict())
    assert 0 <= straight.evaluate()["return"] <= 1


@pytest.mark.parametrize("name", ["CartPole-v1", "FrozenLake-v1"])
def test_passes_the_probe_and_is_left_alone_by_it(name: str) -> None:
    trial = trial_in(name, DQNConfig(), num=2)
    before = digest(trial.state_dict())
    case = trial.probe_case()
    report = probe(case.module, case.inputs, case.loss)
    assert report.passed, str(report)
    assert digest(trial.state_dict()) == before
    assert len(case.inputs.unique(dim=0)) == len(case.inputs) > 8
    again = trial_in(name, DQNConfig(), num=2).probe_case()
    assert torch.equal(again.inputs, case.inputs)
    assert again.loss(again.module, again.inputs) == case.loss(case.module, case.inputs)


def test_small_exercises_every_part_within_a_few_hundred_steps() -> None:
    trial = trial_in("CartPole-v1", SMALL)
    while trial.steps < 400:
        trial.step()
    agent = trial.agent
    assert isinstance(agent, DQN)
    assert len(agent.replay) < 400 > agent.replay.capacity
    assert agent.descent.updates >= agent.copied_at > 0
    assert SMALL.exploration(0) > SMALL.exploration(400) > 0


@pytest.mark.parametrize("written_out", [True, False])
@pytest.mark.parametrize("shape", [(3, 5), (3,), (2, 3, 1)])
def test_observations_of_another_shape_are_refused_when_acting(shape: tuple[int, ...], written_out: bool) -> None:
    agent = DQN(TINY, (3,), 2, Seeds(0), written_out=written_out)
    with pytest.raises(ValueError, match=r"The observations are .*, but the agent was built for \[N, 3\]"):
        agent.act(np.zeros(shape, np.float32), explore=False)


@pytest.mark.parametrize(
    "switched", [{}, {"popart": True}, {"distributional": True, "value_range": (0.0, 4.0)}], ids=str
)
def test_what_it_reports_of_a_bandit(switched: dict[str, Any]) -> None:
    """The one of below: what its two transitions say is 2.5 and 3, and as many of each are drawn."""
    agent = make(discount=0.5, updates=8, learning_rate=3e-3, replay_capacity=500, batch_size=200, **switched)
    reported = [agent.learn(bandit()) for _ in range(600)][-1]
    assert float(reported["value"]) == pytest.approx(2.75, abs=0.1)
    assert reported["exploration"] == 0.5
    assert reported["learning_rate"] == pytest.approx(3e-3 * agent.config.learning_rate_decay(600))


def test_observations_of_another_type_are_refused_when_acting() -> None:
    agent = DQN(TINY, (2, 3), 2, Seeds(0), observation_dtype=np.uint8)
    with pytest.raises(ValueError, match=r"observations are of float32, but the agent was built for uint8"):
        agent.act(np.ones((1, 2, 3), np.float32), explore=False)


def test_batch_norm_is_refused() -> None:
    with pytest.raises(ValueError, match="batch norm"):
        make(backbone=MLPConfig(widths=(8,), batch_norm=True))


def test_waits_for_a_whole_return_before_it_learns() -> None:
    agent = make(learn_after=0, train_every=1, n_step=3)
    learnt = [bool(agent.learn(transition)) for transition in continuing(5)]
    assert learnt == [False, False, True, True, True]
