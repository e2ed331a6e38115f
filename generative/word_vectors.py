"""Vectors of words: which words are near, and what analogies and people's judgement say of the vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import islice
from math import nan

import torch
from torch import Tensor

from generative.rank_correlation import rank_correlation
from lab.data.analogies import AnalogyGroup, AnalogyQuestions
from lab.data.word_pairs import WordPairs
from lab.names import did_you_mean

QUESTIONS = 512  # answered at a time
SPELLED = 3_000  # words, the most frequent, among which an unknown one's nearest in spelling is looked for


class UnknownWord(KeyError, ValueError):
    """A word that has no vector."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would put it in quotes


@dataclass(frozen=True)
class GroupScore:
    """How a group of questions was answered."""

    name: str
    syntactic: bool
    hits: int
    asked: int
    left_out: int  # questions of which a word is unknown

    @property
    def accuracy(self) -> float:
        """The share of those asked that was answered; NaN where none was asked."""
        return self.hits / self.asked if self.asked else nan


@dataclass(frozen=True)
class AnalogyScores:
    """How analogies were answered, group by group and in all."""

    groups: tuple[GroupScore, ...]

    @property
    def semantic(self) -> float:
        """The share answered of the groups that ask for meanings; NaN where none was asked."""
        return self._sum("semantic", [group for group in self.groups if not group.syntactic]).accuracy

    @property
    def syntactic(self) -> float:
        """The share answered of the groups that ask for forms of words; NaN where none was asked."""
        return self._sum("syntactic", [group for group in self.groups if group.syntactic]).accuracy

    @property
    def total(self) -> float:
        """The share answered of all questions asked; NaN where none was."""
        return self._sum("total", self.groups).accuracy

    @property
    def asked(self) -> int:
        """Questions whose words are all known."""
        return self._sum("total", self.groups).asked

    @property
    def left_out(self) -> int:
        """Questions of which a word is unknown."""
        return self._sum("total", self.groups).left_out

    @staticmethod
    def _sum(name: str, groups: Sequence[GroupScore]) -> GroupScore:
        sums = (sum(getattr(group, part) for group in groups) for part in ("hits", "asked", "left_out"))
        return GroupScore(name, False, *sums)


@dataclass(frozen=True)
class WordSimilarity:
    """How cosines and people's scores of pairs go together."""

    correlation: float  # of ranks (Spearman), -1 to 1; NaN where fewer than two different pairs are known
    known: int
    left_out: int  # pairs of which a word is unknown


