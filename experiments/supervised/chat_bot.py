"""A chat bot learns from dialogue what to answer: the model of translation, on what one says and another replies.

By default from the plays of tiny Shakespeare, or from your own file of lines `said<tab>answered`:

    lab run chat_bot --pairs-file my_dialogue.tsv
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.supervised import _pairs
from experiments.supervised._pairs import SMALL_BACKBONE, SMALL_DECODER, SMALL_EMBEDDING
from lab.backbones import RecurrentConfig
from lab.data import load_as
from lab.data.numbered_pairs import PairNumbers, PairsConfig, PairSet
from lab.data.own_files import own_file, pin, pinned
from lab.data.pairs import PairedText, read_pairs, split_pairs
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from lab.trial import Illustration
from supervised.decoding import DecodingConfig
from supervised.embedding import EmbeddingConfig
from supervised.encoder_decoder import DecoderConfig, Symbols
from supervised.interpreter import Interpreter, attention_pictures, conversation
from supervised.judges import AnswerJudge
from supervised.seq2seq import Seq2SeqConfig

STEPS = 800  # updates, about 5 epochs


@dataclass(frozen=True, kw_only=True)
class Config(_pairs.Problem):
    """Settings of chat_bot."""

    pairs_file: str = own_file()  # a file of lines said<tab>answered; none: the speeches of tiny Shakespeare
    pairs_file_sha256: str = ""  # of that file, found by itself
    pairs: PairsConfig = PairsConfig(least=2, most=5_000, longest=30)
    embedding: EmbeddingConfig = EmbeddingConfig(width=96, dropout=0.4)
    backbone: RecurrentConfig = RecurrentConfig(cell="gru", width=96, bidirectional=True, dropout=0.4)
    model: Seq2SeqConfig = Seq2SeqConfig(
        decoder=DecoderConfig(width=192, embedding_width=96, readout_width=96, dropout=0.4),
        optimizer=OptimizerConfig(learning_rate=3e-3, max_norm=1.0, decay=cosine(1.0, 0.0, STEPS, warmup_steps=50)),
        decoding=DecodingConfig(beam_width=5),
    )
    batch_size: int = 32  # pairs
    development_sources: int = 300  # 0: there is no such part
    test_sources: int = 500  # 0: there is no such part
    split_seed: int = 0  # which pairs are for development and testing
    run: RunConfig = RunConfig(steps=STEPS, log_every=20, evaluate_every=200, save_every=400, threads=1)

    def __post_init__(self) -> None:
        """Raises ValueError if the file is not there."""
        pin(self, "pairs_file")


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a model of sequence to sequence x pairs of what is said and answered, none longer than it can read."""
    own = pinned(config, "pairs_file")
    pairs = read_pairs(own) if own else load_as("shakespeare_speeches", PairedText)
    held_out = (config.development_sources, config.test_sources)
    numbers, parts = PairNumbers.of(config.pairs, *split_pairs(pairs, held_out, config.split_seed, by="sources"))
    training, judged = numbers.short(parts[0]), _pairs.asked_for(dev=parts[1], test=parts[2])
    judge = AnswerJudge(training, Symbols.of_vocabulary(numbers.target))
    return _pairs.fit(config, numbers, training, _pairs.short(numbers, judged), judge, show, seeds)


def show(interpreter: Interpreter, pairs: PairSet) -> Mapping[str, Illustration]:
    """All answers found to some of what is said, and the attention over the longest of it."""
    said = _pairs.first(pairs, 12).texts.sources
    pictures = attention_pictures(interpreter, _pairs.drawable(pairs, 1).texts.sources)
    return {"conversation": conversation(interpreter, said), **pictures}


TARGET = Target(
    metric="eval/test_perplexity",
    at_most=234.0,
    steps=STEPS,
    statistic="mean",
    protocol="perplexity of the answers to 500 sentences (split seed 0) that are not trained on, end symbols and "
    "unknown words counted, of pairs of at most 30 words and signs a side; last weights; mean over 5 seeds",
    source="the lab's own bound: the perplexity of the same answers under a unigram model of the training answers, "
    "234.19, which is logged beside it as test_unigram_perplexity",
)

SMOKE = Config(
    pairs=PairsConfig(least=3, most=200, longest=12),
    embedding=SMALL_EMBEDDING,
    backbone=SMALL_BACKBONE,
    model=Seq2SeqConfig(
        decoder=SMALL_DECODER,
        teacher_forcing=0.5,
        decoding=DecodingConfig(beam_width=2, longest=13),
    ),
    batch_size=8,
    development_sources=10,
    test_sources=20,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
