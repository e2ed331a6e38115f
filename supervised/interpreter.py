"""Text in, text out: sequence to sequence with the vocabularies of both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lab.backbones import SequenceBackbone
from lab.data.numbered_pairs import PairNumbers
from lab.data.pairs import PairedText
from lab.data.sequences import Padded
from lab.seeding import Seeds
from lab.trial import Grid, Manner, Passage
from supervised.attention_map import attention_map
from supervised.decoding import DecodingConfig
from supervised.encoder_decoder import Symbols
from supervised.seq2seq import Judge, Seq2Seq, Seq2SeqConfig


class Looked(NamedTuple):
    """An answer and where each of its words looked: weights [answer + end, source], none without attention."""

    source: list[str]
    answer: list[str]
    weights: Tensor | None


class Interpreter(Seq2Seq):
    """Learns to answer text by text: to translate, or to chat."""

    def __init__(
        self,
        config: Seq2SeqConfig,
        reading: nn.Module,
        backbone: SequenceBackbone,
        numbers: PairNumbers,
        seeds: Seeds,
        device: torch.device | str = "cpu",
        *,
        judge: Judge | None = None,
    ):
        """As `Seq2Seq`, whose symbols are the vocabulary of the targets."""
        symbols = Symbols.of_vocabulary(numbers.target)
        super().__init__(config, reading, backbone, symbols, seeds, device, judge=judge)
        self.numbers = numbers

    def reply(self, prompt: str, manner: Manner) -> str:
        """The best answer found by a beam of the width asked for, but at least that which the model is judged with.

        A word that it does not know is read as unknown; nothing is drawn, so temperature and seed have no say. Raises
        ValueError for a text with nothing in it, and for one that is longer than those that it was trained on.
        """
        decoding = self.config.decoding
        width, longest = max(manner.beam, decoding.beam_width), min(manner.length, decoding.longest)
        return self.replies(prompt, replace(decoding, beam_width=width, longest=longest))[0]

    def replies(self, prompt: str, decoding: DecodingConfig | None = None) -> list[str]:
        """All answers found, best first, looked for as `decoding` says or as it is judged; raises as `reply` does."""
        return [self.numbers.write(found.words) for found in self.answer(self._read(prompt), decoding)[0]]

    def look(self, prompt: str) -> Looked:
        """The words of a text, those of the answer, and the attention between them; raises as `reply` does."""
        source = self._read(prompt)
        output = self.answer(source)[0][0].words
        words = self.numbers.config.tokens.part(prompt)
        return Looked(words, self.numbers.target.decode(output), self.weights(source, output))

    def _read(self, prompt: str) -> Padded:
        numbers, longest = self.numbers.read(prompt), self.numbers.config.longest
        if len(numbers) > longest:
            raise ValueError(
                f"The text has {len(numbers)} words and signs, but the model was trained on at most {longest}, so its "
                "answer would mean nothing. Give it a sentence at a time."
            )
        values, lengths = torch.tensor([numbers]), torch.tensor([len(numbers)])
        return Padded(values.to(self.device), lengths.to(self.device))


def attention_pictures(interpreter: Interpreter, prompts: Sequence[str]) -> dict[str, Grid]:
    """Where the words of the answers to a few prompts look: a map each, none of a model without attention."""
    found = {}
    for number, prompt in enumerate(prompts, start=1):
        source, answer, weights = interpreter.look(prompt)
        if weights is not None:
            caption = f"Where each word of the answer to {prompt!r} looked; each row adds up to 1."
            found[f"attention-{number}"] = attention_map(source, answer, weights, caption)
    return found


def quoted(interpreter: Interpreter, pairs: PairedText) -> Passage:
    """Sources, the best answers, and what they should have been."""
    said = (
        f"       {source}\nsaid:  {interpreter.replies(source)[0]}\nmeant: {target}"
        for source, target in zip(pairs.sources, pairs.targets)
    )
    return Passage("\n\n".join(said))


def conversation(interpreter: Interpreter, prompts: Sequence[str]) -> Passage:
    """Prompts with all answers found, best first."""
    turns = ("\n".join([prompt, *(f"  - {said}" for said in interpreter.replies(prompt))]) for prompt in prompts)
    return Passage("\n\n".join(turns))
