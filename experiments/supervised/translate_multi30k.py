"""A model of sequence to sequence with attention translates German into English (Multi30k, if you have its files)."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised import _pairs
from experiments.supervised._pairs import SMALL_BACKBONE, SMALL_DECODER, SMALL_EMBEDDING
from experiments.supervised._translation import show
from lab.backbones import RecurrentConfig
from lab.data.multi30k import read_multi30k
from lab.data.numbered_pairs import PairNumbers, PairsConfig
from lab.data.own_files import own_file, pin, pinned
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.seeding import Seeds
from supervised.bleu import Bleu
from supervised.embedding import EmbeddingConfig
from supervised.encoder_decoder import DecoderConfig
from supervised.seq2seq import Seq2SeqConfig

STEPS = 2_260  # updates, 10 epochs


@dataclass(frozen=True, kw_only=True)
class Config(_pairs.Problem):
    """Settings of translate_multi30k. Widths, rate, batch and epochs are those of the published number."""

    folder: str = own_file()  # with {train,val,test}.{de,en}; none: multi30k in the data folder
    folder_sha256: str = ""  # of that folder's files, found by itself
    pairs: PairsConfig = PairsConfig(least=2, longest=50)
    embedding: EmbeddingConfig = EmbeddingConfig(width=256, dropout=0.5)
    backbone: RecurrentConfig = RecurrentConfig(cell="gru", width=512, bidirectional=True, dropout=0.5)
    model: Seq2SeqConfig = Seq2SeqConfig(
        decoder=DecoderConfig(width=512, embedding_width=256, attention_width=512, readout_width=256, dropout=0.5),
        optimizer=OptimizerConfig(learning_rate=1e-3, max_norm=1.0),
    )
    batch_size: int = 128  # pairs
    run: RunConfig = RunConfig(steps=STEPS, log_every=50, evaluate_every=226, save_every=226)

    def __post_init__(self) -> None:
        """Raises ValueError if the folder is not there."""
        pin(self, "folder")


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a translator x the training part, judged on the other two."""
    parts = read_multi30k(pinned(config, "folder"))
    numbers, (training, development, test) = PairNumbers.of(config.pairs, parts.train, parts.val, parts.test)
    judged = {"dev": development, "test": test}
    return _pairs.fit(config, numbers, numbers.short(training), judged, Bleu(numbers), show, seeds)


TARGET = Target(
    metric="eval/test_bleu",
    at_least=28.3,
    steps=STEPS,
    statistic="mean",
    protocol="greedy BLEU of the 1,000 test sentences by sacrebleu, nrefs:1|case:lc|eff:no|tok:13a|smooth:exp, last "
    "weights; mean over 5 seeds",
    source="bentrevett/pytorch-seq2seq, notebook 3: 28.30 by the package evaluate, on lower-case words, of the best of "
    "10 epochs by validation loss; that is another protocol: a bound, not a comparison",
    needs="the files of Multi30k, and a GPU for the time",
)

SMOKE = Config(
    pairs=PairsConfig(least=50, longest=12),
    embedding=SMALL_EMBEDDING,
    backbone=SMALL_BACKBONE,
    model=Seq2SeqConfig(decoder=SMALL_DECODER),
    batch_size=8,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
