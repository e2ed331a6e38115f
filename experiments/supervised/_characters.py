"""What experiments on characters share: a language model x windows of a text, its first nine tenths to learn from."""

from __future__ import annotations

from dataclasses import dataclass

from lab.backbones import RecurrentConfig, TransformerConfig
from lab.data.catalogue import load_as
from lab.data.corpus import Corpus, RandomWindows, first_and_rest, read_corpus, windows
from lab.data.own_files import own_file, pin, pinned
from lab.development import Development
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.trial import Manner, Passage
from supervised.language_model import LanguageModel, LanguageModelConfig

TRAINING = 0.9  # share of the text, its beginning
SAMPLE = 600  # characters that a run shows


@dataclass(frozen=True, kw_only=True)
class Problem(Development):
    """The settings that all of them have."""

    backbone: RecurrentConfig | TransformerConfig
    model: LanguageModelConfig
    context: int = 64  # characters of a window
    embedding: int  # numbers that stand for a character
    batch_size: int = 12  # windows
    text: str = own_file()  # a text file of your own; none: tiny Shakespeare
    text_sha256: str = ""  # of that file, found by itself
    run: RunConfig

    def __post_init__(self) -> None:
        """Raises ValueError if the text is not there, or nothing would be left to learn from."""
        super().__post_init__()
        pin(self, "text")


def fit(config: Problem, seeds: Seeds) -> Fit:
    """The trial: a language model x windows of the first nine tenths of the text, judged on the last tenth.

    The development share of the former is its end.
    """
    own = pinned(config, "text")
    corpus = read_corpus(own) if own else load_as("tiny_shakespeare", Corpus)
    vocabulary, symbols = corpus.numbered()
    training, validation = first_and_rest(symbols.to(config.run.torch_device()), TRAINING)
    judged = {"validation": windows(validation, config.context)}
    if config.development_share:
        training, development = first_and_rest(training, 1 - config.development_share)
        judged["dev"] = windows(development, config.context)
    with seeds.initialising("backbone"):
        backbone = config.backbone.build((config.context, config.embedding))
    learner = LanguageModel(config.model, backbone, vocabulary, seeds, training.device)
    batches = RandomWindows(training, config.batch_size, config.context, seeds.child("batches"))

    def show() -> dict[str, Passage]:
        return {"sample": Passage(learner.reply("", Manner(length=SAMPLE)))}

    return Fit(learner, batches, judged, show=show)
