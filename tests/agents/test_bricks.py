"""Bricks: screens drawn by hand, an oracle in coordinates, and what it takes to play well."""

from __future__ import annotations

from copy import deepcopy

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from agents.bricks import BALL, BRICK, EMPTY, PADDLE, SIZE, WALL, Bricks, chase
from agents.environments import Environments
from lab.seeding import Seeds

STAY, LEFT, RIGHT = 0, 1, 2
SIGNS = {".": EMPTY, "|": WALL, "#": BRICK, "=": PADDLE, "o": BALL}
OPEN = ["|..........|"]  # a row with nothing in it
TOP = ["||||||||||||"]


def drawn(*rows: str) -> np.ndarray:
    return np.array([[SIGNS[sign] for sign in row] for row in rows], np.uint8)


def game(*rows: str, flying: tuple[int, int], spin: float = 0.0) -> Bricks:
    """A game in the state that is drawn, whose ball flies (rows down, columns right) a step."""
    environment = Bricks(spin)
    environment.reset(seed=0)
    screen = drawn(*rows)
    environment._screen[:] = screen.tobytes()
    environment._ball = int(np.flatnonzero(screen == BALL)[0])
    environment._paddle = int(np.flatnonzero(screen == PADDLE)[0])
    environment._down, environment._across = flying[0] * SIZE, flying[1]
    return environment


def flying(environment: Bricks) -> tuple[int, int]:
    return environment._down // SIZE, environment._across


def perfect(environment: Bricks) -> int:
    """Goes where the ball will be after this step."""
    column, paddle = environment._ball % SIZE, environment._paddle % SIZE
    if 1 <= column + environment._across <= SIZE - 2:
        column += environment._across
    return LEFT if column < paddle else RIGHT if column > paddle + 1 else STAY


def play(seed: int, choose, **settings) -> tuple[float, int, list[int]]:
    """Return, length and actions of an episode; choose(game, step) gives the action."""
    environment = gym.make("lab/Bricks-v0", disable_env_checker=True, **settings)
    environment.reset(seed=seed)
    score, actions, over = 0.0, [], False
    while not over:
        actions.append(choose(environment.unwrapped, len(actions)))
        _, reward, terminated, truncated, _ = environment.step(actions[-1])
        score, over = score + reward, terminated or truncated
    return score, len(actions), actions


def test_it_is_an_environment_as_gymnasium_wants_it() -> None:
    check_env(gym.make("lab/Bricks-v0", render_mode="rgb_array").unwrapped)


def test_the_first_screen() -> None:
    observation, _ = Bricks().reset(seed=0)
    column = int(np.flatnonzero(observation[5] == BALL)[0])
    ball = "|" + "." * (column - 1) + "o" + "." * (10 - column) + "|"
    expected = drawn(*TOP, *OPEN, *["|##########|"] * 3, ball, *OPEN * 5, "|....==....|")
    np.testing.assert_array_equal(observation, expected)


def test_the_ball_begins_in_every_column_in_both_directions() -> None:
    environment, begun = Bricks(), set()
    for seed in range(200):
        observation, _ = environment.reset(seed=seed)
        begun.add((int(np.flatnonzero(observation[5] == BALL)[0]), *flying(environment)))
    assert begun == {(column, 1, across) for column in range(1, 11) for across in (-1, 1)}


def test_a_screen_does_not_tell_the_direction() -> None:
    first: dict[bytes, set[tuple[int, int]]] = {}
    environment = Bricks()
    for seed in range(200):
        first.setdefault(environment.reset(seed=seed)[0].tobytes(), set()).add(flying(environment))
    assert len(first) == 10
    assert all(directions == {(1, -1), (1, 1)} for directions in first.values())


# In each case: two rows and how the ball flies; the same after one step, in which the paddle stays; the reward.
REFLECTIONS = {
    "nothing": (["|..o.......|", *OPEN], (1, -1), [*OPEN, "|.o........|"], (1, -1), 0),
    "the wall to the left": (["|o.........|", *OPEN], (1, -1), [*OPEN, "|o.........|"], (1, 1), 0),
    "the wall to the right": ([*OPEN, "|.........o|"], (-1, 1), ["|.........o|", *OPEN], (-1, -1), 0),
    "a brick above": (["|..###.....|", "|..o.......|"], (-1, 1), ["|..#.#.....|", "|...o......|"], (1, 1), 1),
    "a brick below": (["|..o.......|", "|..###.....|"], (1, 1), ["|...o......|", "|..#.#.....|"], (-1, 1), 1),
    "a brick at the side": ([*OPEN, "|..o#......|"], (-1, 1), ["|..o.......|", *OPEN], (-1, -1), 1),
    "bricks on two sides": (["|..##......|", "|..o#......|"], (-1, 1), ["|...#......|", "|..o.......|"], (1, -1), 2),
}


