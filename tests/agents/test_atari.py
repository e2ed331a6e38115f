"""Atari environments: true scores, ends and cuts told apart, exact resume by replay, and errors that help."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.agent import Transition
from agents.atari import AtariEnvironments
from agents.atari_protocol import DOPAMINE, NATURE
from agents.emulator import Emulator
from lab.seeding import Seeds

ROOT = Path(__file__).resolve().parents[2]
PLAIN = replace(NATURE, noop_max=0, image_height=21, image_width=20)
STICKY = replace(DOPAMINE, noop_max=5, max_frames=1_000, life_loss_is_terminal=True, image_height=21, image_width=20)
FIELDS = ("observation", "action", "reward", "discount", "next_observation", "last")


def random_actions(num: int, seed: int = 0, choices: int = 4) -> Iterator[np.ndarray]:
    chance = np.random.default_rng(seed)
    while True:
        yield chance.integers(choices, size=num)


def same(one: Transition, other: Transition) -> bool:
    return all(getattr(one, field).tobytes() == getattr(other, field).tobytes() for field in FIELDS)


def digest_of(environments: AtariEnvironments, steps: int, seed: int) -> str:
    """Of all that happens in so many random steps."""
    digest = hashlib.sha256()
    for actions, _ in zip(random_actions(environments.num, seed), range(steps)):
        transition = environments.step(actions)
        for field in FIELDS:
            digest.update(getattr(transition, field).tobytes())
    digest.update(environments.observations.tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def breakout() -> Iterator[tuple[AtariEnvironments, list[Transition]]]:
    """One copy played at random until its second game is over, with its transitions."""
    environments = AtariEnvironments("breakout", 1, Seeds(0), PLAIN)
    transitions: list[Transition] = []
    actions = random_actions(1, seed=3)
    while sum(t.last[0] for t in transitions) < 2:
        transitions.append(environments.step(next(actions)))
    yield environments, transitions
    environments.close()


def test_the_border_is_that_of_other_environments() -> None:
    environments = AtariEnvironments("ALE/Pong-v5", 1, Seeds(0), replace(NATURE, frame_skip=3))
    assert environments.name == "pong"
    assert environments.observations.shape == (1, *environments.observation_shape) == (1, 4, 84, 84)
    assert environments.observations.dtype == environments.observation_dtype == np.uint8
    assert environments.stack == 4
    assert environments.num_actions == environments.action_space.n == 6
    assert environments.action_meanings == ["NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE"]
    assert environments.reward_dtype == np.int32
    assert environments.frames_per_second == 20
    transition = environments.step(np.array([2], np.int32))
    assert (transition.reward.dtype, transition.discount.dtype, transition.last.dtype) == (np.float32, np.float32, bool)


def test_a_lost_life_has_discount_zero_and_the_game_goes_on(
    breakout: tuple[AtariEnvironments, list[Transition]],
) -> None:
    _, transitions = breakout
    games = np.cumsum([t.last[0] for t in transitions]) - [t.last[0] for t in transitions]
    for game in (0, 1):
        ends = [t for t, number in zip(transitions, games) if number == game and t.discount[0] == 0]
        assert [bool(t.last[0]) for t in ends] == [False, False, False, False, True]  # five balls
    for before, after in pairwise(transitions):
        assert np.array_equal(after.observation, before.next_observation) == (not before.last[0])
        assert np.array_equal(before.observation[:, 1:], before.next_observation[:, :-1])


def test_where_lives_are_ignored_only_the_game_ends(breakout: tuple[AtariEnvironments, list[Transition]]) -> None:
    """Nothing else differs: the same seeds and actions are the same games."""
    environments = AtariEnvironments("breakout", 1, Seeds(0), replace(PLAIN, life_loss_is_terminal=False))
    for met in breakout[1]:
        transition = environments.step(met.action)
        assert same(transition, replace(met, discount=1 - met.last.astype(np.float32)))


def test_a_life_lost_in_the_first_step_after_resuming_counts(
    breakout: tuple[AtariEnvironments, list[Transition]],
) -> None:
    transitions = breakout[1]
    fatal = next(t for t, transition in enumerate(transitions) if transition.discount[0] == 0)
    environments = AtariEnvironments("breakout", 1, Seeds(0), PLAIN)
    environments.load_state_dict(
        {
            "episodes": [0],
            "actions": [np.array([t.action[0] for t in transitions[:fatal]], np.uint8)],
            "resting": np.array([False]),
            "observations": transitions[fatal].observation,
        }
    )
    assert same(environments.step(transitions[fatal].action), transitions[fatal])


def test_finished_episodes_can_be_made_again(breakout: tuple[AtariEnvironments, list[Transition]]) -> None:
    environments, transitions = breakout
    first, second = environments.take_finished()
    assert environments.take_finished() == []
    assert (first.copy, first.number, second.copy, second.number) == (0, 0, 0, 1)
    assert (first.seed, second.seed) == tuple(Seeds(0).derive(f"0/{k}") % 2**31 for k in (0, 1))
    length = len(first.actions)
    assert [int(t.action[0]) for t in transitions] == [*first.actions.tolist(), *second.actions.tolist()]
    assert second.total_reward == sum(float(t.reward[0]) for t in transitions[length:])
    again = list(environments.replayed(second.seed, np.append(second.actions, [0, 0])))
    assert len(again) == len(second.actions)
    for moment, met in zip(again, transitions[length:]):
        assert np.array_equal(moment.observation, met.observation[0])
        assert moment.reward == met.reward[0]
    pictures = [moment.frame for moment in again if moment.frame is not None]
    assert len(pictures) == len(again)
    assert {picture.shape for picture in pictures} == {(210, 160, 3)}
    assert (pictures[0] != pictures[-1]).any()
    some = [moment.frame for moment in environments.replayed(second.seed, second.actions, picture_every=50)]
    assert [step for step, frame in enumerate(some) if frame is not None] == list(range(0, len(again), 50))
    assert np.array_equal(some[50], pictures[50])


def test_scores_are_the_games_own_points() -> None:
    environments = AtariEnvironments("space_invaders", 1, Seeds(1), PLAIN)
    rewards = [float(environments.step(actions).reward[0]) for actions, _ in zip(random_actions(1), range(150))]
    assert set(rewards) > {0.0, 5.0, 10.0}  # by the row of the invader that was hit


def test_a_frame_cap_cuts_the_episode_off_without_an_end() -> None:
    environments = AtariEnvironments("enduro", 2, Seeds(2), replace(PLAIN, noop_max=20, max_frames=38))
    first = environments.observations
    for step in range(1, 21):
        transition = environments.step(np.array([0, 0]))
        assert (transition.discount == 1).all()
        assert (transition.last == (step % 10 == 0)).all()  # 9 steps of 4 frames, and 2 frames more
        assert np.array_equal(transition.observation[:, 1:], transition.next_observation[:, :-1])
        assert transition.next_observation[:, 3].any()
    assert not environments.observations[:, :3].any()
    assert environments.observations[:, 3].any()
    assert (first != environments.observations).any()
    assert len(environments.take_finished()) == 4


def test_a_batch_is_its_copies_side_by_side() -> None:
    """In whatever order their threads get to run."""
    protocol = replace(STICKY, max_frames=360)
    environments = AtariEnvironments("breakout", 3, Seeds(4), protocol)
    emulators = [Emulator("breakout", protocol) for _ in range(3)]
    firsts = [e.begin(Seeds(4).derive(f"{i}/0") % 2**31).observation for i, e in enumerate(emulators)]
    assert np.array_equal(environments.observations, np.stack(firsts))
    ended: set[int] = set()
    for actions, _ in zip(random_actions(3), range(100)):
        transition = environments.step(actions)
        for i in {0, 1, 2} - ended:
            emulators[i].send(int(actions[i]))
            moment = emulators[i].recv()
            assert np.array_equal(transition.next_observation[i], moment.observation)
            assert transition.reward[i] == moment.reward
            if moment.terminated or moment.truncated:
                ended.add(i)
                following = emulators[i].begin(Seeds(4).derive(f"{i}/1") % 2**31).observation
                assert np.array_equal(environments.observations[i], following)
    assert ended == {0, 1, 2}


def test_transitions_are_not_overwritten_by_later_steps() -> None:
    environments = AtariEnvironments("breakout", 2, Seeds(4), replace(STICKY, max_frames=80))
    kept, copies = [], []
    for actions, _ in zip(random_actions(2), range(60)):  # several episodes of 20 steps
        transition = environments.step(actions)
        kept.append(transition)
        copies.append([array.copy() for array in (transition.observation, transition.next_observation)])
    for transition, (observation, following) in zip(kept, copies):
        assert np.array_equal(transition.observation, observation)
        assert np.array_equal(transition.next_observation, following)


def test_no_emulator_runs_before_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is refused, such as a replay larger than the memory, is refused at once."""
    made: list[Emulator] = []
    make = Emulator.__init__

    def noting(self: Emulator, *given: Any, **more: Any) -> None:
        made.append(self)
        make(self, *given, **more)

    monkeypatch.setattr(Emulator, "__init__", noting)
    environments = AtariEnvironments("pong", 3, Seeds(0))
    assert environments.num_actions == 6
    assert made == []
    assert environments.observations.shape == (3, 4, 84, 84)
    environments.load_state_dict(environments.state_dict())
    assert len(made) == 6, "of each copy one that plays and one that gets ready"


