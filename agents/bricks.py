"""Bricks: a paddle, a ball and a wall of bricks on a screen of 12 x 12 pixels, small enough to learn from on a CPU.

Importing this file makes gymnasium know the game as lab/Bricks-v0, cut off after 500 steps.
"""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

SIZE = 12  # pixels a side; the walls take the outermost ones to the left, to the right and above
BRICK_ROWS = (2, 3, 4)  # each from wall to wall, so 30 bricks in all
PADDLE_ROW = SIZE - 1
PADDLE_WIDTH = 2
EMPTY, WALL, BRICK, PADDLE, BALL = 0, 60, 120, 190, 255  # brightness

_MOVES = (0, -1, 1)  # pixels to the right, by action
PICTURE_SCALE = 16  # pixels of a picture that one of the screen becomes
_COLOURS = {EMPTY: (18, 20, 32), WALL: (72, 78, 104), PADDLE: (94, 196, 255), BALL: (255, 250, 235)}  # RGB
_BRICK_COLOURS = ((236, 94, 104), (245, 157, 80), (247, 208, 96))  # by row


def _blank() -> bytes:
    """A screen with the walls alone."""
    screen = np.full((SIZE, SIZE), EMPTY, np.uint8)
    screen[0] = screen[:, 0] = screen[:, -1] = WALL
    return screen.tobytes()


_BLANK = _blank()


