"""DQN: every switch learns what a plain loop of the papers' algorithms learns, and changes what is learnt."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from agents.agent import Transition
from agents.distributional import categorical_loss, categorical_target
from agents.dqn import DQN
from agents.losses import action_error, double_q_learning_target, half_square, huber, q_learning_target
from agents.noisy import resample
from lab.backbones import MLPConfig
from lab.schedules import linear
from lab.seeding import Seeds
from tests.agents.dqn_cases import RAINBOW_PARTS, TINY, make, parameters, transitions


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


def test_gradients_written_out_and_by_autograd_teach_the_same() -> None:
    learnt = []
    for written_out in (True, False):
        agent = DQN(TINY, (3,), 2, Seeds(0), written_out=written_out)
        assert (agent.plain is not None) == written_out
        for transition in transitions(40, scale=3.0):
            agent.learn(transition)
        learnt.append(parameters(agent))
    torch.testing.assert_close(*learnt, rtol=1e-4, atol=1e-5)


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


def test_bfloat16_learns_nearly_the_same() -> None:
    exact, rounded = make(), make(bfloat16=True)
    for transition in transitions(40, scale=3.0):
        exact.learn(transition)
        rounded.learn(transition)
    observations = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)
    untrained = make().values(observations)
    moved = np.abs(exact.values(observations) - untrained).mean()
    assert 0 < np.abs(exact.values(observations) - rounded.values(observations)).mean() < 0.15 * moved
