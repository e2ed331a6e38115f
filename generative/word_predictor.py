"""What tells the next word of a text by the words before it: a CBOW that was taught with those alone.

Sources: Mikolov et al. 2013, "Efficient estimation of word representations in vector space" (CBOW); Morin and Bengio
2005, "Hierarchical probabilistic neural network language model"; Levy and Goldberg 2014, "Neural word embedding as
implicit matrix factorization", section 3.1, for what negative sampling learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from generative.huffman import Paths
from generative.noise import NOISE_POWER
from generative.word_vectors import WordVectors
from lab.data.word_stream import END, NumberedText
from lab.trial import Manner, Metrics

JUDGED = 128  # words at a time


@dataclass(frozen=True, eq=False, repr=False)
class WordPredictor(WordVectors):
    """Words with their vectors, and by what each is told as the next. generative.predictor_files saves it.

    By hierarchical softmax the probabilities are what was learnt. By negative sampling they are an estimate: its loss
    is least where a word's product with the bag is log P(word | bag) - log(k noise(word)), so that P is in proportion
    to noise(word) exp(product). (gensim's predict_output_word leaves the noise out, which makes rare words likely.)

    Both are of the text that was learnt. Of one whose frequent words were thinned out the next word is the next that
    stayed. To divide by how often a word stays would be right only if none before it had been left out: on enwiki27 it
    gains half a nat, and to learn from the whole text (`sample=0`) a quarter more. So that is how to learn it.
    """

    outputs: Tensor  # [V, D], of the words as those that are told; or with a tree, of its inner nodes [V - 1, D]
    counts: Tensor  # int64 [V], how often each word was found
    window: int  # words before the next one that tell it, at most
    tree: Paths | None  # none: learnt by negative sampling

    def __repr__(self) -> str:
        return f"WordPredictor({len(self):,} words, told by the {self.window} before)"

    def log_probabilities(self, before: Tensor) -> Tensor:
        """Of each word as the next, [B, V], from the numbers of those before it, int64 [B, window], the nearest last.

        What stands before an END, or is one, tells nothing. A word counts as much as it does in the bags of training on
        average, whose reach is drawn: the nearer, the more. On enwiki27 that is 0.4 nats better than a plain mean.
        """
        known = (before >= 0).flip(1).cumprod(1).sum(1)
        bag = torch.bmm(self._weights[known, None], self.vectors[before.clamp(min=0)]).squeeze(1)
        if self.tree is not None:
            return self.tree.log_probabilities((self.outputs @ bag.T).T)
        return torch.addmm(self._log_noise, bag, self.outputs.T).log_softmax(1)

    def likeliest(self, before: str | Sequence[str], count: int = 10) -> list[tuple[str, float]]:
        """The words that most likely follow some words, with their probabilities, the likeliest first.

        `before` is words, or a text that white space parts into words; the last `window` of them tell. Raises
        UnknownWord, and ValueError where no word is given or asked for.
        """
        if count < 1:
            raise ValueError(f"count is {count}, but one word at least is told. Raise it.")
        found = self._next(self._read(before)).exp().topk(min(count, len(self)))
        return [(self.words[i], share) for i, share in zip(found.indices.tolist(), found.values.tolist())]

    def continued(self, before: str | Sequence[str], manner: Manner) -> list[str]:
        """The next `manner.length` words, each drawn by its probability after those before it; raises as `likeliest`.

        The draws are fixed by the manner's seed.
        """
        generator = torch.Generator().manual_seed(manner.seed)
        numbers = self._read(before)
        first = len(numbers)
        while len(numbers) < first + manner.length:
            numbers.append(manner.draw(self._next(numbers).cpu(), generator))
        return [self.words[number] for number in numbers[first:]]

    def judged(self, text: NumberedText) -> Metrics:
        """Over the words of a text that have one before them in their sentence: nats a word (`loss`), `perplexity`, and
        the share that was thought the likeliest (`accuracy`), or among the five likeliest (`among_5`).

        `unigram_loss` are the nats of the same words by nothing but how often each was found. Raises ValueError for a
        text without such a word.
        """
        numbers = text.slice(0, len(text)).long().to(self.vectors.device)
        rows = torch.cat([numbers.new_full((self.window,), END), numbers]).unfold(0, self.window, 1)[:-1]
        told = ((numbers >= 0) & (rows[:, -1] >= 0)).nonzero().squeeze(1)
        if not len(told):
            raise ValueError(
                f"Of the {len(text):,} words and ends of sentences none is a word with another before it, so no next "
                "word is told. Judge by a longer text, or by one of longer sentences."
            )
        losses, likelier = [], []
        for part in told.split(JUDGED):
            log_probabilities = self.log_probabilities(rows[part])
            of_word = log_probabilities.gather(1, numbers[part, None])
            losses.append(-of_word.squeeze(1))
            # As floats, of which torch makes a sum in a third of the time. Equals stand before the word.
            likelier.append((log_probabilities >= of_word).float().sum(1) - 1)
        loss, before = torch.cat(losses).mean(), torch.cat(likelier)
        frequency = self.counts.double() / self.counts.sum()
        return {
            "loss": loss,
            "perplexity": loss.exp(),
            "accuracy": (before < 1).float().mean(),
            "among_5": (before < 5).float().mean(),
            "unigram_loss": -frequency.log()[numbers[told].cpu()].mean(),
        }

    def _read(self, before: str | Sequence[str]) -> list[int]:
        """The numbers of the last `window` words."""
        words = before.split() if isinstance(before, str) else list(before)
        if not words:
            raise ValueError("No word is given, so nothing tells the next. Give one at least.")
        return [self._number(word) for word in words[-self.window :]]

    def _next(self, numbers: list[int]) -> Tensor:
        """The log-probabilities [V] of the word after some."""
        row = [END] * self.window + numbers
        return self.log_probabilities(torch.tensor([row[-self.window :]], device=self.vectors.device))[0]

    @cached_property
    def _weights(self) -> Tensor:
        """How much each word counts, [window + 1, window]: the first row of none before the next, the last of `window`.

        A bag has 1 to `window` words, as is drawn, or as many as there are.
        """
        reach, distance = torch.arange(1, self.window + 1), torch.arange(self.window, 0, -1)
        bag = torch.minimum(torch.arange(self.window + 1)[:, None], reach)[:, :, None]  # [words before, reach, 1]
        return ((distance <= bag).double() / bag.clamp(min=1)).mean(1).to(self.vectors)

    @cached_property
    def _log_noise(self) -> Tensor:
        """[V], but for a number that is the same for all."""
        return (NOISE_POWER * self.counts.double().log()).to(self.vectors)
