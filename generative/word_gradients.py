"""Gradients of word2vec for a block of consecutive words, by hand, so that the work is products of matrices.

Sources: Mikolov et al. 2013a, "Efficient estimation of word representations in vector space" (CBOW and skip-gram);
Mikolov et al. 2013b, "Distributed representations of words and phrases and their compositionality", sections 2.1
(hierarchical softmax) and 2.2 (negative sampling); Ji et al. 2016, "Parallelizing word2vec in shared and distributed
memory", for negative examples that neighbouring words share.

The block has T words, with a margin of `window` words on both sides that serve as contexts: S = T + 2 window. It is
parted in bands of BAND words, and each band meets the words from `window` before it to `window` after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

BAND = 32  # words: at a window of 5 each meets 42 others, of which 10 at most are its contexts


@dataclass(frozen=True)
class Rows:
    """What a loss asks of rows of a table; an index may stand in it more than once."""

    index: Tensor  # int64 [R]
    gradient: Tensor  # [R, D]
    curvature: Tensor  # [R], a bound of the loss's second derivative along any direction of the row
    factor: Tensor | None = None  # [R], by which each gradient is still to be multiplied


@dataclass(frozen=True)
class Step:
    """What a block asks of the vectors of words as inputs, and of those by which words are told."""

    inputs: list[Rows]
    outputs: list[Rows]
    loss: Tensor | None  # nats a word that was told


def windows(stream: Tensor, length: int, every: int) -> Tensor:
    """A view [N, length, D] of [S, D]: one window of `length` rows begins every `every` rows."""
    count = (len(stream) - length) // every + 1
    row = stream.shape[1]
    return stream.as_strided((count, length, row), (every * row, row, 1), stream.storage_offset())


def added_products(left: Tensor, right: Tensor, length: int) -> Tensor:
    """Products of [N, W, every] and [N, every, D] -> [length, D]: row i of product n is added to row n * every + i.

    What `windows` undoes, with W at most twice `every`. No copy is made of the rows in which products do not meet.
    """
    count, every, row = right.shape
    total = right.new_empty(length, row)
    torch.bmm(left[:, :every], right, out=total[: count * every].view(count, every, row))
    total[count * every :].zero_()
    rest = torch.bmm(left[:, every:], right)
    total[every:].as_strided(rest.shape, (every * row, row, 1), every * row).add_(rest)
    return total


def summed(terms: Tensor) -> Tensor:
    """The sum of [N, ...], a scalar: at first of each row, as torch would part a sum of more than 32,768 numbers among
    its threads, and the bits would depend on how many there are.
    """
    return terms.flatten(1).sum(1).sum()


def squared_norms(rows: Tensor) -> Tensor:
    """Of each row, [..., D] -> [...], without a copy of all squares."""
    return torch.linalg.vector_norm(rows, dim=-1).square_()


class Contexts:
    """Which words each word of a block has as its contexts, as weights that are 1 or 0.

    All rows that a band can have lie in a table, from which a block gathers its own: that takes a fifth of the time of
    comparing places.
    """

    def __init__(self, window: int, device: torch.device | str = "cpu"):
        self.window, self.width = window, BAND + 2 * window
        place = torch.arange(self.width) - window - torch.arange(BAND)[:, None]  # [BAND, width], 0 at the word itself
        most = torch.arange(window + 1)
        before = (place < 0) & (-place <= most[:, None, None])  # [window + 1, BAND, width]
        after = (place > 0) & (place <= most[:, None, None])
        table = before[:, None] | after  # [window + 1, window + 1, BAND, width]
        self._table = table.float().view(-1, self.width).to(device)
        self._row = torch.arange(BAND, device=device)

    def __call__(self, before: Tensor, after: Tensor) -> Tensor:
        """[T / BAND, BAND, width] of how many contexts each word has on either side, int64 [T] from 0 to window."""
        sides = torch.add(after, before, alpha=self.window + 1).view(-1, BAND)
        rows = torch.add(self._row, sides, alpha=BAND).view(-1)
        return self._table.index_select(0, rows).view(-1, BAND, self.width)


def skip_gram(
    inputs: Tensor, outputs: Tensor, words: Tensor, contexts: Tensor, noise: Tensor, negatives: int, with_loss: bool
) -> Step:
    """Each word tells the words around it, and is told apart from words of the noise: negative sampling.

    `inputs` and `outputs` are the tables [V, D], `words` int64 [S], `contexts` as `Contexts` gives it. `noise`, int64
    [N, K], are words that T / N neighbouring words share: each counts for `negatives` / K of a context of each, so that
    a context has `negatives` of them. (One that happens to be the context counts too; word2vec.c passes over it.)
    """
    bands, _, width = contexts.shape
    size, count = inputs.shape[1], bands * BAND
    window = (width - BAND) // 2
    centres = words[window : window + count]
    vectors, output_vectors = inputs.index_select(0, centres), outputs.index_select(0, words)
    around, banded = windows(output_vectors, width, BAND), vectors.view(bands, BAND, size)

    scores = torch.bmm(banded, around.transpose(1, 2))
    loss = -summed(F.logsigmoid(scores) * contexts) if with_loss else None
    error = scores.sigmoid_().sub_(1).mul_(contexts)  # [bands, BAND, width], below 0
    weight = contexts.sum(2).mul_(negatives / noise.shape[1])
    lengths = squared_norms(vectors)
    of_noise, apart = _apart(vectors, lengths, outputs, noise, weight.view(len(noise), -1, 1), with_loss)
    gradient = torch.bmm(error, around).view(count, size).add_(apart.gradient)
    norms = windows(squared_norms(output_vectors).view(-1, 1), width, BAND).transpose(1, 2)
    curvature = apart.curvature.sub_((error * norms).sum(2).view(count))
    turned = error.transpose(1, 2)
    of_words = added_products(turned, banded, len(words))
    curvature_of_words = added_products(turned, lengths.view(bands, BAND, 1), len(words)).neg_().view(-1)
    if loss is not None:
        loss = (loss + apart.loss) / contexts.sum().clamp(min=1)
    return Step([Rows(centres, gradient, curvature)], [Rows(words, of_words, curvature_of_words), of_noise], loss)


@dataclass(frozen=True)
class _Apart:
    gradient: Tensor  # [T, D], of the vectors that are told apart from the noise
    curvature: Tensor  # [T]
    loss: Tensor  # nats in all; 0 if it was not asked for


def _apart(
    vectors: Tensor, lengths: Tensor, outputs: Tensor, noise: Tensor, weight: Tensor, with_loss: bool
) -> tuple[Rows, _Apart]:
    """The part of negative sampling's loss that words of the noise have: vectors [T, D] with their squared norms [T],
    weights [N, T / N, 1].
    """
    groups, kinds = noise.shape
    size = vectors.shape[1]
    index = noise.view(-1)
    output_vectors = outputs.index_select(0, index)
    grouped, others = vectors.view(groups, -1, size), output_vectors.view(groups, kinds, size)
    scores = torch.bmm(grouped, others.transpose(1, 2))
    loss = -summed(F.logsigmoid(-scores) * weight) if with_loss else scores.new_zeros(())
    error = scores.sigmoid_().mul_(weight)
    gradient = torch.bmm(error, others).view(-1, size)
    # Products of a matrix and a vector are slower by bmm.
    curvature = (error * squared_norms(output_vectors).view(groups, 1, kinds)).sum(2).view(-1)
    turned = error.transpose(1, 2)
    of_noise = torch.bmm(turned, grouped).view(-1, size)
    curvature_of_noise = (error * lengths.view(groups, -1, 1)).sum(1).view(-1)
    return Rows(index, of_noise, curvature_of_noise), _Apart(gradient, curvature, loss)


def bag_of_words(
    inputs: Tensor, outputs: Tensor, words: Tensor, contexts: Tensor, noise: Tensor, negatives: int, with_loss: bool
) -> Step:
    """The mean of the words around tells the word between them: CBOW, with negative sampling. As `skip_gram`."""
    bag = Bag(inputs, words, contexts)
    output_vectors = outputs.index_select(0, bag.centres)
    scores = (bag.mean * output_vectors).sum(1)
    loss = -summed((F.logsigmoid(scores) * bag.present).view(-1, BAND)) if with_loss else None
    error = scores.sigmoid_().sub_(1).mul_(bag.present)
    weight = bag.present * (negatives / noise.shape[1])
    lengths = squared_norms(bag.mean)
    of_noise, apart = _apart(bag.mean, lengths, outputs, noise, weight.view(len(noise), -1, 1), with_loss)
    gradient = apart.gradient.addcmul_(error[:, None], output_vectors)
    curvature = apart.curvature.addcmul_(error, squared_norms(output_vectors), value=-1)
    of_centres = Rows(bag.centres, bag.mean, -error * lengths, error)
    if loss is not None:
        loss = (loss + apart.loss) / bag.present.sum().clamp(min=1)
    return Step([bag.spread(gradient, curvature)], [of_centres, of_noise], loss)


class Bag:
    """The means of the words around each word of a block, and what their gradient asks of those words.

    Each word of a bag takes the whole gradient of the mean, not its share of it, as in word2vec.c and gensim: at one
    rate for both tables the inputs would otherwise learn a bag's size slower than the outputs, which costs two points
    of analogies. Irsoy et al. 2021, "Corrected CBOW performs as well as skip-gram", discuss it.
    """

    def __init__(self, inputs: Tensor, words: Tensor, contexts: Tensor):
        self.words, self.contexts, (self.bands, _, self.width) = words, contexts, contexts.shape
        window = (self.width - BAND) // 2
        self.centres = words[window : window + self.bands * BAND]
        number = contexts.sum(2, keepdim=True)
        self.present = number.clamp(max=1).view(-1)  # 0 where nothing is around: there is nothing to tell a word by
        share = contexts / number.clamp_(min=1)
        around = windows(inputs.index_select(0, words), self.width, BAND)
        self.mean = torch.bmm(share, around).view(len(self.centres), -1)

    def spread(self, gradient: Tensor, curvature: Tensor) -> Rows:
        """Rows of all words [S] from the gradient of the means [T, D]. A bag's words move its mean together, as far as
        one word would that had all of it; so that is the curvature that each must bear.
        """
        turned = self.contexts.transpose(1, 2)
        rows = added_products(turned, gradient.view(self.bands, BAND, -1), len(self.words))
        curvatures = added_products(turned, curvature.view(self.bands, BAND, 1), len(self.words))
        return Rows(self.words, rows, curvatures.view(-1))