def test_resuming_in_a_fresh_process_equals_never_stopping(tmp_path: Path) -> None:
    """With sticky actions, after lost lives, in later episodes, at different depths in each."""
    straight = AtariEnvironments("breakout", 3, Seeds(5), STICKY)
    digest_of(straight, 280, seed=6)
    assert straight.take_finished()
    state = deepcopy(straight.state_dict())
    lengths = [len(actions) for actions in state["actions"]]
    assert max(state["episodes"]) >= 1
    assert len(set(lengths)) > 1
    np.savez(
        tmp_path / "state.npz",
        actions=np.concatenate(state["actions"]),
        lengths=lengths,
        **{key: np.array(state[key]) for key in ("episodes", "resting", "observations")},
    )
    resumed = AtariEnvironments("breakout", 3, Seeds(5), STICKY)
    digest_of(resumed, 20, seed=7)
    resumed.load_state_dict(state)
    ours = digest_of(straight, 150, seed=8)
    assert digest_of(resumed, 150, seed=8) == ours
    assert straight.state_dict()["episodes"] == resumed.state_dict()["episodes"] != state["episodes"]
    for one, other in zip(straight.take_finished(), resumed.take_finished(), strict=True):
        assert (one.copy, one.number, one.seed) == (other.copy, other.number, other.seed)
        assert one.total_reward == other.total_reward
        assert np.array_equal(one.actions, other.actions)

    program = f"""
import numpy as np
from agents.atari import AtariEnvironments
from lab.seeding import Seeds
from tests.agents.test_atari import STICKY, digest_of
saved = np.load({str(tmp_path / "state.npz")!r})
environments = AtariEnvironments("breakout", 3, Seeds(5), STICKY)
environments.load_state_dict({{
    "episodes": saved["episodes"].tolist(),
    "actions": np.split(saved["actions"], np.cumsum(saved["lengths"])[:-1]),
    "resting": saved["resting"],
    "observations": saved["observations"],
}})
print(digest_of(environments, 150, seed=8))
"""
    there = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert there.stdout.split() == [ours]
    assert there.stderr == ""


