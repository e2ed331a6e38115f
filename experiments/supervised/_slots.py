"""What the experiments on slots share: requests of which every word gets a slot's tag and the whole an intent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.backbones import JordanConfig, RecurrentConfig
from lab.data import BucketedBatches, load_as
from lab.data.own_files import own_file, pin, pinned
from lab.data.tagged import TaggedParts, number_tagged, read_tagged
from lab.data.word_numbers import WordConfig
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds
from supervised.embedding import EmbeddingConfig, WordEmbedding
from supervised.tagger import Tagger, TaggerConfig


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The settings that all of them have."""

    folder: str = own_file()  # your own {train,valid,test}/{seq.in,seq.out,label}, such as ATIS; none: SNIPS
    folder_sha256: str = ""  # of that folder's files, found by itself
    words: WordConfig = WordConfig(affixes=(1, 2, 3, 4))
    embedding: EmbeddingConfig = EmbeddingConfig(dropout=0.4, word_dropout=0.2)
    backbone: RecurrentConfig | JordanConfig = RecurrentConfig(bidirectional=True, dropout=0.5)
    tagger: TaggerConfig
    batch_size: int = 64  # requests
    run: RunConfig

    def __post_init__(self) -> None:
        """Raises ValueError if the folder is not there."""
        pin(self, "folder")


def fit(config: Problem, seeds: Seeds) -> Fit:
    """The trial: a tagger x batches of training requests of about equal length, judged on valid and test requests."""
    device = config.run.torch_device()
    own = pinned(config, "folder")
    parts = read_tagged(own) if own else load_as("snips", TaggedParts)
    data = number_tagged(config.words, parts)
    with seeds.initialising("embedding"):
        embedding = WordEmbedding(config.embedding, data.words.sizes)
    described = config.backbone
    if isinstance(described, JordanConfig) and described.num_outputs == 0:  # as many as training has tags
        described = replace(described, num_outputs=data.tags.known)
    with seeds.initialising("backbone"):
        backbone = described.build((1, embedding.out_features))  # of any number of steps
    tagger = Tagger(config.tagger, embedding, backbone, seeds, device, tags=data.tags, classes=data.intents)
    batches = BucketedBatches(data.train.to(device), config.batch_size, seeds.child("batches"))
    return Fit(tagger, batches, {"valid": data.valid.to(device), "test": data.test.to(device)})