@pytest.mark.parametrize("case", REFLECTIONS)
def test_the_ball_is_reflected_by(case: str) -> None:
    before, flight, after, expected_flight, expected_reward = REFLECTIONS[case]
    above, below = [*TOP, *OPEN * 4], [*OPEN * 4, "|==........|"]
    environment = game(*above, *before, *below, flying=flight)
    observation, reward, terminated, truncated, _ = environment.step(STAY)
    np.testing.assert_array_equal(observation, drawn(*above, *after, *below))
    assert (flying(environment), reward, terminated, truncated) == (expected_flight, expected_reward, False, False)


def test_the_ball_is_reflected_by_the_ceiling() -> None:
    environment = game(*TOP, "|....o.....|", *OPEN * 9, "|==........|", flying=(-1, 1))
    observation, *_ = environment.step(STAY)
    np.testing.assert_array_equal(observation, drawn(*TOP, "|.....o....|", *OPEN * 9, "|==........|"))
    assert flying(environment) == (1, 1)


@pytest.mark.parametrize(("paddle", "across"), [("|....==....|", -1), ("|...==.....|", 1)])
@pytest.mark.parametrize("from_column", [4, 6])
def test_the_halves_of_the_paddle_throw_the_ball_to_their_sides_wherever_it_came_from(
    paddle: str, across: int, from_column: int
) -> None:
    row = list("|..........|")
    row[from_column] = "o"
    bricks = "|#.........|"
    environment = game(*TOP, bricks, *OPEN * 8, "".join(row), paddle, flying=(1, 5 - from_column))
    observation, reward, terminated, *_ = environment.step(STAY)
    expected = drawn(*TOP, bricks, *OPEN * 7, "|....o.....|", *OPEN, paddle)  # in column 5, two rows above the paddle
    np.testing.assert_array_equal(observation, expected)
    assert (flying(environment), reward, terminated) == ((-1, across), 0, False)


@pytest.mark.parametrize(("action", "paddle", "caught"), [(STAY, 3, False), (LEFT, 3, False), (RIGHT, 3, True)])
def test_the_paddle_moves_before_the_ball_does(action: int, paddle: int, caught: bool) -> None:
    row = list("|..........|")
    row[paddle : paddle + 2] = "=="
    environment = game(*TOP, "|#.........|", *OPEN * 8, "|...o......|", "".join(row), flying=(1, 1))  # to column 5
    observation, _, terminated, *_ = environment.step(action)
    assert terminated is not caught
    assert int(np.flatnonzero(observation == BALL)[0]) == (9 if caught else 11) * SIZE + 5


def test_the_paddle_stops_at_the_walls() -> None:
    environment = game(*TOP, *OPEN, "|....o.....|", *OPEN * 8, "|.==.......|", flying=(1, 1))
    assert [environment.step(LEFT)[0][-1].tolist().index(PADDLE) for _ in range(3)] == [1, 1, 1]
    environment = game(*TOP, *OPEN, "|....o.....|", *OPEN * 8, "|.......==.|", flying=(1, 1))
    for _ in range(3):
        observation, *_ = environment.step(RIGHT)
    np.testing.assert_array_equal(observation[-1], drawn("|........==|")[0])


def test_all_bricks_come_back_when_the_ball_meets_the_paddle_after_the_last_was_broken() -> None:
    environment = game(*TOP, *OPEN * 3, "|...#......|", "|..o.......|", *OPEN * 5, "|.......==.|", flying=(-1, 1))
    rewards, shown = [], []
    for _ in range(8):
        observation, reward, *_ = environment.step(perfect(environment))
        rewards.append(reward)
        shown.append(int((observation == BRICK).sum()))
    assert rewards == [1, 0, 0, 0, 0, 0, 0, 0]
    assert shown == [0, 0, 0, 0, 0, 0, 30, 30]  # five steps down from row 5 to row 10, and one to the paddle
    np.testing.assert_array_equal(observation[2:5], drawn(*["|##########|"] * 3))


@pytest.mark.parametrize("meets", ["a brick", "the paddle"])
def test_the_share_of_bounces_that_spin(meets: str) -> None:
    """Half of the spins go on as without one, so that a share of 0.4 turns 0.2 of the bounces, give or take 0.04."""
    rows = [*TOP, *OPEN * 3, "|..##......|", "|..o.......|", *OPEN * 5, "|==........|"]
    flight = (-1, 1)
    if meets == "the paddle":
        rows, flight = [*TOP, "|#.........|", *OPEN * 8, "|...o......|", "|....==....|"], (1, 1)
    environment = game(*rows, flying=flight, spin=0.4)
    turned, untouched = 0, 1 if meets == "a brick" else -1
    for _ in range(1000):
        again = deepcopy(environment)
        again.np_random = environment.np_random  # goes on, where the copy's would begin again
        again.step(STAY)
        turned += flying(again)[1] != untouched
    assert 160 <= turned <= 240