@dataclass(frozen=True, eq=False, repr=False)
class WordVectors:
    """Words, the most frequent first, and their vectors [V, D] float32: that of words[i] is vectors[i]."""

    words: tuple[str, ...]
    vectors: Tensor

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.words) or not self.vectors.numel():
            raise ValueError(
                f"There are {len(self.words)} words and vectors {list(self.vectors.shape)}, but each word has a row "
                "[D] of one number or more, and there is a word at least. Give as many of both."
            )

    def __repr__(self) -> str:
        return f"WordVectors({len(self):,} words, {self.vectors.shape[1]} numbers each)"

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._numbers

    def __getitem__(self, word: str) -> Tensor:
        """The vector [D] of a word. Raises UnknownWord, a KeyError, if it has none."""
        return self.vectors[self._number(word)]

    def similarity(self, a: str, b: str) -> float:
        """The cosine between the vectors of two words. Raises UnknownWord."""
        return float(_cosines(self._rows([a]), self._rows([b])))

    def nearest(
        self, positive: str | Sequence[str], negative: str | Sequence[str] = (), count: int = 10
    ) -> list[tuple[str, float]]:
        """The words nearest to some words and far from others, with their cosines, the nearest first.

        They are compared with the mean of the vectors, each of length 1, those of `negative` turned round; the words
        asked for are left out. So `nearest(["king", "woman"], ["man"])` asks what is to king as woman is to man.
        There are fewer than `count` where the vocabulary has no more. Raises UnknownWord, and ValueError where no word
        or no neighbour is asked for.
        """
        near, far = ([words] if isinstance(words, str) else list(words) for words in (positive, negative))
        asked = [self._number(word) for word in near + far]
        if not asked:
            raise ValueError("No word is given, so none is near to it. Give one at least.")
        if count < 1:
            raise ValueError(f"count is {count}, but one neighbour at least is looked for. Raise it.")
        count = min(count, len(self) - len(set(asked)))
        signs = self.vectors.new_tensor([1.0] * len(near) + [-1.0] * len(far))
        mean = signs @ _of_length_1(self.vectors[asked]) / len(asked)
        cosines = _cosines(self.vectors, mean)
        cosines[asked] = -torch.inf
        found = cosines.topk(count)
        return [(self.words[i], cosine) for i, cosine in zip(found.indices.tolist(), found.values.tolist())]

    def analogies(self, questions: AnalogyQuestions, most: int = 30_000) -> AnalogyScores:
        """How many analogies the nearest word answers, among the `most` frequent words, whatever the case.

        a is to b as c is to the word whose vector is nearest to b - a + c, none of the three. Questions of which a word
        is unknown are left out. As word2vec's compute-accuracy and gensim's evaluate_word_analogies have it. Source:
        Mikolov et al. 2013, https://arxiv.org/abs/1301.3781, section 4.1.
        """
        numbers = self._folded(most)
        known = [_known(numbers, group) for group in questions.groups]
        right = self._answered([quadruple for group in known for quadruple in group], numbers, most)
        scores, begin = [], 0
        for group, asked in zip(questions.groups, known):
            hits = sum(right[begin : begin + len(asked)])
            begin += len(asked)
            left_out = len(group.questions) - len(asked)
            scores.append(GroupScore(group.name, group.syntactic, hits, len(asked), left_out))
        return AnalogyScores(tuple(scores))

    @torch.no_grad()
    def _answered(self, quadruples: list[list[int]], numbers: dict[str, int], most: int) -> list[bool]:
        """Whether each question, four numbers of words, is answered right: the answer alone is nearest."""
        if not quadruples:
            return []
        device = self.vectors.device
        units = _of_length_1(self.vectors[:most])
        # Words that differ in case count as one, the most frequent of them: Paris and PARIS.
        kinds = torch.tensor([numbers[word.upper()] for word in self.words[:most]], device=device)
        others = (kinds != torch.arange(len(kinds), device=device)).nonzero().flatten()
        # One memory for all products: to ask for so much anew takes as long as the products do.
        products = units.new_empty(min(QUESTIONS, len(quadruples)), len(units))
        right = []
        for part in torch.tensor(quadruples, device=device).split(QUESTIONS):
            a, b, c = units[part[:, :3]].unbind(1)
            cosines = torch.mm(b - a + c, units.T, out=products[: len(part)])  # but for a factor that is a row's own
            cosines.scatter_(1, part[:, :3], -torch.inf)
            of_answer = cosines.gather(1, part[:, 3:])
            # Without the answer, so that the largest of the rest is found: several times as fast as where it is.
            cosines.scatter_(1, part[:, 3:], -torch.inf)
            if len(others):
                same = kinds[others] == part[:, :, None]  # [B, 4, others]
                spelled = cosines[:, others].masked_fill(same[:, :3].any(1), -torch.inf)
                of_answer = torch.cat([of_answer, spelled.masked_fill(~same[:, 3], -torch.inf)], 1)
                cosines[:, others] = spelled.masked_fill(same[:, 3], -torch.inf)
            right.append(of_answer.amax(1) > cosines.amax(1))
        return torch.cat(right).tolist()

    def word_similarity(self, pairs: WordPairs) -> WordSimilarity:
        """The rank correlation between cosines and people's scores of pairs, whatever the case.

        Pairs of which a word is unknown are left out. As gensim's evaluate_word_pairs has it.
        """
        numbers = self._folded(len(self))
        found = [[numbers.get(word.upper(), -1) for word in pair] for pair in pairs.pairs]
        known = [i for i, pair in enumerate(found) if min(pair) >= 0]
        if not known:
            return WordSimilarity(nan, 0, len(pairs))
        a, b = (self.vectors[[found[i][side] for i in known]] for side in range(2))
        correlation = rank_correlation(_cosines(a, b).cpu(), pairs.scores[known])
        return WordSimilarity(correlation, len(known), len(pairs) - len(known))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        numbers = {word: i for i, word in enumerate(self.words)}
        if len(numbers) < len(self.words):
            twice = next(word for i, word in enumerate(self.words) if numbers[word] != i)
            raise ValueError(f"The word {twice!r} has two vectors. Give each word one.")
        return numbers

    def _folded(self, most: int) -> dict[str, int]:
        """The `most` frequent words in capitals; of those that differ in case only the most frequent."""
        if most < 1:
            raise ValueError(f"most is {most}, but answers are looked for among one word or more. Raise it.")
        return {word.upper(): i for i, word in reversed(list(enumerate(self.words[:most])))}

    def _rows(self, words: Sequence[str]) -> Tensor:
        return self.vectors[[self._number(word) for word in words]]

    def _number(self, word: str) -> int:
        number = self._numbers.get(word)
        if number is None:
            raise UnknownWord(
                f"{word!r} is not among the {len(self):,} words that have a vector: it is rarer than the words that "
                f"were learnt, or spelled otherwise. {self._spelled_like(word)}"
            )
        return number

    def _spelled_like(self, word: str) -> str:
        """A sentence that ends an error. Compares few words, as there may be a million: that would take minutes."""
        ends = (word[:1].lower(), word[-1:].lower())
        alike = (
            known
            for known in self.words
            if abs(len(known) - len(word)) <= 2 and (known[:1].lower() == ends[0] or known[-1:].lower() == ends[1])
        )
        folded = {known.lower(): known for known in islice(alike, SPELLED)}
        near = [folded[each] for each in get_close_matches(word.lower(), folded)]
        return did_you_mean(word, near) if near else "Take another word, or learn from a text that has it more often."


def _known(numbers: dict[str, int], group: AnalogyGroup) -> list[list[int]]:
    """The questions of a group as numbers of words, less those of which one is unknown."""
    found = ([numbers.get(word.upper(), -1) for word in question] for question in group.questions)
    return [quadruple for quadruple in found if min(quadruple) >= 0]


def _lengths(vectors: Tensor) -> Tensor:
    """At least a tiny one, of which the square is a number too: so a vector of zeros is at a right angle to all."""
    return vectors.norm(dim=-1).clamp_min(1e-18)


def _of_length_1(vectors: Tensor) -> Tensor:
    return vectors / _lengths(vectors)[..., None]


def _cosines(a: Tensor, b: Tensor) -> Tensor:
    """[N, D] and [N, D] or [D] -> [N]."""
    products = a @ b if b.ndim == 1 else (a * b).sum(-1)
    return products / (_lengths(a) * _lengths(b))
