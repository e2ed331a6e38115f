"""DQN that draws and values a block ahead: the same as a plain loop, on another core, resumed exactly."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from threading import current_thread
from typing import Any

import pytest
import torch

from agents.agent import Transition
from agents.dqn import DQN
from agents.losses import action_error, huber, q_learning_target
from agents.passes import Passes
from lab.checkpoint import digest
from tests.agents.dqn_cases import make, parameters, transitions


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def plain_dqn_ahead(agent: DQN, experience: list[Transition]) -> None:
    """Draws the next block after the one before, and asks the target network as it then is."""
    config, network, block = agent.config, agent.network, None
    optimizer = torch.optim.Adam(network.parameters(), config.learning_rate, fused=True)
    frozen = deepcopy(network)

    def drawn() -> list[tuple[Any, Any]]:
        rows = agent.replay.draw(config.updates * config.batch_size).view(config.updates, -1)
        batches = [agent.replay.at(each) for each in rows]
        with torch.no_grad():
            return [(batch, frozen(batch.next_observation)) for batch in batches]

    for step, transition in enumerate(experience, 1):
        agent.replay.add(transition)
        due = step % config.train_every == 0 and step >= config.learn_after
        if due:
            for batch, next_q in block or drawn():
                target = q_learning_target(batch.reward, batch.discount, next_q)
                loss = huber(action_error(network(batch.observation), batch.action, target)).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        if step % config.copy_target_every == 0:
            frozen.load_state_dict(network.state_dict())
        if due:
            block = drawn()


@pytest.mark.parametrize("copy_target_every", [8, 6])  # after a block's updates, or between two blocks
@pytest.mark.parametrize("backbone", ["written out", "autograd"])
def test_equals_the_plain_algorithm(copy_target_every: int, backbone: str, threads: int) -> None:
    settings: dict[str, Any] = {"ahead": True, "copy_target_every": copy_target_every, "replay_capacity": 16}
    if backbone == "autograd":
        settings |= {"duelling": True, "hidden": (6,)}
    agent, plain, behind = make(**settings), make(**settings), make(**settings | {"ahead": False})
    experience = transitions(60, scale=3.0)
    for transition in experience:
        agent.learn(transition)
        behind.learn(transition)
    plain_dqn_ahead(plain, experience)
    torch.testing.assert_close(parameters(agent), parameters(plain), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(parameters(agent), parameters(behind), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("at", range(30, 35))
def test_resumes_exactly_between_two_blocks(at: int, threads: int) -> None:
    """Also where the ring has given up, meanwhile, what was drawn: a block is saved whole."""
    experience = transitions(60)
    straight, resumed = (make(ahead=True, replay_capacity=12, copy_target_every=6) for _ in range(2))
    for transition in experience[:at]:
        straight.learn(transition)
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    copied = deepcopy(straight)
    for transition in experience[at:]:
        for agent in (straight, resumed, copied):
            agent.learn(transition)
    assert digest(straight.state_dict()) == digest(resumed.state_dict()) == digest(copied.state_dict())


def test_the_target_network_works_in_a_thread_of_its_own_if_there_is_one_to_spare(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    outputs = Passes.outputs

    def noted(*arguments: Any) -> torch.Tensor:
        asked.append(current_thread().name)
        return outputs(*arguments)

    monkeypatch.setattr(Passes, "outputs", noted)
    agent = make(ahead=True)
    for transition in transitions(20):
        agent.act(transition.observation, explore=True)
        agent.learn(transition)
    agent.state_dict()  # waits for the last
    assert len(asked) == 6
    assert all(name.startswith("later") for name in asked) == (threads > 1)
    assert torch.get_num_threads() == threads
