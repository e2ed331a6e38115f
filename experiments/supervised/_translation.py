"""What the experiments on Tatoeba's sentences share: French to English, the same model but for what is compared.

This direction, because the output vocabulary is what a model of words costs most and English has fewer forms, and
because the sentences are split by the English side: no sentence that is to be said was ever said in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from experiments.supervised import _pairs
from experiments.supervised._pairs import SMALL_BACKBONE, SMALL_DECODER, SMALL_EMBEDDING
from lab.backbones import RecurrentConfig
from lab.data import load_as
from lab.data.numbered_pairs import PairNumbers, PairsConfig, PairSet
from lab.data.pairs import PairedText, split_pairs
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from lab.trial import Illustration, Passage
from supervised.bleu import Bleu
from supervised.embedding import EmbeddingConfig
from supervised.encoder_decoder import DecoderConfig
from supervised.interpreter import Interpreter, attention_pictures, quoted
from supervised.seq2seq import Seq2SeqConfig

STEPS = 3_000  # updates, 1.5 epochs
PROTOCOL = (
    "greedy BLEU by sacrebleu, nrefs:1|case:lc|eff:no|tok:13a|smooth:exp, of the French sentences whose English "
    "translation is among 4,000 held out (split seed 0), 1,000 more being for development and no sentence of either "
    "language in training and held out; trained on pairs of at most 25 words and signs a side; bleu_short is of "
    "sources of up to ten words, bleu_long of more; last weights; mean over 3 seeds"
)


def learnt_in(steps: int) -> Seq2SeqConfig:
    """The model and how it learns, its learning rate arriving at 0 after so many updates."""
    return Seq2SeqConfig(
        decoder=DecoderConfig(dropout=0.1),
        optimizer=OptimizerConfig(learning_rate=3e-3, max_norm=1.0, decay=cosine(1.0, 0.0, steps, warmup_steps=100)),
    )


@dataclass(frozen=True, kw_only=True)
class Problem(_pairs.Problem):
    """The settings that all of them have."""

    pairs: PairsConfig = PairsConfig(least=3, most=6_000, longest=25)
    embedding: EmbeddingConfig = EmbeddingConfig(width=128, dropout=0.1)
    backbone: RecurrentConfig = RecurrentConfig(cell="gru", width=128, bidirectional=True, dropout=0.1)
    model: Seq2SeqConfig = learnt_in(STEPS)
    batch_size: int = 64  # sentences
    used_pairs: int | None = None  # the first so many of the file, which begins with the shortest; none: all
    development_sentences: int = 1_000  # English ones; 0: there is no such part
    test_sentences: int = 4_000  # English ones; 0: there is no such part
    split_seed: int = 0  # which sentences are for development and testing


def fit(config: Problem, seeds: Seeds) -> Fit:
    """The trial: a translator x sentences for training, judged on all pairs of the other sentences, however long."""
    pairs = load_as("tatoeba_fra_eng", PairedText).swapped()
    pairs = PairedText(pairs.sources[: config.used_pairs], pairs.targets[: config.used_pairs])
    held_out = (config.development_sentences, config.test_sentences)
    parts = split_pairs(pairs, held_out, config.split_seed, by="targets")
    numbers, (training, development, test) = PairNumbers.of(config.pairs, *parts)
    judged = _pairs.asked_for(dev=development, test=test)
    return _pairs.fit(config, numbers, numbers.short(training), judged, Bleu(numbers), show, seeds)


def show(interpreter: Interpreter, pairs: PairSet) -> Mapping[str, Illustration]:
    """How BLEU is taken, some translations, and the attention over long sentences."""
    taken = cast(Bleu, interpreter.judge).signature
    said = quoted(interpreter, _pairs.first(pairs, 12).texts).text
    pictures = attention_pictures(interpreter, _pairs.drawable(pairs, 3).texts.sources)
    return {"translations": Passage(f"BLEU by sacrebleu: {taken}\n\n{said}"), **pictures}


SMALL: dict[str, Any] = {  # settings of the smallest versions
    "pairs": PairsConfig(least=1, most=200, longest=20),
    "embedding": SMALL_EMBEDDING,
    "backbone": SMALL_BACKBONE,
    "model": Seq2SeqConfig(decoder=SMALL_DECODER),
    "batch_size": 8,
    "used_pairs": 400,
    "development_sentences": 10,
    "test_sentences": 20,
}
