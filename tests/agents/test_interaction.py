"""Interaction: what it counts and reports, and that judging and showing change nothing."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from agents.agent import Transition
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from agents.simulator import NothingToSee
from agents.viewing import AnotherEpisode
from lab.checkpoint import Checkpoints, digest
from lab.probe import Case
from lab.records import Records
from lab.run import run
from lab.seeding import Seeds
from lab.trial import Illustrated, Metrics, Recorded, Replayable, State
from tests.toys import lean


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


def trial(num: int = 2, overlap: bool = False, **evaluation: float) -> Interaction:
    environments = Environments("CartPole-v1", num, Seeds(0).child("environments"))
    judged = EvaluationConfig(**evaluation)  # type: ignore[arg-type]
    return Interaction(Tape(), environments, Seeds(0), judged, overlap=overlap)


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


def test_overlapped_it_learns_from_the_transition_before_while_the_next_is_made() -> None:
    interaction = trial(num=2, overlap=True)
    tape: list[str] = interaction.agent.events
    environments = interaction.environments
    send, recv = environments.send, environments.recv
    environments.send = lambda actions: (tape.append("send"), send(actions))[1]  # type: ignore[method-assign]
    environments.recv = lambda: (tape.append("recv"), recv())[1]  # type: ignore[method-assign]
    assert interaction.step() == {}
    assert interaction.step() == {"loss": 0.5}
    interaction.step()
    assert tape == ["act", "send", "recv", *["act", "send", "learn", "recv"] * 2]
    assert interaction.steps == 6
    straight = trial(num=2)
    for _ in range(3):
        straight.step()
    # What is learnt from is the same, one step later; this agent's actions do not depend on it.
    assert len(interaction.agent.transitions) == 2
    for one, other in zip(interaction.agent.transitions, straight.agent.transitions):
        for field in ("observation", "action", "reward", "discount", "next_observation", "last"):
            assert np.array_equal(getattr(one, field), getattr(other, field))


def test_an_agent_that_runs_ahead_learns_before_its_actions_are_waited_for() -> None:
    class Ahead(Tape):
        runs_ahead = True

        def ask(self, observations: np.ndarray, explore: bool) -> Callable[[], np.ndarray]:
            actions = self.act(observations, explore)

            def given() -> np.ndarray:
                self.events.append("given")
                return actions

            return given

    overlapped = trial(num=2, overlap=True)
    ahead = Interaction(Ahead(), trial(num=2).environments, Seeds(0), overlap=True)
    for _ in range(20):
        assert overlapped.step() == ahead.step()
    assert ahead.agent.events[:8] == ["act", "given", *["act", "learn", "given"] * 2]
    for one, other in zip(overlapped.agent.transitions, ahead.agent.transitions, strict=True):
        assert one.observation.tobytes() == other.observation.tobytes()
        assert one.action.tobytes() == other.action.tobytes()


def test_overlapped_it_goes_on_exactly_with_the_transition_that_waits() -> None:
    straight = trial(overlap=True)
    for _ in range(50):
        straight.step()
    state = deepcopy(straight.state_dict())
    assert "waiting" not in trial().state_dict(), "not overlapping, the state is as it always was"
    resumed = trial(overlap=True)
    for _ in range(3):
        resumed.step()
    resumed.load_state_dict(state)
    before = len(straight.agent.transitions), len(resumed.agent.transitions)
    for _ in range(50):
        assert straight.step() == resumed.step()
    learnt = straight.agent.transitions[before[0] :], resumed.agent.transitions[before[1] :]
    for one, other in zip(*learnt, strict=True):
        assert one.observation.tobytes() == other.observation.tobytes()
        assert one.next_observation.tobytes() == other.next_observation.tobytes()
    fresh = trial(overlap=True)
    fresh.load_state_dict(deepcopy(trial(overlap=True).state_dict()))
    assert fresh.step() == {}, "before the first step nothing waits"


def test_records_each_episode_once_with_the_step_at_which_it_ended() -> None:
    interaction = trial(num=2)
    assert isinstance(interaction, Recorded)
    due, running = [], np.zeros(2)
    for _ in range(200):
        interaction.step()
        running += 1
        for copy in np.flatnonzero(interaction.agent.transitions[-1].last):
            due.append(("training", interaction.steps, copy, running[copy], running[copy]))
            running[copy] = 0
    taken = interaction.take_records()
    assert [tuple(record[key] for key in ("kind", "step", "copy", "length", "return")) for record in taken] == due
    assert [record["episode"] for record in taken if record["copy"] == 1] == list(range(sum(d[2] == 1 for d in due)))
    assert interaction.take_records() == []
    first = next(record for record in taken if record["copy"] == 0)
    actions = [int(transition.action[0]) for transition in interaction.agent.transitions[: first["length"]]]
    assert first["actions"].tolist() == actions
    assert first["seed"] == Seeds(0).child("environments").derive("0/0") % 2**31


def test_records_the_episodes_of_an_evaluation() -> None:
    interaction = trial(episodes=3)
    interaction.step()
    judged = interaction.evaluate()
    taken = interaction.take_records()
    assert [(record["kind"], record["step"]) for record in taken] == [("evaluation", 2)] * 3
    assert np.mean([record["return"] for record in taken]) == judged["return"]
    assert len({record["seed"] for record in taken}) == 3


def test_records_are_no_part_of_the_state() -> None:
    interaction = trial(num=2)
    for _ in range(100):
        interaction.step()
    state = deepcopy(interaction.state_dict())
    interaction.load_state_dict(state)
    assert interaction.take_records() == [], "what was recorded before is not of the way that goes on from here"
    for _ in range(100):
        interaction.step()
    before = digest(interaction.state_dict())
    assert interaction.take_records()
    assert digest(interaction.state_dict()) == before


@pytest.mark.parametrize("overlap", [False, True])
def test_cut_off_again_and_again_it_ends_the_same_and_records_each_episode_once(overlap: bool, tmp_path: Path) -> None:
    """By an error, which loses what came after the newest checkpoint."""
    config = lean.Config(overlap=overlap)

    def attempt(folder: Path, breaks_after: int | None = None) -> str | None:
        def stop() -> str:
            if breaks_after is not None and interaction.steps >= breaks_after:
                raise ZeroDivisionError
            return ""

        interaction = lean.build(config, Seeds(4))
        checkpoints, records = Checkpoints(folder / "checkpoints"), Records(folder / "episodes")
        return run(interaction, config.run, None, checkpoints, records=records, stop=stop).state_sha256

    straight = attempt(tmp_path / "straight")
    for steps in (100, 180, 320, 460, 598):
        with pytest.raises(ZeroDivisionError):
            attempt(tmp_path / "broken", steps)
    assert attempt(tmp_path / "broken") == straight
    due, found = (Records(tmp_path / which / "episodes").read() for which in ("straight", "broken"))
    assert len(due) > 10
    assert [digest(record) for record in found] == [digest(record) for record in due]


def test_rehearses_the_same_episode_for_the_same_steps_without_recording_it() -> None:
    interaction = trial()
    assert isinstance(interaction, Replayable)
    one = interaction.rehearse()
    assert one["kind"] == "rehearsal"
    assert one["return"] == one["length"] == len(one["actions"]) > 20
    again = interaction.rehearse()
    assert again["actions"].tolist() == one["actions"].tolist()
    assert interaction.take_records() == []
    assert "act" not in interaction.agent.events
    interaction.step()
    assert interaction.rehearse()["seed"] != one["seed"]


def test_rehearses_with_the_share_of_random_actions_that_evaluations_have() -> None:
    one, again, steady = trial(epsilon=0.5).rehearse(), trial(epsilon=0.5).rehearse(), trial().rehearse()
    assert one["actions"].tolist() == again["actions"].tolist()
    assert one["seed"] == steady["seed"], "what is random is drawn beside the episode's own seed"
    assert one["actions"].tolist() != steady["actions"].tolist()
    assert sorted(set(trial(epsilon=1.0).rehearse()["actions"].tolist())) == [0, 1]


class Breaking(Tape):
    """An agent that fails where it is judged, and for all that could be probed."""

    def act(self, observations: np.ndarray, explore: bool) -> np.ndarray:
        raise ZeroDivisionError

    def probe_case(self, observations: np.ndarray, seeds: Seeds) -> Case:
        raise AssertionError


@pytest.mark.parametrize("what", ["evaluate", "rehearse", "probe_case"])
def test_fresh_environments_are_closed_though_an_error_occurs(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    interaction = trial()
    interaction.agent = Breaking()
    closed: list[Environments] = []

    def fail(environments: Environments, actions: np.ndarray) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Environments, "step", fail)
    monkeypatch.setattr(Environments, "close", lambda environments: closed.append(environments))
    with pytest.raises(ZeroDivisionError):
        getattr(interaction, what)()
    assert len(closed) == 1
    assert closed[0] is not interaction.environments


def test_replays_a_recorded_episode_and_says_which() -> None:
    interaction = trial()
    while not (taken := interaction.take_records()):
        interaction.step()
    step, length = taken[0]["step"], taken[0]["length"]
    for _ in range(5):
        interaction.step()
    before = digest(interaction.state_dict())
    clip = interaction.replay(taken[0], width=200, max_frames=10)
    every = -(-length // 10)
    assert clip.caption == (
        f"return {length} in {length} steps, {every} a frame; training episode that ended at step {step}; "
        f"values as of step {interaction.steps}"
    )
    assert len(list(clip.frames)) == -(-length // every)
    assert digest(interaction.state_dict()) == before
    with pytest.raises(ValueError, match="another version"):
        interaction.replay(taken[0] | {"return": 0.5}, width=200)


def test_illustrates_with_an_episode_and_changes_nothing() -> None:
    interaction = trial()
    before = digest(interaction.state_dict()["environments"])
    assert isinstance(interaction, Illustrated)
    clip = interaction.illustrate()["episode"]
    frames = list(clip.frames)
    assert 20 < len(frames) <= 200
    assert frames[0].shape == (274, 400 + 380, 3)  # the panel's least height; CartPole's picture is 267 pixels high
    assert "return" in clip.caption
    assert digest(interaction.state_dict()["environments"]) == before


@pytest.mark.parametrize("problem", [NothingToSee, AnotherEpisode])
def test_what_cannot_be_shown_ends_no_run_but_is_told(
    problem: type[ValueError], caplog: pytest.LogCaptureFixture
) -> None:
    interaction = trial()

    def refuse(seed: int, actions: np.ndarray, picture_every: int) -> None:
        raise problem("it has no picture")

    interaction.environments.replayed = refuse  # type: ignore[method-assign, assignment]
    assert interaction.illustrate() == {}
    assert "No episode is shown: it has no picture" in caplog.text
    with pytest.raises(problem):
        interaction.replay(interaction.rehearse())


def test_an_agent_without_a_model_to_probe_is_refused() -> None:
    with pytest.raises(ValueError, match="Tape cannot be probed"):
        trial().probe_case()


def test_a_share_of_random_actions_is_refused_where_they_are_continuous() -> None:
    with pytest.raises(ValueError, match=r"epsilon is 0\.1, .* those of Pendulum-v1 are Box.*\. Set it to 0\."):
        Interaction(Tape(), Environments("Pendulum-v1", 1, Seeds(0)), Seeds(0), EvaluationConfig(epsilon=0.1))


@pytest.mark.parametrize("wrong", [{"episodes": 0}, {"epsilon": 1.5}])
def test_wrong_evaluation_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"evaluation.{next(iter(wrong))} is {next(iter(wrong.values()))}"):
        EvaluationConfig(**wrong)  # type: ignore[arg-type]
