"""Environments: exact resume by replay, true last observations, and errors that help."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest

from agents import environments as environments_module
from agents.environments import Environments
from lab.seeding import Seeds


class Count(gym.Env):
    """Observes how many steps were taken; terminates after `length` steps. The reward is the action taken."""

    observation_space = gym.spaces.Box(-1.0, 1e6, (1,), np.float64)
    action_space = gym.spaces.Discrete(3, start=5)

    def __init__(self, length: int = 3, jitter: bool = False):
        self.length, self.jitter = length, jitter

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.count = 0
        return self._observation(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        assert 5 <= action < 8
        self.count += 1
        return self._observation(), float(action), self.count >= self.length, False, {}

    def _observation(self) -> np.ndarray:
        return np.array([self.count + (np.random.rand() if self.jitter else 0.0)])


class Odd(Count):
    observation_space = gym.spaces.Text(5)


class Pair(Count):
    action_space = gym.spaces.MultiBinary(2)


class Doubler(gym.Env):
    """Adds up its actions, each doubled in the very array that it was given, and draws what it has come to."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}
    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.sum = np.zeros(2, np.float32)
        return self.sum.copy(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        action *= 2
        self.sum += action
        return self.sum.copy(), float(action[0]), bool(self.np_random.random() < 0.02), False, {}

    def render(self) -> np.ndarray:
        return np.full((4, 4, 3), abs(self.sum[0]) * 100 % 255, np.uint8)


for entry in (Count, Odd, Pair, Doubler):
    gym.register(f"tests/{entry.__name__}-v0", entry_point=entry)


def count(num: int = 1, **settings: Any) -> Environments:
    return Environments("tests/Count-v0", num, Seeds(0), settings=settings)


def test_termination_has_discount_zero_and_keeps_the_true_last_observation() -> None:
    environments = count(2)
    for expected in (0, 1):
        transition = environments.step(np.array([0, 2]))
        assert transition.observation.tolist() == [[expected], [expected]]
        assert transition.next_observation.tolist() == [[expected + 1], [expected + 1]]
        assert transition.reward.tolist() == [5.0, 7.0]  # actions are counted from the space's start
        assert transition.discount.tolist() == [1.0, 1.0]
        assert not transition.last.any()
    transition = environments.step(np.array([0, 0]))
    assert transition.next_observation.tolist() == [[3.0], [3.0]]
    assert transition.discount.tolist() == [0.0, 0.0]
    assert transition.last.all()
    assert environments.observations.tolist() == [[0.0], [0.0]]
    assert environments.observations.dtype == transition.reward.dtype == np.float32


def test_a_time_limit_ends_the_episode_but_keeps_the_discount() -> None:
    environments = count(max_episode_steps=2)
    assert not environments.step(np.array([0])).last[0]
    transition = environments.step(np.array([0]))
    assert transition.last[0]
    assert transition.discount[0] == 1.0
    assert transition.next_observation[0] == 2.0
    assert environments.observations[0] == 0.0


def test_termination_at_the_very_time_limit_is_a_termination() -> None:
    environments = count(length=2, max_episode_steps=2)
    environments.step(np.array([0]))
    transition = environments.step(np.array([0]))
    assert transition.last[0]
    assert transition.discount[0] == 0.0


def test_once_lets_each_copy_rest_after_its_episode() -> None:
    environments = Environments("CartPole-v1", 8, Seeds(1), once=True)
    lengths = np.zeros(8)
    while not environments.resting.all():
        awake, before = ~environments.resting, environments.observations
        transition = environments.step(np.zeros(8, np.int64))
        lengths += awake
        assert np.array_equal(transition.reward, awake)
        assert np.array_equal(environments.observations[~awake], before[~awake])
        assert not transition.last[~awake].any()
    # pushed left all the time, the pole falls after 8 to 11 steps
    assert 8 <= lengths.min() < lengths.max() <= 11


def test_a_batch_is_its_copies_side_by_side_and_every_episode_differs() -> None:
    environments = Environments("CartPole-v1", 3, Seeds(2))
    firsts = [tuple(row) for row in environments.observations.tolist()]
    alone = [gym.make("CartPole-v1").unwrapped for _ in range(3)]
    for i, simulator in enumerate(alone):
        simulator.reset(seed=Seeds(2).derive(f"{i}/0") % 2**31)
    for step in range(40):
        actions = np.array([step % 2, 0, 1])
        transition = environments.step(actions)
        for i, simulator in enumerate(alone):
            if simulator is not None:
                expected = simulator.step(int(actions[i]))[0]
                assert np.array_equal(transition.next_observation[i], expected)
                if transition.last[i]:
                    alone[i] = None
                    firsts.append(tuple(environments.observations[i].tolist()))
    assert len(set(firsts)) == len(firsts) >= 5


@pytest.mark.parametrize(
    "name",
    [
        "CartPole-v1",
        "Acrobot-v1",
        "LunarLander-v3",
        "LunarLanderContinuous-v3",
        "Pendulum-v1",
        "tests/Doubler-v0",
        "FrozenLake-v1",
        "ALE/Pong-v5",
    ],
)
def test_resuming_equals_never_stopping(name: str) -> None:
    """Also of simulators that draw in every step (for Atari's sticky actions), have a physics engine inside, or change
    the action that they are given.
    """
    straight = Environments(name, 2, Seeds(3))
    draw = np.random.default_rng(4)

    def actions() -> np.ndarray:
        if isinstance(straight.action_space, gym.spaces.Discrete):
            return draw.integers(straight.num_actions, size=2)
        return draw.uniform(-1, 1, size=(2, *straight.action_space.shape))

    for _ in range(150):
        straight.step(actions())
    resumed = Environments(name, 2, Seeds(3))
    for _ in range(10):
        resumed.step(actions())
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    for _ in range(250):
        chosen = actions()
        one, other = straight.step(chosen), resumed.step(chosen)
        for field in ("observation", "reward", "discount", "next_observation", "last"):
            assert getattr(one, field).tobytes() == getattr(other, field).tobytes()
    assert straight.state_dict()["episodes"] == resumed.state_dict()["episodes"]


class Number(Count):
    """Observes the count as a number that begins at 10."""

    observation_space = gym.spaces.Discrete(4, start=10)

    def _observation(self) -> Any:
        return 10 + self.count


gym.register("tests/Number-v0", entry_point=Number)


def test_numbered_observations_come_one_hot() -> None:
    environments = Environments("tests/Number-v0", 1, Seeds(0))
    assert environments.observation_shape == (4,)
    seen = [environments.observations]
    for _ in range(3):
        seen.append(environments.step(np.array([0])).next_observation)
    assert np.array_equal(np.concatenate(seen), np.eye(4))
    assert {one.dtype for one in seen} == {np.dtype(np.float32)}
    assert environments.observations.tolist() == [[1, 0, 0, 0]]  # of the next episode


def test_atari_games_are_known_by_name() -> None:
    environments = Environments("ALE/Pong-v5", 1, Seeds(0))
    assert environments.observation_shape == (210, 160, 3)
    assert environments.observation_dtype == np.uint8
    assert environments.num_actions == 6
    assert environments.step(np.array([0])).next_observation.any()
    with pytest.raises(ValueError, match="Did you mean 'ALE/Pong-v5'"):
        Environments("ALE/Ponk-v5", 1, Seeds(0))


def test_a_simulator_that_is_not_deterministic_is_found_out() -> None:
    environments = count(jitter=True)
    environments.step(np.array([1]))
    state = deepcopy(environments.state_dict())
    with pytest.raises(RuntimeError, match=r"same 1 actions again, but arrived at.*not deterministic"):
        count(jitter=True).load_state_dict(state)


def test_another_number_of_copies_is_refused() -> None:
    with pytest.raises(ValueError, match="of 2 environments, but here are 3"):
        count(3).load_state_dict(count(2).state_dict())


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("CartPol-v1", {}, "cannot make an environment 'CartPol-v1'.*Did you mean 'CartPole-v1'"),
        ("CartPole-v9", {}, "CartPole-v1"),
        ("LunarLander-v2", {}, "LunarLander-v3"),
        ("CartPole-v1", {"gravityy": 3}, r"does not take the settings \{'gravityy': 3\}"),
        ("tests/Odd-v0", {}, "observations Text.*only Box and Discrete"),
        ("tests/Pair-v0", {}, "actions MultiBinary.*only Discrete and Box"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_way_out(name: str, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Environments(name, 1, Seeds(0), settings=settings)


def test_counting_continuous_actions_and_wrong_numbers_of_actions_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be counted"):
        _ = Environments("Pendulum-v1", 1, Seeds(0)).num_actions
    with pytest.raises(ValueError, match="2 actions for 3 environments"):
        count(3).step(np.array([0, 0]))
    with pytest.raises(ValueError, match="num is 0"):
        count(0)


def test_stacked_observations_keep_their_true_last_frame_at_an_end() -> None:
    environments = count(stack=2)
    assert environments.stack == 2
    assert environments.observation_shape == (2, 1)
    for _ in range(2):
        environments.step(np.array([0]))
    transition = environments.step(np.array([0]))
    assert transition.next_observation.tolist() == [[[2.0], [3.0]]]
    assert environments.observations.tolist() == [[[0.0], [0.0]]]
    assert count().stack == 1
    assert count(stack=2).fresh(1, Seeds(0)).observation_shape == (2, 1)


def test_sending_and_receiving_is_stepping() -> None:
    one, other = count(2), count(2)
    for actions in ([0, 1], [2, 2], [1, 0], [0, 0]):
        expected = one.step(np.array(actions))
        other.send(np.array(actions))
        received = other.recv()
        for field in ("observation", "action", "reward", "discount", "next_observation", "last"):
            assert np.array_equal(getattr(received, field), getattr(expected, field))
    with pytest.raises(AssertionError):
        other.recv()


def test_finished_episodes_are_given_once_with_all_to_make_them_again_by() -> None:
    environments = count(2)
    for actions in ([0, 1], [1, 2], [2, 1], [0, 0], [1, 1]):
        environments.step(np.array(actions))
    first, second = environments.take_finished()
    assert (first.copy, first.number, first.seed) == (0, 0, Seeds(0).derive("0/0") % 2**31)
    assert (second.copy, second.number, second.seed) == (1, 0, Seeds(0).derive("1/0") % 2**31)
    assert (first.actions.tolist(), second.actions.tolist()) == ([0, 1, 2], [1, 2, 1])
    assert (first.total_reward, second.total_reward) == (5 + 6 + 7, 6 + 7 + 6)
    assert first.actions.dtype == np.uint8
    assert environments.take_finished() == []
    environments.step(np.array([2, 2]))
    assert [(each.copy, each.number, each.actions.tolist()) for each in environments.take_finished()] == [
        (0, 1, [0, 1, 2]),
        (1, 1, [0, 1, 2]),
    ]


def test_an_episode_that_ends_after_a_resume_is_finished_with_all_of_its_reward() -> None:
    environments = count(1)
    for action in (0, 0, 0, 2, 1):
        environments.step(np.array([action]))
    resumed = count(1)
    for action in (1, 1, 1):
        resumed.step(np.array([action]))
    resumed.load_state_dict(deepcopy(environments.state_dict()))
    assert resumed.take_finished() == [], "what ended elsewhere is not of this run"
    resumed.step(np.array([0]))
    (finished,) = resumed.take_finished()
    assert (finished.number, finished.actions.tolist(), finished.total_reward) == (1, [2, 1, 0], 7 + 6 + 5)


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1", "tests/Doubler-v0", "FrozenLake-v1"])
def test_an_episode_is_made_again_from_its_seed_and_actions(name: str) -> None:
    environments = Environments(name, 1, Seeds(5), settings={"max_episode_steps": 30})
    draw, met, rewards = np.random.default_rng(6), [], []
    while not (finished := environments.take_finished()):
        met.append(environments.observations[0])
        discrete = isinstance(environments.action_space, gym.spaces.Discrete)
        action = (
            draw.integers(environments.num_actions, size=1)
            if discrete
            else draw.uniform(-1, 1, size=(1, *environments.action_space.shape))
        )
        rewards.append(environments.step(action).reward[0])
    before = environments.state_dict()
    again = list(environments.replayed(finished[0].seed, finished[0].actions))
    assert np.array_equal([moment.observation for moment in again], met)
    assert [moment.reward for moment in again] == [float(reward) for reward in rewards]
    assert np.cumsum([moment.reward for moment in again])[-1] == finished[0].total_reward
    pictures = [moment.frame for moment in again if moment.frame is not None]
    assert len(pictures) == len(again)
    assert all(picture.shape[2] == 3 and picture.dtype == np.uint8 for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[-1]) or len(again) < 3
    some = [moment.frame for moment in environments.replayed(finished[0].seed, finished[0].actions, picture_every=4)]
    assert [frame is not None for frame in some] == [step % 4 == 0 for step in range(len(again))]
    assert all(np.array_equal(frame, pictures[step]) for step, frame in enumerate(some) if frame is not None)
    assert np.array_equal(environments.state_dict()["observations"], before["observations"]), "it is left alone"


def test_a_replay_ends_where_the_episode_does() -> None:
    environments = Environments("CartPole-v1", 1, Seeds(0))
    assert 8 <= len(list(environments.replayed(3, np.zeros(50, np.uint8)))) <= 11


def test_actions_have_names_where_the_simulator_has_them() -> None:
    assert count().action_meanings is None
    meanings = Environments("ALE/Pong-v5", 1, Seeds(0)).action_meanings
    assert meanings == ["NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE"]


def test_an_evaluation_ends_where_nothing_limits_an_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk along the cliff's edge that turns back for ever: gymnasium limits it by nothing."""
    monkeypatch.setattr(environments_module, "LONGEST", 50)
    judged = Environments("CliffWalking-v1", 2, Seeds(0), once=True)
    steps = 0
    while not judged.resting.all():
        judged.step(np.zeros(2, np.int64))
        steps += 1
    assert steps == 50
    assert [len(finished.actions) for finished in judged.take_finished()] == [50, 50]
    training = Environments("CliffWalking-v1", 1, Seeds(0))
    for _ in range(60):
        training.step(np.zeros(1, np.int64))
    assert training.take_finished() == []
    limited = Environments("CliffWalking-v1", 1, Seeds(0), settings={"max_episode_steps": 7}, once=True)
    while not limited.resting.all():
        limited.step(np.zeros(1, np.int64))
    assert len(limited.take_finished()[0].actions) == 7
