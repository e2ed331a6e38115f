"""Vectors of words in one call, for research code: `SkipGram().fit(sentences).nearest(["king"])`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import torch
from torch import Tensor

from generative.word2vec import Architecture, Word2Vec, Word2VecConfig
from generative.word_blocks import BlocksConfig, WordBlocks
from generative.word_vectors import WordVectors
from lab.data.word_stream import Lexicon, NumberedText, count_words, number_words
from lab.schedules import Schedule
from lab.seeding import Seeds

Progress = Callable[[Iterable[int]], Iterable[int]]
UPDATES_PER_EPOCH = 200  # at least: a small text is cut into smaller blocks


class SkipGram:
    """Skip-gram with negative sampling, or with `negatives=0` hierarchical softmax.

    The same seed gives the same vectors, bit for bit, whatever the number of threads. For runs that are tracked,
    resumed and judged, see the experiment word2vec_enwiki.
    """

    architecture: ClassVar[Architecture] = "skip_gram"
    sharing: ClassVar[int] = 64  # neighbouring words, and as many words of the noise that they share

    def __init__(
        self,
        *,
        size: int = 100,  # numbers of a vector
        window: int = 5,  # words on each side at most
        negatives: int = 5,  # words of the noise for each context; 0: hierarchical softmax
        sample: float = 1e-4,  # words more frequent than this are thinned out; 0: none are
        least: int = 5,  # words that occur fewer times are left out
        epochs: int = 5,
        learning_rate: float = 0.05,  # falls to 0 linearly
        seed: int = 0,
        device: torch.device | str = "cpu",
    ):
        if epochs < 1:
            raise ValueError(f"epochs is {epochs}, but the text is read once or more. Raise it.")
        self.size, self.window, self.negatives, self.sample, self.least = size, window, negatives, sample, least
        self.epochs, self.learning_rate, self.seed, self.device = epochs, learning_rate, seed, device
        self.losses: list[float] = []
        """Of each epoch of the last `fit`: nats a word that was told, the mean over every tenth update."""

    def fit(
        self, text: str | Path | Iterable[Sequence[str]], progress: Progress = lambda updates: updates
    ) -> WordVectors:
        """Learns from sentences of words, or from a file with a sentence a line, which may be larger than memory.

        `progress` is handed the updates and gives them back, as tqdm does. Raises ValueError for a text without words,
        or with only one.
        """
        if not isinstance(text, str | Path):
            sentences = list(text)
            lexicon = Lexicon.of(sentences, least=self.least)
            return self._learn(NumberedText.of(sentences, lexicon), lexicon, progress)
        lexicon = count_words(text, least=self.least)
        with TemporaryDirectory() as folder:
            numbered = number_words(text, lexicon, Path(folder) / "numbers")
            return self._learn(numbered, lexicon, progress)

    def _learn(self, text: NumberedText, lexicon: Lexicon, progress: Progress) -> WordVectors:
        seeds = Seeds(self.seed)
        expected = WordBlocks(BlocksConfig(sample=self.sample), text, lexicon, seeds).words_per_epoch
        block = max(32, min(BlocksConfig().block, int(expected / UPDATES_PER_EPOCH) // 32 * 32))
        blocks = WordBlocks(
            BlocksConfig(window=self.window, sample=self.sample, block=block), text, lexicon, seeds, self.device
        )
        per_epoch = max(1, round(blocks.words_per_epoch / block))
        config = Word2VecConfig(
            architecture=self.architecture,
            negatives=self.negatives,
            size=self.size,
            sharing=self.sharing,
            shared=self.sharing,
            learning_rate=self.learning_rate,
            decay=Schedule(kind="linear", steps=self.epochs * per_epoch),
        )
        learner = Word2Vec(config, lexicon, self.window, seeds, self.device)
        found: list[list[Tensor]] = [[] for _ in range(self.epochs)]
        for update in progress(range(self.epochs * per_epoch)):
            metrics = learner.update(blocks.next())
            if "loss" in metrics:
                found[update // per_epoch].append(torch.as_tensor(metrics["loss"]))
        self.losses = [float(torch.stack(losses).mean()) if losses else float("nan") for losses in found]
        return learner.vectors


class CBOW(SkipGram):
    """The continuous bag of words: the mean of the words around tells the word between. As `SkipGram` otherwise."""

    architecture: ClassVar[Architecture] = "cbow"
    sharing: ClassVar[int] = 32
