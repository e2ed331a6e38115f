"""What experiments on characters share: a language model x windows of a text, its first nine tenths to learn from."""

from __future__ import annotations

from lab.backbones import SequenceBackbone
from lab.backbones.backbone import BackboneConfig
from lab.data.catalogue import load_as
from lab.data.corpus import Corpus, RandomWindows, first_and_rest, read_corpus, windows
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.trial import Manner, Passage
from supervised.language_model import LanguageModel, LanguageModelConfig

TRAINING = 0.9  # share of the text, its beginning
SAMPLE = 600  # characters that a run shows


def fit(
    backbone: BackboneConfig,
    model: LanguageModelConfig,
    *,
    text: str,
    context: int,
    embedding: int,
    batch_size: int,
    run: RunConfig,
    seeds: Seeds,
) -> Fit:
    """Of the user's own text file, or of tiny Shakespeare where `text` is empty."""
    corpus = read_corpus(text) if text else load_as("tiny_shakespeare", Corpus)
    vocabulary, symbols = corpus.numbered()
    training, validation = first_and_rest(symbols.to(run.torch_device()), TRAINING)
    with seeds.initialising("backbone"):
        network = backbone.build((context, embedding))
    assert isinstance(network, SequenceBackbone)
    learner = LanguageModel(model, network, vocabulary, seeds, training.device)
    batches = RandomWindows(training, batch_size, context, seeds.child("batches"))

    def show() -> dict[str, Passage]:
        return {"sample": Passage(learner.reply("", Manner(length=SAMPLE)))}

    return Fit(learner, batches, {"validation": windows(validation, context)}, show=show)
