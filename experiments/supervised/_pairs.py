"""What the experiments on pairs of texts share: the model that answers, and how it is fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from lab.backbones import RecurrentConfig
from lab.data import BucketedBatches
from lab.data.numbered_pairs import PairNumbers, PairsConfig, PairSet
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.trial import Illustration
from supervised.embedding import EmbeddingConfig, WordEmbedding
from supervised.encoder_decoder import DecoderConfig, EmbeddedWords
from supervised.interpreter import Interpreter
from supervised.seq2seq import Judge, Seq2SeqConfig

WIDEST = 15  # words and signs of a source whose attention is drawn

Show = Callable[[Interpreter, PairSet], Mapping[str, Illustration]]

P = TypeVar("P", bound="Problem")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The settings that all of them have."""

    pairs: PairsConfig
    embedding: EmbeddingConfig
    backbone: RecurrentConfig
    model: Seq2SeqConfig
    batch_size: int  # pairs
    run: RunConfig


def fit(
    config: Problem,
    numbers: PairNumbers,
    training: PairSet,
    judged: Mapping[str, PairSet],
    judge: Judge,
    show: Show,
    seeds: Seeds,
) -> Fit:
    """The trial: a model of sequence to sequence x batches of pairs of about equal length.

    `show` is given the readable pairs of the last of the judged parts; where nothing is judged, nothing is shown.
    """
    device = config.run.torch_device()
    with seeds.initialising("embedding"):
        reading = EmbeddedWords(WordEmbedding(config.embedding, (len(numbers.source),)))
    with seeds.initialising("backbone"):
        backbone = config.backbone.build((config.pairs.longest, reading.out_features))
    learner = Interpreter(config.model, reading, backbone, numbers, seeds, device, judge=judge)
    batches = BucketedBatches(training.to(device), config.batch_size, seeds.child("batches"))
    shown = [numbers.short(part) for part in judged.values()][-1:]
    return Fit(
        learner,
        batches,
        {name: part.to(device) for name, part in judged.items()},
        show=(lambda: show(learner, *shown)) if shown else None,
    )


def asked_for(**parts: PairSet) -> dict[str, PairSet]:
    """The parts that hold pairs: one for which none were to be held out is not judged."""
    return {name: part for name, part in parts.items() if len(part)}


def short(numbers: PairNumbers, parts: Mapping[str, PairSet]) -> dict[str, PairSet]:
    """The short pairs of each part. Raises ValueError, naming the part, where there are none."""
    found = {name: numbers.short(part) for name, part in parts.items()}
    for name, part in found.items():
        if not len(part):
            raise ValueError(
                f"The {name} part has {len(parts[name])} pairs, but all have a side of more than "
                f"{numbers.config.longest} words and signs, so there is none to judge by. Hold out more, or raise "
                "pairs.longest."
            )
    return found


def drawable(pairs: PairSet, count: int) -> PairSet:
    """Those with the longest sources that fit a picture, which show most of an attention."""
    order = pairs.lengths.argsort(descending=True, stable=True)
    return pairs.subset(order[pairs.lengths[order] <= WIDEST][:count])


def first(pairs: PairSet, count: int) -> PairSet:
    """The first so many."""
    return pairs.subset(torch.arange(min(count, len(pairs))))


def decoded_by(config: P, **changes: Any) -> P:
    """The config with some settings of its decoder changed."""
    return replace(config, model=replace(config.model, decoder=replace(config.model.decoder, **changes)))


SMALL_EMBEDDING = EmbeddingConfig(width=8, dropout=0.1)
SMALL_BACKBONE = RecurrentConfig(cell="gru", width=8, bidirectional=True)
SMALL_DECODER = DecoderConfig(width=8, embedding_width=8, readout_width=8, attention_width=8, dropout=0.1)
