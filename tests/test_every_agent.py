"""The contract that every agent keeps, found by itself: a module in agents/ with a class that acts and learns.

Such a module has a function `example` (or several, `example_...`, of several agents) that builds a small agent:
example(observation_shape, num_actions, discount, seeds).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import agents
from agents.agent import Agent, Transition, Valued
from agents.environments import Environments
from lab.checkpoint import digest
from lab.seeding import Seeds
from lab.trial import Metrics

DISCOUNT = 0.9
NUM_ENVIRONMENTS = 4
STEPS = 8_000  # environment steps in which every example learns the fork

Example = Callable[[tuple[int, ...], int, float, Seeds], Agent]


class Fork(gym.Env):
    """Stay for ever or take 7 and stop: only who knows that a time limit is no end stays.

    At A, action 0 leads to B without reward and action 1 ends the episode with reward 7. At B each action gives
    reward 1 and stays. Time limits, of 1 and of 4 steps in turn, interrupt. With discount 0.9 staying is worth
    0.9 * 1 / (1 - 0.9) = 9 at A. Who takes the interruption for an end, learns 1.1 for it; who takes the first
    observation of the next episode for what followed, 6.6; who sees no ends at all, 7 + 9 for stopping.
    """

    observation_space = gym.spaces.Box(0.0, 1.0, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)
    A, B = np.array([1, 0], np.float32), np.array([0, 1], np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.at_b, self.left = False, 1 if self.np_random.random() < 0.5 else 4
        return self.A, {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.left -= 1
        reward, terminated = (1.0, False) if self.at_b else (7.0 * action, action == 1)
        self.at_b = True
        return self.B, reward, terminated, not terminated and self.left == 0, {}


gym.register("tests/Fork-v0", entry_point=Fork)


def agent_classes() -> list[type]:
    """Every class of agents/ that acts and learns, protocols left out."""
    found = []
    for module_info in pkgutil.walk_packages(agents.__path__, "agents."):
        module = importlib.import_module(module_info.name)
        found += [
            thing
            for thing in vars(module).values()
            if inspect.isclass(thing)
            and thing.__module__ == module.__name__
            and all(callable(getattr(thing, verb, None)) for verb in ("act", "learn"))
            and not getattr(thing, "_is_protocol", False)
        ]
    return found


def examples() -> dict[str, Example]:
    """The functions `example` and `example_...` of the modules that have agents."""
    modules = sorted({kind.__module__ for kind in agent_classes()})
    return {
        f"{module}.{name}": thing
        for module in modules
        for name, thing in vars(importlib.import_module(module)).items()
        if (name == "example" or name.startswith("example_")) and callable(thing)
    }


every_agent = pytest.mark.parametrize("make", examples().values(), ids=examples().keys())


def test_every_agent_has_an_example() -> None:
    shown = {type(make((2,), 2, DISCOUNT, Seeds(0))) for make in examples().values()}
    missing = [f"{kind.__module__}.{kind.__name__}" for kind in agent_classes() if kind not in shown]
    assert agent_classes()
    assert not missing, (
        f"{missing}: give the module a function example(observation_shape, num_actions, discount, seeds)"
    )


def interact(agent: Agent, environments: Environments, steps: int, distort: Any = lambda t: t) -> list[Metrics]:
    return [
        agent.learn(distort(environments.step(agent.act(environments.observations, explore=True))))
        for _ in range(steps // environments.num)
    ]


def taught(make: Example, distort: Any = lambda t: t) -> Agent:
    """The example after it has met the fork, through glasses that distort what it sees."""
    agent = make((2,), 2, DISCOUNT, Seeds(1))
    interact(agent, Environments("tests/Fork-v0", NUM_ENVIRONMENTS, Seeds(2)), STEPS, distort)
    return agent


@every_agent
def test_a_time_limit_is_no_end_and_an_end_is_one(make: Example) -> None:
    agent = taught(make)
    assert agent.act(np.stack([Fork.A] * 3), explore=False).tolist() == [0, 0, 0]
    if isinstance(agent, Valued):
        np.testing.assert_allclose(agent.values(Fork.A[None])[0], [9.0, 7.0], rtol=0.1)


def truncation_taken_for_termination(transition: Transition) -> Transition:
    return replace(transition, discount=1.0 - transition.last.astype(np.float32))


def termination_taken_for_truncation(transition: Transition) -> Transition:
    return replace(transition, discount=np.ones_like(transition.discount))


def first_observation_of_the_next_episode(transition: Transition) -> Transition:
    following = np.where(transition.last[:, None], Fork.A, transition.next_observation)
    return replace(transition, next_observation=following)


@pytest.mark.parametrize(
    "mistake",
    [truncation_taken_for_termination, termination_taken_for_truncation, first_observation_of_the_next_episode],
    ids=lambda mistake: mistake.__name__,
)
def test_the_fork_finds_each_mistake(mistake: Callable[[Transition], Transition]) -> None:
    """The test above can fail: an agent that is shown wrong transitions goes the wrong way."""
    make = examples()["agents.dqn.example"]
    assert taught(make, mistake).act(Fork.A[None], explore=False).tolist() == [1]


@every_agent
def test_acting_is_batched(make: Example) -> None:
    agent = make((2,), 3, DISCOUNT, Seeds(0))
    observations = np.random.default_rng(0).random((5, 2), dtype=np.float32)
    together = agent.act(observations, explore=False)
    assert together.shape == (5,)
    apart = [agent.act(observations[i : i + 1], explore=False)[0] for i in range(5)]
    assert together.tolist() == apart
    explored = np.concatenate([agent.act(observations, explore=True) for _ in range(100)])
    assert set(explored.tolist()) == {0, 1, 2}


@every_agent
def test_acting_without_exploring_changes_nothing(make: Example) -> None:
    agent = make((2,), 2, DISCOUNT, Seeds(0))
    interact(agent, Environments("tests/Fork-v0", NUM_ENVIRONMENTS, Seeds(2)), 400)
    before = digest(agent.state_dict())
    agent.act(np.stack([Fork.A, Fork.B]), explore=False)
    assert digest(agent.state_dict()) == before


@every_agent
def test_state_round_trip_goes_on_exactly(make: Example) -> None:
    """Saved, gone on with, taken up by another, gone on with: the same bits, and the saved state is left alone."""
    straight, environments = make((2,), 2, DISCOUNT, Seeds(1)), Environments("tests/Fork-v0", 4, Seeds(2))
    interact(straight, environments, 800)
    state = deepcopy({"agent": straight.state_dict(), "environments": environments.state_dict()})
    saved = digest(state)
    interact(straight, environments, 800)
    assert digest(straight.state_dict()) != digest(state["agent"])

    resumed, others = make((2,), 2, DISCOUNT, Seeds(99)), Environments("tests/Fork-v0", 4, Seeds(2))
    interact(resumed, others, 80)
    resumed.load_state_dict(state["agent"])
    others.load_state_dict(state["environments"])
    assert digest(resumed.state_dict()) == digest(state["agent"])
    interact(resumed, others, 800)
    assert digest(resumed.state_dict()) == digest(straight.state_dict())
    assert digest(state) == saved


@every_agent
def test_same_seed_same_bits(make: Example) -> None:
    ends = []
    for seed in (3, 3, 4):
        agent = make((2,), 2, DISCOUNT, Seeds(seed))
        interact(agent, Environments("tests/Fork-v0", NUM_ENVIRONMENTS, Seeds(2)), 800)
        ends.append(digest(agent.state_dict()))
    assert ends[0] == ends[1] != ends[2]
