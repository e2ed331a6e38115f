"""The Atari protocol: all that lies between the console and a score, as data to be kept with the score."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AtariProtocol:
    """How a game is presented to an agent and cut into episodes.

    Scores under different protocols do not compare: the same network's differ by half (Nair et al. 2015, Machado et al.
    2018). A frame is one of the 60 that the console shows in a second; a step of the agent is `frame_skip` of them.
    Rewards are the game's own points, never clipped here: whoever learns from clipped ones clips them.
    """

    sticky_action_probability: float = 0.0
    """Chance, in each frame, that the console takes the action before instead of this one (Machado et al. 2018)."""
    noop_max: int = 30
    """An episode begins with 0 to this many frames without an action, all numbers equally likely."""
    fire_on_reset: bool = False
    """Press FIRE, in games that have it, in an episode's first frame. That frame counts as one of `noop_max`."""
    life_loss_is_terminal: bool = True
    """Discount 0 where a life is lost. The game goes on all the same, and scores are of whole games."""
    frame_skip: int = 4
    """Frames for which an action is repeated: a step of the agent. It sees the last of them."""
    max_pool: bool = True
    """Each pixel is the brighter one of the last two frames, as many games draw objects in every other frame only.

    Of no effect where `frame_skip` is 1.
    """
    max_frames: int = 108_000
    """Frames, no-ops left out, after which an episode is cut off: 30 minutes of play. That is no end: discount 1."""
    image_height: int = 84
    """Pixels of an observation, which is grey and resized by areas from the console's 210 x 160 or so."""
    image_width: int = 84
    """Pixels of an observation."""
    stack: int = 4
    """Frames in an observation, newest last. At the first of an episode the older ones are blank (zeros)."""
    full_action_space: bool = False
    """All 18 positions of the joystick instead of those that do something in the game."""

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        if not 0 <= self.sticky_action_probability < 1:
            raise ValueError(
                f"protocol.sticky_action_probability is {self.sticky_action_probability}, but must be in [0, 1): at 1 "
                "no action ever reached the game. The usual one is 0.25."
            )
        if self.noop_max < 0:
            raise ValueError(f"protocol.noop_max is {self.noop_max}, but counts frames. Set it to 0 for none.")
        for name in ("frame_skip", "max_frames", "image_height", "image_width", "stack"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(
                    f"protocol.{name} is {value}, which leaves nothing to play or to see. Set it to 1 at the least."
                )


NATURE = AtariProtocol()
"""Mnih et al. 2015 (Nature 518), Methods and extended data table 1, and DQN Zoo's dqn/run_atari.py for details.

DQN Zoo takes 1 to 30 no-ops. Mnih et al. judged by 30 games of at most 5 minutes (18,000 frames), in which an action
was random with probability 0.05; the 30 minutes of here are DQN Zoo's and the custom today.
"""

DOPAMINE = AtariProtocol(sticky_action_probability=0.25, noop_max=0, life_loss_is_terminal=False)
"""Castro et al. 2018 (arXiv 1812.06110), discrete_domains/atari_lib.py, after Machado et al. 2018 (JAIR 61).

Their published curves are of training, where 1 action in 100 is random; their evaluation takes 1 in 1,000.
"""

BASELINES = AtariProtocol(fire_on_reset=True)
"""OpenAI Baselines' wrappers, which CleanRL's dqn_atari.py and Stable-Baselines3's AtariWrapper follow.

Theirs press FIRE after the no-ops (1 to 30), for a step and with another action after it, and once more whenever a life
was lost; here only at an episode's first frame, so that after a lost life the agent presses it itself.
"""
