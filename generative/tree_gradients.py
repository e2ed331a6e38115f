"""Gradients of word2vec by hierarchical softmax: a word is told by the turns of its path through a tree.

Source: Mikolov et al. 2013, "Distributed representations of words and phrases and their compositionality", section 2.1;
Morin and Bengio 2005, "Hierarchical probabilistic neural network language model". Blocks are those of
`generative.word_gradients`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from generative.huffman import Paths
from generative.word_gradients import BAND, Bag, Rows, Step, squared_norms, summed, windows


def skip_gram_by_tree(
    inputs: Tensor, nodes: Tensor, words: Tensor, contexts: Tensor, paths: Paths, with_loss: bool
) -> Step:
    """Each word around a word tells it: the pairs of a skip-gram, taken from the other end so that they share a path.

    `inputs` is the table [V, D], `nodes` that of the inner nodes [V - 1, D]; `words` int64 [S], `contexts` as
    `generative.word_gradients.Contexts` gives it.
    """
    bands, _, width = contexts.shape
    window, count, size = (width - BAND) // 2, bands * BAND, inputs.shape[1]
    centres = words[window : window + count]
    around = inputs.index_select(0, words)
    seen = windows(around, 2 * window + 1, 1)  # [T, 2 window + 1, D]
    # Entry i, j of a band lies j - i words after the margin's begin: its diagonals are the windows of its words.
    present = contexts.as_strided((bands, BAND, 2 * window + 1), (BAND * width, width + 1, 1)).reshape(count, 1, -1)
    index, signs = paths.nodes[centres], paths.signs[centres][:, :, None]
    node_vectors = nodes.index_select(0, index.view(-1)).view(count, -1, size)  # [T, L, D]
    scores = torch.bmm(node_vectors, seen.transpose(1, 2)).mul_(signs)  # [T, L, 2 window + 1]
    there = present * signs.abs()
    loss, wrong = _turns(scores, there, present, with_loss)
    error = wrong * -signs
    of_nodes = torch.bmm(error, seen).view(-1, size)
    node_lengths, lengths = squared_norms(node_vectors)[:, :, None], squared_norms(around)[:, None]
    curvature_of_nodes = torch.bmm(wrong, windows(lengths, 2 * window + 1, 1)).view(-1)
    of_words = _along_diagonals(torch.bmm(error.transpose(1, 2), node_vectors), len(words))
    curvature = _along_diagonals(torch.bmm(wrong.transpose(1, 2), node_lengths), len(words)).view(-1)
    return Step([Rows(words, of_words, curvature)], [Rows(index.view(-1), of_nodes, curvature_of_nodes)], loss)


def bag_of_words_by_tree(
    inputs: Tensor, nodes: Tensor, words: Tensor, contexts: Tensor, paths: Paths, with_loss: bool
) -> Step:
    """The mean of the words around a word tells it: CBOW. As `skip_gram_by_tree`."""
    bag = Bag(inputs, words, contexts)
    index, signs = paths.nodes[bag.centres], paths.signs[bag.centres]
    node_vectors = nodes.index_select(0, index.view(-1)).view(*index.shape, -1)  # [T, L, D]
    scores = torch.bmm(node_vectors, bag.mean[:, :, None]).squeeze(2).mul_(signs)  # [T, L]
    there = bag.present[:, None] * signs.abs()
    loss, wrong = _turns(scores, there, bag.present, with_loss)
    error = wrong * -signs
    gradient = torch.bmm(error[:, None], node_vectors).squeeze(1)
    curvature = (wrong * squared_norms(node_vectors)).sum(1)
    of_nodes = (error[:, :, None] * bag.mean[:, None]).view(-1, inputs.shape[1])
    curvature_of_nodes = (wrong * squared_norms(bag.mean)[:, None]).view(-1)
    return Step([bag.spread(gradient, curvature)], [Rows(index.view(-1), of_nodes, curvature_of_nodes)], loss)


def _turns(scores: Tensor, there: Tensor, present: Tensor, with_loss: bool) -> tuple[Tensor | None, Tensor]:
    """Nats a word that was told (`present` is 1 for each), and how likely each turn that is `there` was thought wrong.

    It writes into the scores.
    """
    loss = -summed(F.logsigmoid(scores) * there) / present.sum().clamp(min=1) if with_loss else None
    return loss, scores.neg_().sigmoid_().mul_(there)


def _along_diagonals(parts: Tensor, length: int) -> Tensor:
    """[T, W, D] -> [length, D]: part i, j belongs to row i + j."""
    count, width, size = parts.shape
    total = parts.new_zeros(length, size)
    for j in range(width):
        total[j : j + count] += parts[:, j]
    return total
