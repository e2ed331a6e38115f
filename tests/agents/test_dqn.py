"""DQN: every switch does what it says, against a plain loop and numbers worked out by hand."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.agent import Transition
from agents.distributional import categorical_loss, categorical_target
from agents.dqn import DQN
from agents.dqn_config import SMALL, SMALL_PIXELS, DQNConfig
from agents.dqn_trial import dqn_in
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from agents.losses import action_error, double_q_learning_target, half_square, huber, q_learning_target
from agents.noisy import resample
from agents.popart import PopArtConfig
from lab.backbones import MLPConfig
from lab.checkpoint import digest
from lab.probe import probe
from lab.schedules import constant, linear
from lab.seeding import Seeds

TINY = DQNConfig(
    backbone=MLPConfig(widths=(8,)),
    learning_rate=1e-2,
    learning_rate_decay=constant(1.0),
    exploration=constant(0.5),
    learn_after=4,
    train_every=4,
    updates=3,
    batch_size=5,
    replay_capacity=50,
    copy_target_every=8,
    max_gradient_norm=None,
)


RAINBOW_PARTS: dict[str, Any] = {
    "double": True,
    "duelling": True,
    "hidden": (6,),
    "n_step": 3,
    "prioritised": True,
    "distributional": True,
    "atoms": 7,
    "value_range": (-5.0, 5.0),
    "noisy": True,
}


def make(**changes: Any) -> DQN:
    return DQN(replace(TINY, **changes), (3,), 2, Seeds(0))


def trial_in(name: str, config: DQNConfig, num: int = 1) -> Interaction:
    environments = Environments(name, num, Seeds(0).child("environments"))
    return dqn_in(environments, config, Seeds(0), evaluation=EvaluationConfig())


def transitions(count: int, num: int = 1, scale: float = 1.0) -> list[Transition]:
    """Steps that follow each other, in episodes that end now and then."""
    draw = np.random.default_rng(5)
    observation, experience = draw.normal(size=(num, 3)).astype(np.float32), []
    for _ in range(count):
        following, terminated = draw.normal(size=(num, 3)).astype(np.float32), draw.random(num) < 0.2
        reward = scale * draw.normal(size=num).astype(np.float32)
        action, discount = draw.integers(2, size=num), 1 - terminated.astype(np.float32)
        experience.append(Transition(observation, action, reward, discount, following, terminated))
        observation = np.where(terminated[:, None], draw.normal(size=(num, 3)).astype(np.float32), following)
    return experience


def parameters(agent: DQN) -> Tensor:
    return torch.cat([p.detach().flatten().clone() for p in agent.network.parameters()])


def plain_dqn(agent: DQN, experience: list[Transition]) -> None:
    """The algorithm as in the papers, one batch and one target after another, on the parts of a fresh agent."""
    config, network, popart = agent.config, agent.network, agent.popart
    optimizer = torch.optim.Adam(network.parameters(), config.learning_rate, fused=True)
    frozen = deepcopy(network)
    for step, transition in enumerate(experience, 1):
        if config.reward_clip is not None:
            transition = replace(transition, reward=transition.reward.clip(-config.reward_clip, config.reward_clip))
        agent.replay.add(transition)
        if step % config.train_every == 0 and step >= config.learn_after:
            drawn = agent.replay.draw(config.updates * config.batch_size).view(config.updates, -1)
            importance = agent.replay.weights(drawn, config.priorities.importance(step)) if config.prioritised else None
            target_network = (frozen if config.frozen_target else network).train(config.noisy)
            if config.noisy:
                resample(frozen, agent.noise)
            for update, rows in enumerate(drawn):
                if not config.experience_replay:
                    rows = agent.replay.newest(config.train_every)
                observation, action, reward, discount, following = agent.replay.at(rows)
                if config.noisy:
                    resample(network.train(), agent.noise)
                with torch.no_grad():
                    next_q, online = target_network(following), network(following) if config.double else None
                    if popart is not None:
                        next_q = popart.unnormalise(next_q)
                if config.distributional:
                    target = categorical_target(reward, discount, next_q, agent.support, online)
                    errors = each = categorical_loss(network(observation), action, target)
                else:
                    target = q_learning_target(reward, discount, next_q)
                    if online is not None:
                        target = double_q_learning_target(reward, discount, online, next_q)
                    if popart is not None:
                        popart.update(target, network, frozen)
                        target = popart.normalise(target)
                    errors = action_error(network(observation), action, target)
                    each = huber(errors) if config.huber else half_square(errors)
                loss = (each if importance is None else each * importance[update]).mean()
                optimizer.zero_grad()
                loss.backward()
                if config.max_gradient_norm is not None:
                    torch.nn.utils.clip_grad_norm_(network.parameters(), config.max_gradient_norm)
                optimizer.step()
                if config.prioritised:
                    agent.replay.prioritise(rows, errors)
        if step % config.copy_target_every == 0:
            frozen.load_state_dict(network.state_dict())


@pytest.mark.parametrize(
    "switched",
    [
        {},
        {"experience_replay": False},
        {"frozen_target": False},
        {"experience_replay": False, "frozen_target": False},
        {"huber": False},
        {"reward_clip": 0.5},
        {"max_gradient_norm": 0.1},
        {"backbone": MLPConfig(widths=(8,), activation="tanh")},
        {"double": True},
        {"duelling": True, "hidden": (6,)},
        {"hidden": (6,)},
        {"n_step": 3},
        {"prioritised": True},
        {"prioritised": True, "duelling": True},
        {"distributional": True, "atoms": 7},
        {"noisy": True},
        {"popart": True},
        {"popart": True, "double": True, "duelling": True},
        RAINBOW_PARTS,
    ],
    ids=str,
)
def test_equals_the_plain_algorithm(switched: dict[str, Any]) -> None:
    agent, plain, experience = make(**switched), make(**switched), transitions(40, scale=3.0)
    untrained = parameters(agent)
    for transition in experience:
        agent.learn(transition)
    plain_dqn(plain, experience)
    # Targets of a whole block at once may round differently in the last bit.
    torch.testing.assert_close(parameters(agent), parameters(plain), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(parameters(agent), untrained, rtol=1e-2)


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


def test_gradients_written_out_and_by_autograd_teach_the_same() -> None:
    learnt = []
    for written_out in (True, False):
        agent = DQN(TINY, (3,), 2, Seeds(0), written_out=written_out)
        assert (agent.plain is not None) == written_out
        for transition in transitions(40, scale=3.0):
            agent.learn(transition)
        learnt.append(parameters(agent))
    torch.testing.assert_close(*learnt, rtol=1e-4, atol=1e-5)


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


def test_every_switch_changes_what_is_learnt() -> None:
    names = ("double", "duelling", "prioritised", "distributional", "noisy", "popart", "bfloat16")
    arms: list[dict[str, Any]] = [{}, *({name: True} for name in names), {"n_step": 2}]
    arms += [{"experience_replay": False}, {"frozen_target": False}, {"huber": False}, {"reward_clip": 0.5}]
    arms += [{"optimizer": "rmsprop"}, {"optimizer_epsilon": 1e-2}, {"hidden": (4,)}]
    learnt = []
    for switched in [*arms, {"max_gradient_norm": 0.01}, {"learning_rate_decay": linear(1.0, 0.0, 20)}]:
        agent = make(copy_target_every=40, **switched)  # seldom, so that the networks disagree
        for transition in transitions(100, scale=3.0):
            agent.learn(transition)
        learnt.append(parameters(agent))
    for i, one in enumerate(learnt):
        for other in learnt[:i]:
            assert one.shape != other.shape or not torch.allclose(one, other, rtol=1e-3, atol=1e-4)


def test_learns_when_it_is_time_to_in_environment_steps() -> None:
    agent = make(learn_after=10)
    learnt_at = [i for i, transition in enumerate(transitions(24), 1) if agent.learn(transition)]
    assert learnt_at == [12, 16, 20, 24]
    assert agent.descent.updates == 4 * 3


def test_several_environments_keep_the_updates_per_environment_step() -> None:
    agent = make(learn_after=0)
    for transition in transitions(6, num=8):
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


def test_pixels_are_kept_as_bytes_and_seen_between_0_and_1() -> None:
    agent = DQN(TINY, (2, 3), 2, Seeds(0), observation_dtype=np.uint8, written_out=False)
    pixels = np.full((1, 2, 3), 255, np.uint8)
    seen = []
    agent.network.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    one = np.ones(1, np.float32)
    for _ in range(8):
        agent.learn(Transition(pixels, np.array([1]), one, one, pixels, np.zeros(1, bool)))
    assert agent.replay.at(agent.replay.newest(1)).observation.dtype == torch.uint8
    assert agent.act(pixels, explore=False).shape == (1,)
    assert seen
    assert all(torch.equal(inputs, torch.ones_like(inputs)) for inputs in seen)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_convolutional_network_computes_in_channels_last_and_resumes_exactly(bfloat16: bool) -> None:
    """The order in memory changes the speed and not the weights' shape; states hold float32."""
    config = replace(SMALL_PIXELS, bfloat16=bfloat16)
    draw = np.random.default_rng(0)
    frames = draw.integers(256, size=(80, 4, 42, 42), dtype=np.uint8)
    one, no = np.ones(1, np.float32), np.zeros(1, bool)
    frames[1:, :-1] = 0  # one stack need not hold the frames of the one before: the replay keeps the newest of each

    def learnt(agent: DQN, first: int, last: int) -> DQN:
        for i in range(first, last):
            agent.learn(Transition(frames[i : i + 1], np.array([i % 3]), one, one, frames[i + 1 : i + 2], no))
        return agent

    def fresh() -> DQN:
        agent = DQN(
            replace(config, learn_after=8), (4, 42, 42), 3, Seeds(0), observation_dtype=np.uint8,
            reward_dtype=np.int32, stack=4,
        )  # fmt: skip
        assert all(
            m.weight.is_contiguous(memory_format=torch.channels_last)
            for m in agent.networks.computing.modules()
            if isinstance(m, torch.nn.Conv2d)
        )
        return agent

    straight = learnt(fresh(), 0, 40)
    state = deepcopy(straight.state_dict())
    assert {p.dtype for p in state["networks"]["network"].values()} == {torch.float32}
    resumed = fresh()
    resumed.load_state_dict(state)
    assert digest(learnt(resumed, 40, 70).state_dict()) == digest(learnt(straight, 40, 70).state_dict())


def test_bfloat16_learns_nearly_the_same() -> None:
    exact, rounded = make(), make(bfloat16=True)
    for transition in transitions(40, scale=3.0):
        exact.learn(transition)
        rounded.learn(transition)
    observations = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)
    untrained = make().values(observations)
    moved = np.abs(exact.values(observations) - untrained).mean()
    assert 0 < np.abs(exact.values(observations) - rounded.values(observations)).mean() < 0.15 * moved


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


def continuing(count: int) -> list[Transition]:
    """Steps of one episode."""
    one, no = np.ones(1, np.float32), np.zeros(1, bool)
    observations = [np.full((1, 3), i, np.float32) for i in range(count + 1)]
    return [Transition(a, np.array([0]), one, one, b, no) for a, b in pairwise(observations)]