def test_once_lets_each_copy_rest_and_disturbs_no_other() -> None:
    environments = AtariEnvironments("breakout", 2, Seeds(9), STICKY, once=True)
    many = AtariEnvironments("breakout", 2, Seeds(9), STICKY)
    for actions in random_actions(2, seed=10):
        before, resting = environments.observations, environments.resting.copy()
        transition, awake = environments.step(actions), ~resting
        going_on = many.step(actions)
        for field in FIELDS:
            assert np.array_equal(getattr(transition, field)[awake], getattr(going_on, field)[awake])
        assert np.array_equal(environments.observations[resting], before[resting])
        assert not transition.reward[resting].any()
        assert transition.discount[resting].all()
        assert not transition.last[resting].any()
        if environments.resting.sum() == 1 and not resting.any():
            resumed = environments.fresh(2, Seeds(9), once=True)
            resumed.load_state_dict(deepcopy(environments.state_dict()))
        elif resting.any():
            assert same(resumed.step(actions), transition)
            assert np.array_equal(resumed.resting, environments.resting)
        if environments.resting.all():
            break
    assert [finished.copy for finished in environments.take_finished()] in ([0, 1], [1, 0])


def test_an_episode_is_made_again_with_pictures_of_its_moments() -> None:
    environments = AtariEnvironments("breakout", 2, Seeds(11), STICKY)
    seen, rewards = [], []
    for actions in random_actions(2, seed=12):
        seen.append(environments.observations[0])
        transition = environments.step(actions)
        rewards.append(transition.reward[0])
        if transition.last[0]:
            break
    first, *_ = (finished for finished in environments.take_finished() if finished.copy == 0)
    again = list(environments.replayed(first.seed, first.actions))
    assert np.array_equal(np.stack([moment.observation for moment in again]), np.stack(seen))
    assert [moment.reward for moment in again] == rewards
    camera = Emulator("breakout", STICKY, colour=True)
    pictures = [camera.begin(first.seed).observation[0]]
    for action in first.actions[:-1].tolist():
        camera.send(action)
        pictures.append(camera.recv().observation[0])
    assert pictures[0].shape == (210, 160, 3)
    assert np.array_equal(np.stack([moment.frame for moment in again if moment.frame is not None]), np.stack(pictures))
    assert (pictures[0] != pictures[-1]).any()


