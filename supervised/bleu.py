"""BLEU by sacrebleu, of whole sets and of their short and long sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from lab.data.numbered_pairs import PairNumbers, PairSet
from lab.data.sequences import SequenceSet
from lab.data.tokens import count_words
from lab.trial import Metrics

LONG = 10  # words of a source, above which it counts as long


class Bleu:
    """Judges numbered outputs by the texts that they should be.

    Scores go from 0 to 100. Source: Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine
    translation", as sacrebleu computes it (Post 2018, "A call for clarity in reporting BLEU scores").
    """

    def __init__(self, numbers: PairNumbers):
        self.numbers = numbers
        self.lowercase = numbers.config.tokens.lowercase

    def score(self, outputs: Sequence[str], references: Sequence[str]) -> float:
        """Of outputs as text, one reference each; where the model writes lower case, case does not count."""
        from sacrebleu.metrics import BLEU

        return BLEU(lowercase=self.lowercase).corpus_score(list(outputs), [list(references)]).score

    @property
    def signature(self) -> str:
        """How the score is taken, in sacrebleu's words."""
        from sacrebleu.metrics import BLEU

        metric = BLEU(lowercase=self.lowercase)
        metric.corpus_score(["a"], [["a"]])  # only then it knows the number of references
        return str(metric.get_signature())

    def __call__(self, outputs: Sequence[Sequence[int]], dataset: SequenceSet) -> Metrics:
        """bleu, and bleu_short and bleu_long of the sources of up to ten words and of more, where there are any."""
        texts = cast(PairSet, dataset).texts
        said = [self.numbers.write(output) for output in outputs]
        part = self.numbers.config.tokens.part
        long = [count_words(part(source)) > LONG for source in texts.sources]
        metrics: Metrics = {"bleu": self.score(said, texts.targets)}
        for name, wanted in (("bleu_short", False), ("bleu_long", True)):
            chosen = [i for i, each in enumerate(long) if each is wanted]
            if chosen:
                metrics[name] = self.score([said[i] for i in chosen], [texts.targets[i] for i in chosen])
        return metrics