def test_walls_do_not_spin_the_ball() -> None:
    for row, flight, expected in (("|....o.....|", (-1, 1), (1, 1)), ("|o.........|", (1, -1), (1, 1))):
        for _ in range(20):
            environment = game(*TOP, row, *OPEN * 9, "|==........|", flying=flight, spin=1.0)
            environment.step(STAY)
            assert flying(environment) == expected


class Oracle:
    """The rules once more without any spin, in coordinates (row, column) and sets, and with no screen to look at."""

    def __init__(self, ball: tuple[int, int], across: int):
        self.ball, self.down, self.across, self.paddle = ball, 1, across, 5
        self.bricks = {(row, column) for row in (2, 3, 4) for column in range(1, 11)}

    def step(self, action: int) -> tuple[np.ndarray, int, bool]:
        self.paddle = min(9, max(1, self.paddle + {STAY: 0, LEFT: -1, RIGHT: 1}[action]))
        row, column = self.ball
        before = len(self.bricks)
        side = (row, column + self.across)
        if side in self.bricks or not 1 <= side[1] <= 10:
            self.bricks.discard(side)
            self.across *= -1
        else:
            column += self.across
        beyond = (row + self.down, column)
        if beyond[0] == 11 and column - self.paddle in (0, 1):
            reward = before - len(self.bricks)
            self.down, self.across, row = -1, (-1, 1)[column - self.paddle], 9
            self.bricks = self.bricks or {(row, column) for row in (2, 3, 4) for column in range(1, 11)}
        else:
            if beyond in self.bricks or beyond[0] == 0:
                self.bricks.discard(beyond)
                self.down *= -1
            else:
                row += self.down
            reward = before - len(self.bricks)
        self.ball = (row, column)
        return self.screen(), reward, row == 11

    def screen(self) -> np.ndarray:
        screen = np.zeros((12, 12), np.uint8)
        screen[0] = screen[:, 0] = screen[:, 11] = WALL
        for place in self.bricks:
            screen[place] = BRICK
        screen[11, self.paddle : self.paddle + 2] = PADDLE
        screen[self.ball] = BALL
        return screen


@pytest.mark.parametrize("careless", [0.0, 0.1, 0.5])
def test_an_oracle_sees_the_same_screens(careless: float) -> None:
    chance, environment, walls = np.random.default_rng(0), Bricks(spin=0.0), 0
    for seed in range(20):
        observation, _ = environment.reset(seed=seed)
        row, column = divmod(int(np.flatnonzero(observation == BALL)[0]), SIZE)
        oracle = Oracle((row, column), flying(environment)[1])
        for _ in range(1000):
            action = int(chance.integers(3)) if chance.random() < careless else perfect(environment)
            observation, reward, terminated, *_ = environment.step(action)
            expected, expected_reward, over = oracle.step(action)
            np.testing.assert_array_equal(observation, expected)
            assert (reward, terminated) == (expected_reward, over)
            walls += len(oracle.bricks) == 30 and oracle.ball[0] == 9
            if over:
                break
    if careless == 0:
        assert walls >= 20  # came back after they had been cleared


def test_a_perfect_player_scores_high_until_the_time_limit() -> None:
    scores, lengths, _ = zip(*[play(seed, lambda game, step: perfect(game)) for seed in range(40)])
    assert set(lengths) == {500}
    assert min(scores) >= 20
    assert np.mean(scores) == pytest.approx(42, abs=5)


def test_bricks_do_not_run_out_of_the_balls_reach() -> None:
    """Twice the time breaks about twice the bricks, so that the ball is not caught on a closed path."""
    scores = [play(seed, lambda game, step: perfect(game), max_episode_steps=1000)[0] for seed in range(40)]
    assert np.mean(scores) >= 70


def test_chance_scores_next_to_nothing() -> None:
    chance = np.random.default_rng(0)
    scores = [play(seed, lambda game, step: int(chance.integers(3)))[0] for seed in range(200)]
    assert 0 < np.mean(scores) < 1


def test_actions_learnt_by_heart_fail_in_another_episode() -> None:
    _, _, actions = play(0, lambda game, step: perfect(game))
    again = [play(seed, lambda game, step: actions[step]) for seed in range(100)]
    assert again[0] == play(0, lambda game, step: perfect(game))
    assert np.mean([score for score, *_ in again[1:]]) < 2


