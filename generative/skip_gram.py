"""Vectors of words, and what tells the next one, in one call for research code: `SkipGram().fit(sentences)`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from generative.progress import Progress
from generative.word2vec import Architecture, Context, Word2Vec, Word2VecConfig
from generative.word_blocks import BlocksConfig, WordBlocks, words_kept
from generative.word_predictor import WordPredictor
from generative.word_vectors import WordVectors
from lab.data.word_stream import Lexicon, NumberedText, read_words
from lab.schedules import Schedule
from lab.seeding import Seeds

UPDATES_PER_EPOCH = 200  # at least, as far as the smallest blocks go: a small text is cut into smaller ones
SMALLEST = 32  # words of an update; the sizes of all blocks are multiples of it


class SkipGram:
    """Skip-gram with negative sampling, or with `negatives=0` hierarchical softmax.

    On a processor the same seed gives the same vectors and losses, bit for bit, whatever the number of threads. For
    runs that are tracked, resumed and judged, see the experiment word2vec_enwiki.
    """

    architecture: ClassVar[Architecture] = "skip_gram"
    context: ClassVar[Context] = "around"
    sharing: ClassVar[int] = 128  # neighbouring words that share half as many words of the noise
    block: ClassVar[int] = 2_048  # words of an update
    rate: ClassVar[float] = 0.05
    thinned: ClassVar[float] = 1e-4

    def __init__(
        self,
        *,
        size: int = 100,  # numbers of a vector
        window: int = 5,  # words on each side at most, 1 to 16
        negatives: int = 5,  # words of the noise for each context; 0: hierarchical softmax
        sample: float | None = None,  # more frequent words are thinned out; 0: none are; None: 1e-4, of NextWord 0
        least: int = 5,  # words that occur fewer times are left out
        epochs: int = 5,
        learning_rate: float | None = None,  # falls to 0 linearly; None: 0.05, of CBOW 0.06
        seed: int = 0,
        device: torch.device | str = "cpu",
    ):
        if epochs < 1:
            raise ValueError(f"epochs is {epochs}, but the text is read once or more. Raise it.")
        if least < 1:
            raise ValueError(f"least is {least}, but a word occurs once at least. Raise it.")
        sample = self.thinned if sample is None else sample
        self.blocks = BlocksConfig(window=window, sample=sample, block=self.block)
        self.model = Word2VecConfig(
            architecture=self.architecture,
            context=self.context,
            negatives=negatives,
            size=size,
            learning_rate=self.rate if learning_rate is None else learning_rate,
            sharing=self.sharing,
            shared=self.sharing // 2,
        )
        self.least, self.epochs, self.seed, self.device = least, epochs, seed, device
        self.losses: list[float] = []
        """Of each epoch of the last `fit`: nats a word that was told, the mean over every tenth update, over one at
        least."""

    def fit(
        self, text: str | Path | Iterable[Sequence[str]], progress: Progress = lambda updates: updates
    ) -> WordVectors:
        """Learns from sentences of words, or from a file with a sentence a line, which may be larger than memory.

        `progress` is handed the updates and gives them back, as tqdm does. Raises ValueError for a text without words,
        or with only one, and where fewer words stay than an update takes.
        """
        return self._learn(text, progress).vectors

    def _learn(self, text: str | Path | Iterable[Sequence[str]], progress: Progress) -> Word2Vec:
        if isinstance(text, str | Path):
            lexicon, numbered = read_words(text, least=self.least)
            return self._learn_numbered(numbered, lexicon, progress)
        sentences = list(text)
        lexicon = Lexicon.of(sentences, least=self.least)
        return self._learn_numbered(NumberedText.of(sentences, lexicon), lexicon, progress)

    def _learn_numbered(self, text: NumberedText, lexicon: Lexicon, progress: Progress) -> Word2Vec:
        seeds = Seeds(self.seed)
        stays = words_kept(lexicon.counts, self.blocks.sample)
        if stays < SMALLEST:
            raise ValueError(
                f"Of {int(lexicon.counts.sum()):,} words {stays:.3g} are expected to stay in an epoch, but an update "
                f"takes {SMALLEST}. Give a longer text, count rarer words (`least`), or thin out fewer (`sample`; 0: "
                "none are)."
            )
        block = max(SMALLEST, min(self.blocks.block, int(stays / UPDATES_PER_EPOCH) // SMALLEST * SMALLEST))
        blocks = WordBlocks(replace(self.blocks, block=block), text, lexicon, seeds, self.device)
        updates = round(self.epochs * stays / block)  # one an epoch or more, as `stays` is no less than a block
        model = replace(
            self.model,
            decay=Schedule(kind="linear", steps=updates),
            loss_every=min(self.model.loss_every, updates // self.epochs),
        )
        learner = Word2Vec(model, lexicon, self.blocks.window, seeds, self.device)
        found: list[list[Tensor]] = [[] for _ in range(self.epochs)]
        for update in progress(range(updates)):
            metrics = learner.update(blocks.next())
            if "loss" in metrics:
                found[update * self.epochs // updates].append(torch.as_tensor(metrics["loss"]))
        self.losses = [float(torch.stack(losses).mean()) for losses in found]
        return learner


class CBOW(SkipGram):
    """The continuous bag of words: the mean of the words around tells the word between. As `SkipGram` otherwise.

    On enwiki27 a block of 4,096 at a rate of 0.06 learns what one of 2,048 at 0.05 does, with a sixth less work.
    """

    architecture: ClassVar[Architecture] = "cbow"
    sharing: ClassVar[int] = 64
    block: ClassVar[int] = 4_096
    rate: ClassVar[float] = 0.06


class NextWord(CBOW):
    """The words before a word tell it: `NextWord().fit("text.txt").likeliest(["the", "king", "of"])`. As `CBOW`
    otherwise, but that frequent words are not thinned out, as what is thinned out is not told.
    """

    context: ClassVar[Context] = "before"
    thinned: ClassVar[float] = 0.0

    def fit(
        self, text: str | Path | Iterable[Sequence[str]], progress: Progress = lambda updates: updates
    ) -> WordPredictor:
        """As `SkipGram.fit`; the words' vectors with what tells the next word."""
        return self._learn(text, progress).predictor()
