"""A model of words that looks at nothing: what a model of answers must beat, or it has only learnt which are usual."""

from __future__ import annotations

import math

import torch

from lab.data.sequences import Ragged


def unigram_perplexity(training: Ragged, test: Ragged, total: int, end: int) -> float:
    """The perplexity of test words, each sequence's end included, by how often each number occurs in training.

    training, test: numbers below `total`. Every number counts once more than it occurs, so that none is impossible
    (Laplace's rule of succession).
    """
    counts = torch.bincount(training.values.cpu(), minlength=total).double() + 1
    counts[end] += len(training)
    log_probabilities = (counts / counts.sum()).log()
    words = log_probabilities[test.values.cpu()].sum() + len(test) * log_probabilities[end]
    return math.exp(-float(words) / (len(test.values) + len(test)))
