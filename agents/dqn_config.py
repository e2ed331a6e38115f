"""What a DQN is made of: the switches and settings of DQN and of everything that Rainbow adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Literal

import numpy as np

from agents.popart import PopArtConfig
from agents.priorities import PrioritisedConfig
from lab.backbones import ConvolutionConfig, MLPConfig
from lab.optim import OptimizerConfig
from lab.schedules import Schedule, constant, linear
from lab.transfer import TransferConfig


@dataclass(frozen=True, kw_only=True)
class DQNConfig:
    """What a DQN is made of and how it learns.

    Environment steps count those of all environments together. The defaults suit small problems of 50,000 of them.
    """

    backbone: MLPConfig | ConvolutionConfig = MLPConfig(widths=(64, 64))
    """The network below the layers that give each action its value."""
    transfer: TransferConfig = field(default=TransferConfig(), metadata={"later": True})
    """What the backbone begins with, and how it goes on: see `--from RUN`."""
    discount: float = 0.99
    """What a reward one step later is worth."""
    learning_rate: float = 2e-3
    """Of the optimiser, before its decay."""
    learning_rate_decay: Schedule = linear(1.0, 0.0, 50_000)
    """Multiplies the learning rate; its step is an environment step."""
    optimizer: Literal["adam", "rmsprop"] = "adam"
    """The rule; rmsprop is the centered one of Mnih et al. 2015, with memory 0.95."""
    optimizer_epsilon: float = 1e-8
    """Keeps the optimiser from dividing by zero; large values also slow it down where gradients are small."""
    max_gradient_norm: float | None = 10.0
    """Longer gradients are shortened to this; none leaves them as they are."""
    bfloat16: bool = False
    """On: the networks compute in bfloat16, with weights in float32; faster where the processor has it."""
    compiled: bool = False
    """On: torch compiles an update's passes, half a minute at every start; whether it pays is the machine's to say."""
    exploration: Schedule = linear(1.0, 0.04, 8_000)
    """Share of random actions; its step is an environment step."""
    learn_after: int = 1_000
    """Environment steps of random or exploring action before the first update."""
    train_every: int = 8
    """Environment steps from one block of updates to the next."""
    updates: int = 4
    """Updates in a block."""
    batch_size: int = 128
    """Transitions an update."""
    experience_replay: bool = True
    """Off: a block learns from the transitions since the one before only, each update from all of them."""
    replay_capacity: int = 50_000
    """Transitions kept, the newest ones; the first and last frames of episodes take room, too."""
    frozen_target: bool = True
    """Off: targets come from the network that is learning, as it changes."""
    copy_target_every: int = 200
    """Environment steps from one copy of the network into the frozen target network to the next."""
    huber: bool = True
    """Off: half the squared error."""
    reward_clip: float | None = None
    """Rewards are clipped to +- this before learning; none leaves them as they are."""
    popart: bool = False
    """On: targets are normalised by their own running mean and deviation (van Hasselt et al. 2016, PopArt)."""
    popart_settings: PopArtConfig = PopArtConfig()
    """How, where popart is on."""
    double: bool = False
    """On: the learning network chooses the next action and the target network values it (van Hasselt et al. 2016)."""
    duelling: bool = False
    """On: a stream for the state's value and one for the actions' advantages (Wang et al. 2016), each with `hidden`."""
    hidden: tuple[int, ...] = ()
    """Widths of fully connected layers between the backbone and the values, in each stream and noisy if that is on."""
    n_step: int = 1
    """Steps whose rewards are summed before the target bootstraps (Sutton 1988)."""
    prioritised: bool = False
    """On: transitions are drawn in proportion to their last error (Schaul et al. 2016)."""
    priorities: PrioritisedConfig = PrioritisedConfig()
    """How, where prioritised is on; the step of its schedule is an environment step, so fit it to the run's length."""
    distributional: bool = False
    """On: the distribution of the return is learnt, as shares of fixed values (Bellemare et al. 2017)."""
    atoms: int = 51
    """Returns that distributional gives shares to, evenly spaced over value_range."""
    value_range: tuple[float, float] = (-10.0, 10.0)
    """Lowest and highest return that distributional tells apart."""
    noisy: bool = False
    """On: the layers above the backbone explore by learnt noise on their weights (Fortunato et al. 2018).

    All environments of one step share a drawing of it. Random actions are not switched off by that: set `exploration`
    to a constant 0 for noise alone.
    """
    noise: float = 0.5
    """Initial size of that noise, sigma_0 of the paper."""

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range or contradicts another."""
        for name in ("train_every", "updates", "batch_size", "replay_capacity", "copy_target_every", "n_step"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} is {value}, but nothing is counted in less than ones. Set it to at least 1.")
        if self.learn_after < 0:
            raise ValueError(f"learn_after is {self.learn_after}, a time before the beginning. Set it to 0 or more.")
        if not 0 <= self.discount <= 1:
            raise ValueError(f"discount is {self.discount}, outside 0 to 1, where returns stay finite. Set it between.")
        if self.reward_clip is not None and not self.reward_clip > 0:
            raise ValueError(f"reward_clip is {self.reward_clip}, which leaves no reward. Set it above 0, or to None.")
        for step in self.exploration.turns:
            if not 0 <= (share := self.exploration(step)) <= 1:
                raise ValueError(f"exploration is {share} at step {step}, but it is a share. Keep it from 0 to 1.")
        low, high = self.value_range
        if not (low < high and isfinite(low) and isfinite(high)) or self.atoms < 2:
            raise ValueError(
                f"value_range is {self.value_range} with {self.atoms} atoms, but shares are of two values at least "
                "between finite ends, the lower one first. Set them to (-10, 10) and 51."
            )
        if not self.noise > 0:
            raise ValueError(f"noise is {self.noise}, which explores nothing. Set it above 0, or noisy to False.")
        self._check_switches()

    def _check_switches(self) -> None:
        if not self.experience_replay and (self.prioritised or self.n_step > 1):
            part = "prioritised" if self.prioritised else "n_step"
            raise ValueError(
                f"{part} says how experience is replayed, but experience_replay is off. Switch one of the two back."
            )
        if self.double and not self.frozen_target:
            raise ValueError("double takes two networks, but frozen_target is off. Switch one of the two back.")
        if self.popart and self.distributional:
            raise ValueError(
                "popart rescales values and distributional learns shares of fixed returns, so they exclude each other. "
                "Switch one of the two off."
            )

    def kept_reward_dtype(self, dtype: np.dtype | type) -> np.dtype:
        """How a replay keeps rewards of a type: whole numbers that are clipped to a small one take a byte."""
        clip = self.reward_clip
        whole = np.issubdtype(dtype, np.integer) and clip is not None and clip <= 127 and clip == int(clip)
        return np.dtype(np.int8 if whole else np.float32)

    def optimizer_config(self) -> OptimizerConfig:
        """The optimiser; the agent varies its rate by `learning_rate_decay`."""
        return OptimizerConfig(
            kind=self.optimizer,
            learning_rate=self.learning_rate,
            epsilon=self.optimizer_epsilon,
            smoothing=0.95,
            centered=self.optimizer == "rmsprop",
            max_norm=self.max_gradient_norm,
        )


def replay_and_target_arms(config: DQNConfig) -> dict[str, DQNConfig]:
    """The four arms of Mnih et al. 2015, extended data table 3: with and without each; all else is the same."""
    arms = {
        "replay-and-target": (True, True),
        "replay-only": (True, False),
        "target-only": (False, True),
        "neither": (False, False),
    }
    return {
        name: replace(config, experience_replay=replay, frozen_target=target) for name, (replay, target) in arms.items()
    }


NATURE_CONVOLUTIONS = ConvolutionConfig(channels=(32, 64, 64), kernel_size=(8, 4, 3), stride=(4, 2, 1), padding=0)
"""Of Mnih et al. 2015, extended data table 1; 512 units follow (`hidden`), of which duelling has two times as many."""

NATURE_DQN = DQNConfig(
    backbone=NATURE_CONVOLUTIONS,
    hidden=(512,),
    learning_rate=2.5e-4,
    learning_rate_decay=constant(1.0),
    optimizer="rmsprop",
    # The authors' 0.01 stands under the root, for gradients summed over the batch of 32; torch adds its root behind the
    # root: where gradients deviate by about as much, a step is 0.71 of theirs, elsewhere it is the same.
    optimizer_epsilon=0.1 / 32,
    max_gradient_norm=None,
    exploration=linear(1.0, 0.1, 1_000_000, delay_steps=50_000),  # as in DQN Zoo, from the first update on
    learn_after=50_000,
    train_every=4,
    updates=1,
    batch_size=32,
    replay_capacity=1_000_000,
    copy_target_every=10_000,  # as in the authors' code; the paper's text says updates
    reward_clip=1.0,
)
"""Mnih et al. 2015, extended data table 1, in environment steps of four frames."""

ADAM_DQN = DQNConfig(
    backbone=NATURE_CONVOLUTIONS,
    hidden=(512,),
    learning_rate=1e-4,
    learning_rate_decay=constant(1.0),
    exploration=linear(1.0, 0.01, 1_000_000),
    learn_after=80_000,
    train_every=4,
    updates=1,
    batch_size=32,
    replay_capacity=1_000_000,
    copy_target_every=1_000,
    reward_clip=1.0,
)
"""With Adam and a target network that follows sooner, as in CleanRL's dqn_atari.py (learning rate, replay of a million,
beginning after 80,000) and Stable-Baselines3 (Huber loss, gradients of norm 10 at most).
"""

RAINBOW = DQNConfig(
    backbone=NATURE_CONVOLUTIONS,
    hidden=(512,),
    learning_rate=6.25e-5,
    learning_rate_decay=constant(1.0),
    optimizer_epsilon=1.5e-4,
    exploration=constant(0.0),  # the noise explores
    learn_after=20_000,
    train_every=4,
    updates=1,
    batch_size=32,
    replay_capacity=1_000_000,
    copy_target_every=8_000,
    reward_clip=1.0,
    double=True,
    duelling=True,
    n_step=3,
    prioritised=True,
    priorities=PrioritisedConfig(exponent=0.5, importance=linear(0.4, 1.0, 50_000_000)),
    distributional=True,
    noisy=True,
    noise=0.5,
)
"""Hessel et al. 2018, table 1, in environment steps of four frames; importance grows over their 200 million frames.