def test_actions_learnt_by_heart_fail_when_only_the_spins_differ() -> None:
    environment = Bricks()
    environment.reset(seed=0)
    by_heart = deepcopy(environment)
    actions = []
    for _ in range(500):
        actions.append(perfect(environment))
        environment.step(actions[-1])
    scores = []
    for seed in range(50):
        game = deepcopy(by_heart)
        game.np_random = np.random.default_rng(seed)
        score, over = 0.0, False
        for action in actions:
            _, reward, over, *_ = game.step(action)
            score += reward
            if over:
                break
        scores.append(score)
    assert np.mean(scores) < 10


def test_the_seed_and_the_actions_determine_everything() -> None:
    def episode(seed: int) -> list[tuple[bytes, float, bool]]:
        environment, moments = Bricks(), []
        environment.reset(seed=seed)
        for _ in range(200):
            observation, reward, *_ = environment.step(perfect(environment))
            moments.append((observation.tobytes(), reward, flying(environment)))
        return moments

    assert episode(3) == episode(3)
    assert episode(3) != episode(4)


def test_observations_are_not_overwritten_by_later_steps() -> None:
    environment = Bricks()
    first, _ = environment.reset(seed=0)
    kept = first.copy()
    second, *_ = environment.step(LEFT)
    np.testing.assert_array_equal(first, kept)
    assert not np.array_equal(first, second)


def test_batches_of_it_are_stacked_and_go_on_exactly() -> None:
    environments = Environments("lab/Bricks-v0", 3, Seeds(0), settings={"stack": 4})
    assert environments.observation_shape == (4, SIZE, SIZE)
    assert environments.observation_dtype == np.uint8
    chance = np.random.default_rng(0)
    actions = chance.integers(3, size=(60, 3))
    for step in actions[:30]:
        environments.step(step)
    other = Environments("lab/Bricks-v0", 3, Seeds(0), settings={"stack": 4})
    other.load_state_dict(environments.state_dict())
    for step in actions[30:]:
        here, there = environments.step(step), other.step(step)
        np.testing.assert_array_equal(here.next_observation, there.next_observation)
        np.testing.assert_array_equal(here.last, there.last)


@pytest.mark.parametrize(
    ("before", "after", "paddle", "action"),
    [
        ("|...o......|", "|....o.....|", "|..==......|", RIGHT),  # on to column 6, the paddle at 3 and 4
        ("|...o......|", "|..o.......|", "|..==......|", LEFT),  # on to column 2
        ("|....o.....|", "|...o......|", "|..==......|", STAY),  # on to column 3
        ("|........o.|", "|.........o|", "|........==|", STAY),  # the wall holds it
    ],
)
def test_who_chases_the_ball_goes_where_it_will_be(before: str, after: str, paddle: str, action: int) -> None:
    screens = [drawn(*TOP, *OPEN * 4, *rows, *OPEN * 4, paddle) for rows in ([before, *OPEN], [*OPEN, after])]
    assert chase(np.stack([screens])).tolist() == [action]


def test_who_chases_the_ball_plays_far_better_than_chance_and_misses_at_last() -> None:
    environments = Environments("lab/Bricks-v0", 20, Seeds(0), settings={"stack": 4}, once=True)
    while not environments.resting.all():
        environments.step(chase(environments.observations))
    returns = [finished.total_reward for finished in environments.take_finished()]
    assert 15 < np.mean(returns) < 30


def test_a_name_that_is_nearly_right_is_recognised() -> None:
    with pytest.raises(ValueError, match="'lab/Bricks-v0'"):
        Environments("lab/Brick-v0", 1, Seeds(0))


def test_the_picture_shows_what_is_on_the_screen() -> None:
    environment = Bricks(render_mode="rgb_array")
    observation, _ = environment.reset(seed=0)
    picture = environment.render()
    assert (picture.shape, picture.dtype) == ((192, 192, 3), np.uint8)
    centres = picture[8::16, 8::16].reshape(-1, 3)  # one pixel of each of the screen
    kinds = {sign: {tuple(colour) for colour in centres[observation.ravel() == sign]} for sign in SIGNS.values()}
    assert {sign: len(colours) for sign, colours in kinds.items()} == {EMPTY: 1, WALL: 1, BRICK: 3, PADDLE: 1, BALL: 1}
    assert len(set().union(*kinds.values())) == 7
    assert (picture[2 * 16 + 15, 16:-16] == centres[SIZE + 1]).all()  # the joint below the first row of bricks


@pytest.mark.parametrize(
    ("settings", "message"), [({"spin": 1.5}, "spin is 1.5"), ({"render_mode": "human"}, "cannot render as 'human'")]
)
def test_settings_out_of_range_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bricks(**settings)
