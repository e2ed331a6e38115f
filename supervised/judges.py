"""What holds the outputs of a model of sequence to sequence to what they should be, besides BLEU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from lab.data.sequences import Ragged, SequenceSet
from lab.trial import Metrics
from supervised.encoder_decoder import Symbols
from supervised.unigram import unigram_perplexity
from supervised.word_errors import word_error_rate


class AnswerJudge:
    """Judges answers by how different they are, and states the perplexity of a unigram model beside the bot's own."""

    def __init__(self, training: SequenceSet, symbols: Symbols):
        self.training, self.symbols = cast(Ragged, training.fields[1]), symbols

    def __call__(self, outputs: Sequence[Sequence[int]], dataset: SequenceSet) -> Metrics:
        """unigram_perplexity of the targets, and distinct_answers: how many different answers there are, of all.

        A bot that says "I know not" to everything scores near 0. Source of the failing: Li et al. 2016, "A
        diversity-promoting objective function for neural conversation models".
        """
        target = cast(Ragged, dataset.fields[1])
        return {
            "unigram_perplexity": unigram_perplexity(self.training, target, self.symbols.total, self.symbols.end),
            "distinct_answers": len({tuple(output) for output in outputs}) / len(outputs),
        }


def judge_word_errors(outputs: Sequence[Sequence[int]], dataset: SequenceSet) -> Metrics:
    """wer: edit distances over all words wanted; 0 is perfect."""
    target = cast(Ragged, dataset.fields[1])
    wanted = [target[i].tolist() for i in range(len(target))]
    return {"wer": word_error_rate(outputs, wanted)}