As in DQN Zoo's rainbow/run_atari.py, gradients are clipped to 10 and priorities follow the cross-entropy; the paper has
no clipping, and the divergence, which is less by the entropy of the target.
"""

SMALL = DQNConfig(
    backbone=MLPConfig(widths=(16,)),
    exploration=linear(1.0, 0.1, 200),
    learn_after=50,
    updates=2,
    batch_size=8,
    replay_capacity=300,
    copy_target_every=40,
)
"""The smallest that exercises every part within a few hundred steps, the turn of the replay's ring included."""

SMALL_PIXELS = replace(
    SMALL,
    backbone=ConvolutionConfig(channels=(2, 4), kernel_size=(8, 4), stride=(4, 2), padding=0),
    learn_after=100,
    train_every=8,
    updates=1,
    replay_capacity=200,
    reward_clip=1.0,
)
"""The same for screens of 42 x 42 pixels."""


def small_pixels(config: DQNConfig) -> DQNConfig:
    """The smallest for those screens that learns by the same parts as another."""
    parts = ("double", "duelling", "prioritised", "n_step", "distributional", "noisy", "popart", "huber", "optimizer")
    return replace(SMALL_PIXELS, hidden=(8,), atoms=11, **{name: getattr(config, name) for name in parts})


BRICKS_DQN = DQNConfig(
    # No stride, for which 12 pixels are too few: without padding the last row, the paddle's, would never be seen.
    backbone=ConvolutionConfig(channels=(16,), kernel_size=3, padding=0),
    hidden=(128,),
    discount=0.97,
    learning_rate=1e-3,
    learning_rate_decay=linear(1.0, 0.0, 120_000),
    exploration=linear(1.0, 0.02, 20_000),
    learn_after=2_000,
    train_every=4,
    updates=1,
    batch_size=64,
    replay_capacity=50_000,
    copy_target_every=800,
)
"""For the screens of 12 x 12 pixels of lab/Bricks-v0."""

SMALL_BRICKS = replace(
    BRICKS_DQN,
    backbone=ConvolutionConfig(channels=(2,), kernel_size=3, padding=0),
    hidden=(8,),
    learn_after=50,
    train_every=16,
    batch_size=8,
    replay_capacity=300,
    copy_target_every=40,
)
"""The smallest for the same screens."""

EXAMPLE_DQN = DQNConfig(
    backbone=MLPConfig(widths=(32,)),
    learning_rate=3e-3,
    learning_rate_decay=constant(1.0),
    exploration=constant(0.5),
    learn_after=100,
    train_every=16,
    updates=8,
    batch_size=32,
    replay_capacity=2_000,
    copy_target_every=32,
)
"""Learns a small problem in a few thousand steps."""

EXAMPLE_RAINBOW = replace(
    EXAMPLE_DQN,
    learning_rate=1e-3,
    double=True,
    duelling=True,
    hidden=(16,),
    n_step=3,
    prioritised=True,
    distributional=True,
    value_range=(0.0, 12.0),
    atoms=25,
    noisy=True,
)
"""The same with all of Rainbow's parts."""
