"""Huffman codes: the frequent words of a vocabulary get the short ones.

Source: Huffman 1952, "A method for the construction of minimum-redundancy codes"; Mikolov et al. 2013, "Distributed
representations of words and phrases and their compositionality", section 2.1, for words.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Paths:
    """How each of V words is reached from the root of a binary tree with V - 1 inner nodes."""

    nodes: Tensor  # int64 [V, L]: the inner nodes from the root on, padded by 0
    signs: Tensor  # float32 [V, L]: 1 where the path goes left, -1 where right, 0 past its end

    @property
    def inner(self) -> int:
        """How many inner nodes there are."""
        return len(self.nodes) - 1

    def to(self, device: torch.device | str) -> Paths:
        """The same on another device."""
        return Paths(self.nodes.to(device), self.signs.to(device))

    def log_probabilities(self, scores: Tensor) -> Tensor:
        """Of all words, [B, V], from scores [B, V - 1]: paths go left at node n with probability sigmoid(scores[:, n]).

        Each node is passed once, level by level, at three times the cost of a softmax.
        """
        scores = scores.T  # so that what is gathered lies together
        reached = torch.zeros_like(scores)  # log-probabilities to come to each inner node; to the root, 0
        *levels, leaves = self._levels
        for nodes, parents, signs in levels:
            reached[nodes] = reached[parents] + F.logsigmoid(scores[parents] * signs)
        _, parents, signs = leaves
        return (reached[parents] + F.logsigmoid(scores[parents] * signs)).T

    @cached_property
    def _levels(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Inner nodes [N] of each depth, their parents, and the turns to them [N, 1]; at last those of the words."""
        levels = []
        parents, signs = torch.zeros_like(self.nodes[:, 0]), torch.zeros_like(self.signs[:, 0])
        for depth in range(1, self.nodes.shape[1]):
            on = self.signs[:, depth] != 0  # the words below an inner node of that depth
            parents[self.nodes[on, depth]] = self.nodes[on, depth - 1]
            signs[self.nodes[on, depth]] = self.signs[on, depth - 1]
            nodes = self.nodes[on, depth].unique()
            levels.append((nodes, parents[nodes], signs[nodes, None]))
        last = self.signs.abs().sum(1, keepdim=True).long() - 1
        words = torch.arange(len(self.nodes), device=last.device)
        levels.append((words, self.nodes.gather(1, last).squeeze(1), self.signs.gather(1, last)))
        return levels


def huffman(counts: Tensor) -> Paths:
    """Paths of the least mean length for words that occur so often, [V]. Raises ValueError for fewer than two words."""
    size = len(counts)
    if size < 2:
        raise ValueError(f"The vocabulary has {size} word, but a tree parts two at least. Give a longer text.")
    heap = [(int(count), i) for i, count in enumerate(counts.tolist())]
    heapq.heapify(heap)
    parent, right = [0] * (2 * size - 1), [False] * (2 * size - 1)
    for node in range(size, 2 * size - 1):
        (less, a), (more, b) = heapq.heappop(heap), heapq.heappop(heap)
        parent[a] = parent[b] = node
        right[b] = True
        heapq.heappush(heap, (less + more, node))
    root = 2 * size - 2
    depth = [0] * (2 * size - 1)
    for node in range(root - 1, -1, -1):  # a parent comes after its children
        depth[node] = depth[parent[node]] + 1
    longest = max(depth)
    # Filled in place: as lists of numbers the paths of a million words would take a gigabyte.
    nodes, signs = np.zeros((size, longest), np.int64), np.zeros((size, longest), np.float32)
    for word in range(size):
        node = word
        for level in range(depth[word] - 1, -1, -1):
            signs[word, level] = -1.0 if right[node] else 1.0
            node = parent[node]
            nodes[word, level] = root - node  # the root is 0
    return Paths(torch.from_numpy(nodes), torch.from_numpy(signs))
