"""Interaction: what it counts and reports, and that judging and showing change nothing."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest

from agents.agent import Transition
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from lab.checkpoint import digest
from lab.seeding import Seeds
from lab.trial import Illustrated, Metrics, State


class Tape:
    """Pushes the cart to the side that the pole leans to, and writes down what happens to it."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.transitions: list[Transition] = []

    def act(self, observations: np.ndarray, explore: bool) -> np.ndarray:
        self.events.append("act" if explore else "judge")
        return (observations[:, 2] > 0).astype(np.int64)

    def learn(self, transition: Transition) -> Metrics:
        self.events.append("learn")
        self.transitions.append(transition)
        return {"loss": 0.5}

    def values(self, observations: np.ndarray) -> np.ndarray:
        return np.tile([1.0, 2.0], (len(observations), 1))

    def state_dict(self) -> State:
        return {"events": len(self.events)}

    def load_state_dict(self, state: State) -> None:
        pass


def trial(num: int = 2, **evaluation: float) -> Interaction:
    environments = Environments("CartPole-v1", num, Seeds(0).child("environments"))
    return Interaction(Tape(), environments, Seeds(0), EvaluationConfig(**evaluation))  # type: ignore[arg-type]


def test_a_step_acts_then_learns_and_counts_every_environment() -> None:
    interaction = trial(num=3)
    interaction.step()
    metrics = interaction.step()
    assert interaction.steps == 6
    assert interaction.unit == "environment steps"
    assert interaction.agent.events == ["act", "learn", "act", "learn"]
    assert metrics == {"loss": 0.5}
    first, second = interaction.agent.transitions
    assert np.array_equal(first.next_observation, second.observation)


def test_reports_return_and_length_of_the_episodes_that_ended() -> None:
    interaction = trial(num=2)
    reported, counted, running = [], [], np.zeros(2)
    for _ in range(200):
        metrics = interaction.step()
        running += interaction.agent.transitions[-1].reward
        last = interaction.agent.transitions[-1].last
        if last.any():
            counted.append(running[last].mean())
            reported.append((metrics["return"], metrics["length"]))
            running[last] = 0
        else:
            assert "return" not in metrics
    assert len(counted) > 3
    assert reported == [(value, value) for value in counted]  # CartPole's reward is 1 a step


def test_evaluation_is_a_function_of_steps_and_seeds_and_changes_nothing() -> None:
    interaction = trial(episodes=5)
    interaction.step()
    before = digest(interaction.state_dict()["environments"])
    one = interaction.evaluate()
    assert interaction.evaluate() == one
    assert digest(interaction.state_dict()["environments"]) == before
    assert one["return"] == one["length"]
    assert one["return_min"] < one["return"]
    assert "act" not in interaction.agent.events[2:]
    other = trial(episodes=5)
    other.step()
    assert other.evaluate() == one
    other.step()
    assert other.evaluate() != one


def test_each_evaluation_episode_is_played_to_its_end_once() -> None:
    interaction = trial(episodes=4)
    judged = interaction.evaluate()
    seeds = Seeds(0).child("evaluation/0")
    lengths = []
    for i in range(4):
        simulator = interaction.environments.fresh(1, seeds)._copies[0]
        observation, _ = simulator.reset(seed=seeds.derive(f"{i}/0") % 2**31)
        length, over = 0, False
        while not over:
            observation, _, terminated, truncated, _ = simulator.step(int(observation[2] > 0))
            length, over = length + 1, terminated or truncated
        lengths.append(length)
    assert judged == {"return": np.mean(lengths), "return_min": min(lengths), "length": np.mean(lengths)}


def test_evaluation_epsilon_makes_it_worse_but_stays_repeatable() -> None:
    steady, shaky = trial(episodes=10), trial(episodes=10, epsilon=1.0)
    assert float(shaky.evaluate()["return"]) < float(steady.evaluate()["return"]) - 10
    assert shaky.evaluate() == shaky.evaluate()


def test_state_round_trip_goes_on_exactly() -> None:
    straight = trial()
    for _ in range(50):
        straight.step()
    resumed = trial()
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    for _ in range(50):
        assert straight.step() == resumed.step()
    assert digest(straight.state_dict()["environments"]) == digest(resumed.state_dict()["environments"])
    assert resumed.steps == straight.steps == 200


def test_plays_one_episode_small_and_short() -> None:
    interaction = trial()
    episode = interaction.play(Seeds(3), max_frames=10, max_width=200)
    length = len(episode.rewards)
    assert length > 20
    assert episode.values is not None
    assert episode.values.shape == (length, 2)
    # CartPole draws 400 x 600 pixels, of which 3 x 3 become one
    assert episode.clip.frames.shape[1:] == (133, 200, 3)
    assert episode.clip.frames.dtype == np.uint8
    assert 5 <= len(episode.clip.frames) <= 10
    assert len(np.unique(episode.clip.frames)) > 2
    assert f"return {length} in {length} steps" in episode.clip.caption
    assert np.array_equal(interaction.play(Seeds(3), max_frames=10, max_width=200).clip.frames, episode.clip.frames)


def test_illustrates_with_an_episode_and_changes_nothing() -> None:
    interaction = trial()
    before = digest(interaction.state_dict()["environments"])
    assert isinstance(interaction, Illustrated)
    clip = interaction.illustrate()["episode"]
    assert len(clip.frames) <= 200
    assert clip.frames.shape[2] <= 400
    assert digest(interaction.state_dict()["environments"]) == before


def test_an_agent_without_a_model_to_probe_is_refused() -> None:
    with pytest.raises(ValueError, match="Tape cannot be probed"):
        trial().probe_case()


@pytest.mark.parametrize("wrong", [{"episodes": 0}, {"epsilon": 1.5}])
def test_wrong_evaluation_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"evaluation.{next(iter(wrong))} is {next(iter(wrong.values()))}"):
        EvaluationConfig(**wrong)  # type: ignore[arg-type]
