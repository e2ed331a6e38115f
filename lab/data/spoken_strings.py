"""Strings of spoken words: single recordings of one speaker, one after another, with silence about them.

Letters: B batch, S samples, T frames, F features, L words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from lab.backbones.sequence import valid_steps
from lab.data.audio import Recordings
from lab.data.sequences import Padded, Ragged, SequenceSet
from lab.data.sound_augmentation import SoundAugment
from lab.data.spectra import Spectra
from lab.seeding import Seeds
from lab.trial import State

SPECIMENS = 64  # strings that a learner is checked and probed with
CHUNK = 100  # strings of a fixed set that are made at a time


@dataclass(frozen=True, kw_only=True)
class StringsConfig:
    """What a string is made of."""

    most_words: int = 5  # recordings in a string; their number is drawn evenly from 1
    longest_gap: float = 0.2  # seconds of silence before, between and after the words, drawn evenly from 0

    def __post_init__(self) -> None:
        if self.most_words < 1 or not 0 <= self.longest_gap < float("inf"):
            raise ValueError(
                f"most_words is {self.most_words} and longest_gap {self.longest_gap} seconds, but a string has a word "
                "or more, and a gap lasts 0 seconds or more. Raise what is too low."
            )


class Strings:
    """Draws strings from recordings: a speaker, a number of words, and for each word one of the speaker's recordings.

    Each is drawn evenly, a recording as often as it comes.
    """

    def __init__(self, config: StringsConfig, recordings: Recordings):
        """Raises ValueError if there are no recordings."""
        if not len(recordings):
            raise ValueError("There are no recordings to make strings of. Give at least one.")
        self.config, self.recordings = config, recordings
        speakers = recordings.speakers.cpu()
        self._by_speaker = [(speakers == speaker).nonzero().squeeze(1) for speaker in speakers.unique()]
        # Looked up in every draw, so on the CPU wherever the waveforms lie.
        self._starts, self._lengths = recordings.waveforms.starts.tolist(), recordings.waveforms.lengths.tolist()
        self._labels = recordings.labels.tolist()

    @property
    def most_samples(self) -> int:
        """As long as a string can be."""
        gaps = (self.config.most_words + 1) * round(self.config.longest_gap * self.recordings.rate)
        return self.config.most_words * max(self._lengths) + gaps

    def draw(self, count: int, generator: torch.Generator) -> tuple[Padded, Padded]:
        """So many strings by a generator on the CPU: waveforms [B, S] and labels [B, L], where the recordings lie."""
        words, gaps = [], []
        longest_gap = round(self.config.longest_gap * self.recordings.rate)
        for _ in range(count):
            speaker = int(torch.randint(len(self._by_speaker), (), generator=generator))
            num_words = int(torch.randint(1, self.config.most_words + 1, (), generator=generator))
            theirs = self._by_speaker[speaker]
            words.append(theirs[torch.randint(len(theirs), (num_words,), generator=generator)].tolist())
            gaps.append(torch.randint(longest_gap + 1, (num_words + 1,), generator=generator).tolist())
        device = self.recordings.labels.device
        labels = Ragged.of_lists([[self._labels[word] for word in string] for string in words]).to(device)
        return self._strung(words, gaps), labels.padded(torch.arange(count, device=device))

    def _strung(self, words: list[list[int]], gaps: list[list[int]]) -> Padded:
        """The recordings of each string, a gap before each and one at the end."""
        lengths = [sum(self._lengths[word] for word in string) + sum(between) for string, between in zip(words, gaps)]
        source = self.recordings.waveforms.values
        samples = source.new_zeros(len(words), max(lengths))
        for row, (string, between) in enumerate(zip(words, gaps)):
            place = 0
            for word, gap in zip(string, between):
                place += gap
                start, length = self._starts[word], self._lengths[word]
                samples[row, place : place + length] = source[start : start + length]
                place += length
        return Padded(samples, torch.tensor(lengths, device=source.device))


def fixed_strings(strings: Strings, spectra: Spectra, count: int, seeds: Seeds) -> SequenceSet:
    """So many strings that depend on the seeds alone: features [T, F] and labels [L], where the recordings lie."""
    features, labels = [], []
    for start in range(0, count, CHUNK):
        waveforms, said = strings.draw(min(CHUNK, count - start), seeds.generator(f"strings/{start}"))
        features.append(unpadded(spectra(waveforms)))
        labels.append(unpadded(said))
    return SequenceSet((joined(features), joined(labels)))


def unpadded(padded: Padded) -> Ragged:
    """The same sequences end to end."""
    return Ragged(padded.values[valid_steps(padded.lengths, padded.values.shape[1])], padded.lengths)


def joined(parts: Sequence[Ragged]) -> Ragged:
    """One after another."""
    return Ragged(torch.cat([part.values for part in parts]), torch.cat([part.lengths for part in parts]))


class StringBatches:
    """An endless stream of batches of strings, each new: features [B, T, F] and labels [B, L], both `Padded`.

    Batch n is a function of (seeds, n): the exact position is one number.
    """

    def __init__(
        self,
        strings: Strings,
        spectra: Spectra,
        batch_size: int,
        seeds: Seeds,
        *,
        augments: Sequence[SoundAugment] = (),
    ):
        """`augments` change the waveforms of a batch, one after another."""
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, but a batch holds a string or more. Set it to 1 or more.")
        self.strings, self.spectra, self.batch_size, self.seeds = strings, spectra, batch_size, seeds
        self.augments = tuple(augments)
        self.position = 0  # batches drawn
        self._generator = torch.Generator(strings.recordings.labels.device)

    @cached_property
    def dataset(self) -> SequenceSet:
        """A few strings like those of the stream, not augmented: what a learner is checked and probed with."""
        return fixed_strings(self.strings, self.spectra, SPECIMENS, self.seeds.child("specimens"))

    def next(self) -> tuple[Any, ...]:
        """The next batch."""
        waveforms, labels = self.strings.draw(self.batch_size, self.seeds.generator(f"strings/{self.position}"))
        if self.augments:
            self._generator.manual_seed(self.seeds.derive(f"augment/{self.position}"))
        for augment in self.augments:
            waveforms = augment(waveforms, self._generator)
        self.position += 1
        return self.spectra(waveforms), labels

    def state_dict(self) -> State:
        """The position in the stream."""
        return {"position": self.position}

    def load_state_dict(self, state: State) -> None:
        """Goes to a position in the stream."""
        self.position = state["position"]
