"""Blocks of consecutive words of a text, the frequent ones thinned out, as an endless stream with an exact position.

Source of the thinning: Mikolov et al. 2013, "Distributed representations of words and phrases and their
compositionality", section 2.3, in the form that word2vec.c and gensim share: a word with frequency f is kept with
probability (sqrt(f / t) + 1) t / f.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lab.data.word_stream import Lexicon, NumberedText
from lab.seeding import Seeds
from lab.trial import State

PIECE = 1 << 17  # words that are read from the text at a time


@dataclass(frozen=True, kw_only=True)
class BlocksConfig:
    """How a text is cut into blocks."""

    window: int = 5  # words on each side at most; how many is drawn anew for each word
    sample: float = 1e-4  # t: words more frequent than this are thinned out; 0: none are
    block: int = 2_048  # words of an update, a multiple of 32

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        if self.window < 1:
            raise ValueError(f"window is {self.window}, but a word has a context of one word or more. Raise it.")
        if self.window > 16:
            raise ValueError(
                f"window is {self.window}, but a band of 32 words meets at most 16 on each side. Lower it."
            )
        if not 0 <= self.sample <= 1:
            raise ValueError(f"sample is {self.sample}, but it is a frequency. Set it from 0 (keep all) to 1.")
        if self.block < 32 or self.block % 32:
            raise ValueError(f"block is {self.block}, but a block is made of bands of 32 words. Give a multiple.")


def kept(counts: Tensor, sample: float) -> Tensor:
    """The probability float32 [V] that a word stays, from how often each occurs [V]; of sample 0 it is 1."""
    if sample == 0:
        return torch.ones(len(counts))
    frequency = counts.double() / counts.sum()
    return (((frequency / sample).sqrt() + 1) * sample / frequency).clamp_(max=1).float()


def words_kept(counts: Tensor, sample: float) -> float:
    """How many words are expected to stay in an epoch."""
    return float((counts * kept(counts, sample).double()).sum())


class WordBlocks:
    """Blocks (words int64 [T + 2 window], before int64 [T], after int64 [T]) of a numbered text.

    `before` and `after` say how many contexts each word has on either side: as many as its reach, which is drawn, or
    fewer where its sentence begins or ends. The words of the margins are contexts only. A block may go on from one
    epoch into the next. What is kept and how far a word reaches are functions of (seeds, epoch, place), so the position
    is three numbers. A block is a view of what is held, not to be written to.
    """

    def __init__(
        self,
        config: BlocksConfig,
        text: NumberedText,
        lexicon: Lexicon,
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ):
        self.config, self.text, self.seeds, self.device = config, text, seeds, device
        self.batch_size = config.block
        self._kept = kept(lexicon.counts, config.sample)
        self.words_per_epoch = words_kept(lexicon.counts, config.sample)
        """Words that are expected to be kept."""
        if not self.words_per_epoch >= 1:
            raise ValueError(
                f"sample is {config.sample:g}, with which {self.words_per_epoch:.3g} words are expected to stay in an "
                "epoch. Raise it, or give a longer text."
            )
        self._pieces = -(-len(text) // PIECE)
        self._first, self._begin, self._drawn = 0, 0, 0
        self._empty()

    @property
    def dataset(self) -> NumberedText:
        """What is drawn from."""
        return self.text

    @property
    def epochs(self) -> float:
        """How often the text was gone through."""
        return self._drawn * self.config.block / self.words_per_epoch

    def next(self) -> tuple[Tensor, Tensor, Tensor]:
        """The next block."""
        window, length = self.config.window, self.config.block
        while len(self._words) < self._begin + length + 2 * window:
            self._append()
        words = slice(self._begin, self._begin + length + 2 * window)
        told = slice(self._begin + window, self._begin + window + length)
        self._begin += length
        self._drawn += 1
        return self._words[words], self._before[told], self._after[told]

    def state_dict(self) -> State:
        """The position in the stream."""
        return {"first": self._first, "begin": self._begin, "drawn": self._drawn}

    def load_state_dict(self, state: State) -> None:
        """Goes to a position in the stream."""
        self._first, self._begin, self._drawn = state["first"], state["begin"], state["drawn"]
        self._empty()

    def _empty(self) -> None:
        """Holds nothing but the margin before the piece `_first`."""
        window = self.config.window
        self._words = torch.zeros(window, dtype=torch.int64, device=self.device)
        self._sentences = torch.full((window,), -1, dtype=torch.int32)  # of which no word of the text is
        self._reach = torch.ones(window, dtype=torch.int64)
        self._sentence = 0  # which the next piece goes on with
        self._lengths: list[int] = []  # of the pieces that are held

    def _append(self) -> None:
        """Reads the next piece, and lets go of those that no later block needs."""
        while self._lengths and self._begin >= self._lengths[0] + self.config.window:
            gone = self._lengths.pop(0)
            self._words, self._sentences, self._reach = self._words[gone:], self._sentences[gone:], self._reach[gone:]
            self._begin -= gone
            self._first += 1
        epoch, piece = divmod(self._first + len(self._lengths), self._pieces)
        numbers = self.text.slice(piece * PIECE, min((piece + 1) * PIECE, len(self.text)))
        ends = numbers < 0
        words = numbers.clamp(min=0).long()
        draws = torch.rand(len(words), generator=self.seeds.generator(f"kept/{epoch}/{piece}"))
        stays = ((draws < self._kept.index_select(0, words)) & ~ends).nonzero().squeeze(1)
        passed = ends.cumsum(0, dtype=torch.int32)
        words = words.index_select(0, stays)
        farthest = self.config.window + 1
        reach = torch.randint(1, farthest, (len(words),), generator=self.seeds.generator(f"reach/{epoch}/{piece}"))
        self._words = torch.cat([self._words, words.to(self.device)])
        self._sentences = torch.cat([self._sentences, passed.index_select(0, stays) + self._sentence])
        self._reach = torch.cat([self._reach, reach])
        self._sentence += int(passed[-1]) + (piece == self._pieces - 1)
        self._lengths.append(len(words))
        # Of the last words that are held these may be too few: no block tells them before the next piece is here.
        before, after = contexts_within(self._sentences, self._reach)
        self._before, self._after = before.to(self.device), after.to(self.device)


def contexts_within(sentences: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """How many words of its own sentence each word has before and after it, and no more than its reach, int64 [S] each.

    `sentences` are each word's, [S], and the words of one lie together.
    """
    count = len(sentences)
    _, lengths = sentences.unique_consecutive(return_counts=True)
    last = lengths.cumsum(0) - 1
    place = torch.arange(count)
    before = place - (last - lengths + 1).repeat_interleave(lengths, output_size=count)
    after = last.repeat_interleave(lengths, output_size=count).sub_(place)
    return torch.minimum(before, reach), torch.minimum(after, reach)