class Bricks(gym.Env):
    """Keep the ball from falling past the paddle, and break bricks with it: each is a reward of 1.

    Observations are the screen, [12, 12] uint8. One does not show where the ball is going, so an agent has to look at
    several in a row. Actions: 0 stay, 1 left, 2 right, each by one pixel.

    The ball goes diagonally, one pixel a step. Walls and bricks reflect it, sideways first and then up or down, and it
    stays in its column or row for that step. The paddle throws it up to the left with its left half, to the right with
    its right half. At a share `spin` of the bounces off the paddle and off the upper and lower faces of bricks it goes
    left or right by chance, as it does at first, from a random column just below the bricks. The episode is over when
    the ball falls past the paddle. When no brick is left, the next bounce off the paddle brings all of them back.

    All chance comes from reset(seed=...).
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 12}

    def __init__(self, spin: float = 0.2, render_mode: str | None = None):
        """Raises ValueError if `spin` is no share, or the mode of rendering is another than rgb_array."""
        if not 0 <= spin <= 1:
            raise ValueError(f"spin is {spin}, but a share of the bounces lies between 0 and 1. Set it to 0.2.")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"Bricks cannot render as {render_mode!r}. Set render_mode to 'rgb_array', or leave it.")
        self.spin, self.render_mode = spin, render_mode
        self.observation_space = gym.spaces.Box(0, 255, (SIZE, SIZE), np.uint8)
        self.action_space = gym.spaces.Discrete(len(_MOVES))
        # The screen is the state of the game, row by row, and what a pixel shows is what the ball meets there. Single
        # bytes of a bytearray are read and written several times faster than elements of a numpy array.
        self._screen = bytearray(_BLANK)
        self._paddle = 0  # where its left pixel is in the screen
        self._ball = 0  # where it is in the screen
        self._across = self._down = 0  # what a step adds to that: 1 or -1 to the right, SIZE or -SIZE downwards

    def get_action_meanings(self) -> list[str]:
        """What each action is, by the names that ale-py has for them."""
        return ["NOOP", "LEFT", "RIGHT"]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Sets up all bricks, the paddle in the middle, and a falling ball. There are no `options`."""
        super().reset(seed=seed)
        self._screen[:] = _BLANK
        self._set_up_bricks()
        self._paddle = PADDLE_ROW * SIZE + (SIZE - PADDLE_WIDTH) // 2
        self._screen[self._paddle : self._paddle + PADDLE_WIDTH] = bytes([PADDLE] * PADDLE_WIDTH)
        self._ball = (BRICK_ROWS[-1] + 1) * SIZE + int(self.np_random.integers(1, SIZE - 1))
        self._screen[self._ball] = BALL
        self._across, self._down = self._left_or_right(), SIZE
        return self._observation(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Moves the paddle, then the ball."""
        self._move_paddle(_MOVES[action])
        screen, ball, broken = self._screen, self._ball, 0
        screen[ball] = EMPTY
        place = ball + self._across
        if screen[place] == EMPTY:
            ball = place
        else:
            self._across = -self._across
            broken += self._break_brick(place)
        place = ball + self._down
        if screen[place] == EMPTY:
            ball = place
        elif screen[place] == PADDLE:
            # Up at once, without a step of rest: so the way up and down takes 19 steps where the way across and back
            # takes 20. Were they equal, an empty screen would hold the ball on one closed path, off the last bricks.
            self._throw(place)
            ball -= SIZE
        else:
            self._down = -self._down
            if self._break_brick(place):
                broken += 1
                self._maybe_spin()
        screen[ball] = BALL
        self._ball = ball
        return self._observation(), float(broken), ball >= PADDLE_ROW * SIZE, False, {}

    def _move_paddle(self, move: int) -> None:
        ahead = self._paddle + (PADDLE_WIDTH if move > 0 else -1)
        if move and self._screen[ahead] == EMPTY:
            self._screen[ahead] = PADDLE
            self._screen[ahead - move * PADDLE_WIDTH] = EMPTY
            self._paddle += move

    def _break_brick(self, place: int) -> bool:
        """Takes the brick away at that place of the screen, and says whether there was one."""
        if self._screen[place] != BRICK:
            return False
        self._screen[place] = EMPTY
        return True

    def _throw(self, place: int) -> None:
        """The ball meets the paddle at that place of the screen."""
        self._down = -SIZE
        self._across = -1 if place < self._paddle + PADDLE_WIDTH // 2 else 1
        self._maybe_spin()
        if BRICK not in self._screen:
            self._set_up_bricks()

    def _maybe_spin(self) -> None:
        if self.np_random.random() < self.spin:
            self._across = self._left_or_right()

    def _left_or_right(self) -> int:
        return 1 if self.np_random.random() < 0.5 else -1

    def _set_up_bricks(self) -> None:
        for row in BRICK_ROWS:
            self._screen[row * SIZE + 1 : (row + 1) * SIZE - 1] = bytes([BRICK] * (SIZE - 2))

    def _observation(self) -> np.ndarray:
        return np.frombuffer(self._screen, np.uint8).reshape(SIZE, SIZE).copy()

    def render(self) -> np.ndarray:
        """The screen as a picture in colours, [192, 192, 3] uint8."""
        screen = self._observation()
        picture = np.zeros((SIZE, SIZE, 3), np.uint8)
        for brightness, colour in _COLOURS.items():
            picture[screen == brightness] = colour
        for row, colour in zip(BRICK_ROWS, _BRICK_COLOURS):
            picture[row, screen[row] == BRICK] = colour
        picture = picture.repeat(PICTURE_SCALE, axis=0).repeat(PICTURE_SCALE, axis=1)
        joint = np.arange(SIZE * PICTURE_SCALE) % PICTURE_SCALE == PICTURE_SCALE - 1
        bricks = (screen == BRICK).repeat(PICTURE_SCALE, axis=0).repeat(PICTURE_SCALE, axis=1)
        picture[bricks & (joint[:, None] | joint)] = _COLOURS[EMPTY]
        return picture


def chase(screens: np.ndarray) -> np.ndarray:
    """A scripted player: screens [N, T, 12, 12], two at least and the newest last -> actions [N].

    It goes where the ball will be if that flies on as between the last two screens. Reflections and spins, which it
    does not foresee, make it miss at last: its mean return is about 22.
    """
    columns = (screens[:, -2:] == BALL).any(2).argmax(2)  # [N, 2]
    across = (columns[:, 1] - columns[:, 0]).clip(-1, 1)  # before the second screen it is a guess
    ball = (columns[:, 1] + across).clip(1, SIZE - 2)
    paddle = (screens[:, -1, PADDLE_ROW] == PADDLE).argmax(1)
    ahead = 1 * (ball >= paddle + PADDLE_WIDTH) - 1 * (ball < paddle)
    return np.array([_MOVES.index(move) for move in ahead.tolist()])


gym.register("lab/Bricks-v0", "agents.bricks:Bricks", max_episode_steps=500)
