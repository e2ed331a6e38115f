"""Recurrent networks side by side on slots and intents (SNIPS): Elman, Jordan, GRU, LSTM, deep, bidirectional.

    lab run slots_cells --seeds 0-4 --report

All arms read the same words in the same order for as many updates, with as many units in each layer and direction, and
answer with the tags that are likeliest together. Settings are those of slots_snips, tuned for no arm. Elman's and
Jordan's networks also read windows of seven words, as in Mesnil et al. 2015. The whole request is its last step; of
Jordan's, which remembers no more than the tag before, the mean of all steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.supervised._slots import Problem, fit
from lab.backbones import Initialisation, JordanConfig, RecurrentConfig
from lab.experiment import Compared
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.embedding import EmbeddingConfig
from supervised.tagger import TaggerConfig

WINDOW = 3  # words on each side


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of slots_cells, which all arms share but for the kind of network."""

    width: int = 128  # units of each layer and direction
    dropout: float = 0.5  # share of units dropped after each layer
    initialisation: Initialisation = "fan_in"  # torch's own, of recurrent layers, saturates units that read windows
    tagger: TaggerConfig = TaggerConfig(
        optimizer=OptimizerConfig(learning_rate=2e-3, max_norm=1.0, decay=cosine(1.0, 0.0, 2_000)), legal=True
    )
    run: RunConfig = RunConfig(steps=2_000, log_every=100, evaluate_every=500, save_every=1_000, threads=1)


def variants(config: Config) -> dict[str, Config]:
    """Six networks, and two of them with windows."""
    recurrent = RecurrentConfig(width=config.width, dropout=config.dropout, initialisation=config.initialisation)
    networks: dict[str, RecurrentConfig | JordanConfig] = {
        "elman": replace(recurrent, cell="rnn"),
        "jordan": JordanConfig(
            width=config.width,
            num_outputs=0,  # as many as there are tags
            dropout=config.dropout,
            pool="mean",
            initialisation=config.initialisation,
        ),
        "gru": replace(recurrent, cell="gru"),
        "lstm": recurrent,
        "deep": replace(recurrent, num_layers=2),
        "bidirectional": replace(recurrent, bidirectional=True),
    }
    arms = {name: replace(config, backbone=network) for name, network in networks.items()}
    windows = replace(config.embedding, window=WINDOW)
    return arms | {f"{name}-window": replace(arms[name], embedding=windows) for name in ("elman", "jordan")}


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a tagger x batches of training requests."""
    return fit(config, seeds)


TARGET = None  # a comparison
COMPARED = Compared(
    metrics=("eval/test_slot_f1", "eval/test_accuracy"),
    steps=2_000,
    protocol="conlleval's F1 of the slots, the likeliest tags that make whole slots (Viterbi), and the share of right "
    "intents, on the 700 requests of the test part, last weights",
)

SMOKE = Config(
    embedding=EmbeddingConfig(width=8, affix_width=2, dropout=0.4, word_dropout=0.2),
    width=8,
    tagger=TaggerConfig(optimizer=OptimizerConfig(learning_rate=2e-3, max_norm=1.0), legal=True),
    batch_size=8,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
