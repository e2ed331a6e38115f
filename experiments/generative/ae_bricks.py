"""An autoencoder of screens (lab/Bricks-v0), whose backbone is something for a DQN to begin with.

It sees what dqn_bricks' network sees: four screens in a row, in [0, 1], by the same convolutions. The screens are of a
scripted player, so that walls of all heights are among them; random play seldom breaks a brick. Of each input half is
set to 0 before it is coded: from whole ones it makes features that are hardly ever 0, and so all but linear.

    lab run ae_bricks
    lab run dqn_bricks --from ae_bricks
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from agents.bricks import chase
from agents.dqn_config import BRICKS_DQN, SMALL_BRICKS
from agents.environments import Environments
from agents.gathering import gathered
from generative.autoencoder import Autoencoder, AutoencoderConfig
from generative.decoders import DecoderConfig
from generative.sheets import given_back
from lab.backbones import ConvolutionConfig, MLPConfig
from lab.data import Batches, Dataset
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.ranges import check_least, check_share
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from lab.trial import Picture

ENVIRONMENTS = 8  # in which screens are gathered
SHOWN = 36  # test examples


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of ae_bricks."""

    backbone: MLPConfig | ConvolutionConfig = BRICKS_DQN.backbone
    decoder: DecoderConfig = MLPConfig(widths=(256,))
    autoencoder: AutoencoderConfig = AutoencoderConfig(
        optimizer=OptimizerConfig(learning_rate=1e-3, decay=cosine(1.0, 0.0, 5_000)), size=64, corruption=0.5
    )
    stack: int = 4  # screens in an example, as in an observation of dqn_bricks
    random: float = 0.05  # share of random actions of the player
    training: int = 20_000  # examples
    test: int = 2_000  # examples, of other episodes
    batch_size: int = 128  # examples
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=5_000, log_every=250, evaluate_every=1_000, save_every=1_000, device="cpu", threads=1
    )

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, stack=2, training=1, test=1)  # the player looks at two screens
        check_share(self, "random")


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: an autoencoder x batches of gathered screens, judged on those of other episodes."""
    device = config.run.torch_device()
    train = _screens(config, config.training, seeds.child("training")).to(device)
    test = _screens(config, config.test, seeds.child("test")).to(device)
    with seeds.initialising("backbone"):
        backbone = config.backbone.build(tuple(train.inputs.shape[1:]))
    learner = Autoencoder(config.autoencoder, backbone, config.decoder, seeds, device)

    def show() -> dict[str, Picture]:
        inputs = test.inputs[:: max(1, len(test) // SHOWN)][:SHOWN]
        return {"given_back": given_back(inputs[:, -1:], learner.predict(inputs)[:, -1:])}  # the newest screen of each

    return Fit(learner, Batches(train, config.batch_size, seeds.child("batches")), {"test": test}, show=show)


def _screens(config: Config, num: int, seeds: Seeds) -> Dataset:
    """Inputs [num, stack, 12, 12] in [0, 1], as a DQN's network sees such bytes; of the labels nothing is made."""
    settings = {"stack": config.stack}
    environments = Environments("lab/Bricks-v0", ENVIRONMENTS, seeds.child("environments"), settings=settings)
    screens = gathered(environments, num, chase, seeds, random=config.random)
    return Dataset(torch.from_numpy(screens).float() / 255, torch.zeros(num))


TARGET = None  # what its backbone is good for, dqn_bricks_pretrained says

SMOKE = Config(
    backbone=SMALL_BRICKS.backbone,
    decoder=MLPConfig(widths=(8,)),
    autoencoder=AutoencoderConfig(size=4, corruption=0.5),
    training=200,
    test=50,
    batch_size=16,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, device="cpu", threads=1),
)