def test_between_sending_and_receiving_there_is_no_state() -> None:
    environments = AtariEnvironments("pong", 1, Seeds(0), PLAIN)
    state = environments.state_dict()
    environments.send(np.array([0]))
    for attempt in (environments.state_dict, lambda: environments.load_state_dict(state)):
        with pytest.raises(RuntimeError, match=r"step is under way.* Call recv\(\) first"):
            attempt()
    assert environments.recv().action.tolist() == [0]
    assert len(environments.state_dict()["actions"][0]) == 1
    environments.send(np.array([0]))
    environments.close()  # also while a step is under way


@pytest.mark.parametrize(
    ("actions", "told"),
    [
        (np.array([0]), r"actions \(1,\) for 2"),
        (np.array([[0], [0]]), r"actions \(2, 1\) for 2"),
        (np.array([0, 6]), "integers from 0 to 5: NOOP, FIRE, RIGHT"),
        (np.array([-1, 0]), "integers from 0 to 5"),
        (np.array([0.0, 1.0]), r"\(float64\)"),
    ],
)
def test_wrong_actions_are_refused_before_they_are_sent(
    pong: AtariEnvironments, actions: np.ndarray, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        pong.send(actions)
    assert not pong.step(np.array([0, 0])).last.any()


@pytest.fixture(scope="module")
def pong() -> Iterator[AtariEnvironments]:
    environments = AtariEnvironments("pong", 2, Seeds(0), PLAIN)
    yield environments
    environments.close()


def test_a_state_that_does_not_fit_is_refused(pong: AtariEnvironments) -> None:
    state = pong.state_dict()
    with pytest.raises(ValueError, match="of 1 environments, but here are 2"):
        pong.load_state_dict({key: value[:1] for key, value in state.items()})
    state["observations"][1, 0, 0, 0] += 1
    with pytest.raises(RuntimeError, match=r"pong: copy 1 began its episode 0 .* another picture"):
        pong.load_state_dict(state)


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(ValueError, match=r"The nearest of [0-9]+: 'pong'"):
        AtariEnvironments("pomg", 1, Seeds(0))
    with pytest.raises(ValueError, match="num is 0"):
        AtariEnvironments("pong", 0, Seeds(0))
