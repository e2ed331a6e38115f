"""Many to one: a bidirectional GRU reads text messages word by word and tells spam from the others (SMS Spam).

Of a word it knows the word, if a training message has it, and the letters that it begins and ends with. The messages
are parted as in spam_words, and spam is the positive class. Settings were chosen by cross-validation within the
training part.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._spam import PUBLISHED, Problem, parted
from lab.backbones import RecurrentConfig
from lab.data import BucketedBatches
from lab.data.tagged import Names
from lab.data.word_numbers import WordConfig, word_sequences
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.embedding import EmbeddingConfig, WordEmbedding
from supervised.tagger import Tagger, TaggerConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of spam_sequence."""

    words: WordConfig = WordConfig(digits=True, affixes=(1, 2, 3))
    embedding: EmbeddingConfig = EmbeddingConfig(width=50, dropout=0.5, word_dropout=0.2)
    backbone: RecurrentConfig = RecurrentConfig(cell="gru", width=32, bidirectional=True, pool="mean", dropout=0.5)
    tagger: TaggerConfig = TaggerConfig(
        optimizer=OptimizerConfig(learning_rate=3e-3, max_norm=1.0, decay=cosine(1.0, 0.0, 1_000)),
        scores=("precision", "recall", "f1", "mcc"),
    )
    batch_size: int = 32  # messages
    run: RunConfig = RunConfig(steps=1_000, log_every=50, evaluate_every=250, save_every=500, threads=1)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier of sequences x batches of training messages, judged on training and test messages."""
    device = config.run.torch_device()
    messages = parted(config)
    words, sequences = word_sequences(config.words, *messages.values())
    judged = {name: part.to(device) for name, part in zip(messages, sequences)}
    with seeds.initialising("embedding"):
        embedding = WordEmbedding(config.embedding, words.sizes)
    with seeds.initialising("backbone"):
        backbone = config.backbone.build((1, embedding.out_features))  # of any number of steps
    names = messages["train"].classes
    classes = Names(names, len(names))
    tagger = Tagger(config.tagger, embedding, backbone, seeds, device, classes=classes)
    batches = BucketedBatches(judged["train"], config.batch_size, seeds.child("batches"))
    return Fit(tagger, batches, judged)


TARGET = PUBLISHED

SMOKE = Config(
    words=WordConfig(digits=True, least=5, affixes=(1,)),
    embedding=EmbeddingConfig(width=8, dropout=0.5, word_dropout=0.2),
    backbone=RecurrentConfig(cell="gru", width=4, bidirectional=True, pool="mean", dropout=0.5),
    batch_size=4,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
