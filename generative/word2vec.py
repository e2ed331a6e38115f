"""word2vec: vectors of words that tell the words around them.

Sources: Mikolov et al. 2013a, https://arxiv.org/abs/1301.3781 (CBOW, skip-gram); Mikolov et al. 2013b,
https://arxiv.org/abs/1310.4546 (negative sampling, hierarchical softmax, thinning). How a block's gradients are found:
`generative.word_gradients`, `generative.tree_gradients`; how long a step may be: `generative.damped_rows`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor

from generative.damped_rows import Table, least_curvature
from generative.huffman import Paths, huffman
from generative.noise import NOISE_POWER, AliasTable, Noise
from generative.tree_gradients import bag_of_words_by_tree, skip_gram_by_tree
from generative.word_gradients import Contexts, Step, bag_of_words, skip_gram
from generative.word_predictor import WordPredictor
from generative.word_vectors import WordVectors
from lab.data.analogies import AnalogyQuestions
from lab.data.word_pairs import WordPairs
from lab.data.word_stream import Lexicon, NumberedText
from lab.ranges import check_least, check_name
from lab.recording import Graphed
from lab.schedules import Schedule
from lab.seeding import Seeds
from lab.trial import Manner, Metrics, State

Architecture = Literal["skip_gram", "cbow"]
Context = Literal["around", "before"]


@dataclass(frozen=True)
class WordTests:
    """What vectors of words are judged by."""

    analogies: AnalogyQuestions
    pairs: WordPairs


@dataclass(frozen=True, kw_only=True)
class Word2VecConfig:
    """How vectors of words are learnt."""

    architecture: Architecture = "skip_gram"
    context: Context = "around"  # with "before", the words before a word alone tell it: the next word
    negatives: int = 5  # words of the noise for each context; 0: hierarchical softmax instead
    size: int = 100  # numbers of a vector
    learning_rate: float = 0.05
    decay: Schedule = Schedule(kind="linear", steps=10_000)  # by the update
    sharing: int = 128  # consecutive words that share words of the noise; where they do not divide a block, fewer
    shared: int = 64  # words of the noise that they share
    loss_every: int = 10  # updates from one whose loss is found to the next; the loss takes a tenth of an update's time

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, size=1, negatives=0, sharing=1, shared=1, loss_every=1)
        for name, choices in (("architecture", Architecture), ("context", Context)):
            check_name(getattr(self, name), get_args(choices), name)
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate is {self.learning_rate}, but learning goes downhill. Set it above 0.")

    @property
    def predicts(self) -> bool:
        """Whether what is learnt tells the next word."""
        return self.architecture == "cbow" and self.context == "before"


class Word2Vec:
    """Learns from blocks of words, see `generative.word_blocks.WordBlocks`.

    A word's vector is its row of `inputs`; by `outputs` words are told, or by hierarchical softmax inner nodes.
    """

    def __init__(
        self, config: Word2VecConfig, lexicon: Lexicon, window: int, seeds: Seeds, device: torch.device | str = "cpu"
    ):
        """`window` is that of the blocks. Raises ValueError for a vocabulary of fewer than two words."""
        if len(lexicon) < 2:
            raise ValueError(
                f"The vocabulary has {len(lexicon)} word, but a word is told apart from others. Give a longer text, or "
                "count rarer words (`least`)."
            )
        self.config, self.lexicon = config, lexicon
        self.device = torch.device(device)
        start = torch.rand(len(lexicon), config.size, generator=seeds.generator("inputs")).sub_(0.5).div_(config.size)
        self.inputs = Table(start.to(device))
        self._paths: Paths | None = None
        if config.negatives == 0:
            self._paths = huffman(lexicon.counts).to(device)
        else:
            self._noise = Noise(AliasTable(lexicon.counts.double() ** NOISE_POWER, device), seeds)
        told = len(lexicon) if self._paths is None else self._paths.inner
        self.outputs = Table(torch.zeros(told, config.size, device=device))
        self._contexts = Contexts(window, device)
        self.updates = 0
        self._descending = {
            with_loss: Graphed(partial(self._descend, with_loss), self.device) for with_loss in (False, True)
        }

    def update(self, batch: tuple[Tensor, Tensor, Tensor]) -> Metrics:
        """One step on a block: words int64 [S], and of T of them how many contexts are before and after, int64 [T]."""
        words, before, after = batch
        if len(words) != len(before) + 2 * self._contexts.window:
            raise ValueError(
                f"The block has {len(words)} words for {len(before)} that are told, but a window of "
                f"{self._contexts.window} has as many more on both sides. Give the learner the window of its blocks."
            )
        rate = self.config.learning_rate * self.config.decay(self.updates)
        metrics: Metrics = {"learning_rate": rate}
        descend = self._descending[self.updates % self.config.loss_every == 0]
        with torch.inference_mode():
            noise = () if self._paths is not None else (self._noise.of(self.updates, self._shared(len(before))),)
            for loss in descend(words, before, after, torch.tensor(least_curvature(rate)), *noise):
                metrics["loss"] = loss
        self.updates += 1
        return metrics

    def _shared(self, count: int) -> tuple[int, int]:
        """How many groups of words share words of the noise in a block of so many, and how many each shares."""
        sharing = next(most for most in range(min(count, self.config.sharing), 0, -1) if count % most == 0)
        return count // sharing, self.config.shared

    def _descend(
        self, with_loss: bool, words: Tensor, before: Tensor, after: Tensor, least: Tensor, *noise: Tensor
    ) -> tuple[Tensor, ...]:
        """Nothing of it waits for the device. The loss, if it is asked for."""
        step = self._step(words, before, after, noise, with_loss)
        self.inputs.descend(step.inputs, least)
        self.outputs.descend(step.outputs, least)
        return () if step.loss is None else (step.loss,)

    def _step(self, words: Tensor, before: Tensor, after: Tensor, noise: tuple[Tensor, ...], with_loss: bool) -> Step:
        inputs, outputs, is_bag = self.inputs.vectors, self.outputs.vectors, self.config.architecture == "cbow"
        if self.config.context == "before":
            # By noise, a skip-gram's word tells its contexts; so that words tell those after them, the side is turned.
            told_by_word = not is_bag and self._paths is None
            before, after = (torch.zeros_like(before), after) if told_by_word else (before, torch.zeros_like(after))
        contexts = self._contexts(before, after)
        if self._paths is not None:
            by_tree = bag_of_words_by_tree if is_bag else skip_gram_by_tree
            return by_tree(inputs, outputs, words, contexts, self._paths, with_loss)
        by_noise = bag_of_words if is_bag else skip_gram
        return by_noise(inputs, outputs, words, contexts, noise[0], self.config.negatives, with_loss)

    @property
    def vectors(self) -> WordVectors:
        """The words with a copy of their vectors as they are now, on the host."""
        return WordVectors(self.lexicon.words, self.inputs.vectors.to("cpu", copy=True))

    def predictor(self, device: torch.device | str = "cpu") -> WordPredictor:
        """What tells the next word, a copy as it is now. Raises ValueError where that is not what is learnt."""
        if not self.config.predicts:
            raise ValueError(
                f"The architecture is {self.config.architecture!r} with the context {self.config.context!r}, which "
                "tells no next word. Take 'cbow' with 'before'; of word2vec_enwiki that is the arm next-word."
            )
        inputs, outputs = (table.vectors.to(device, copy=True) for table in (self.inputs, self.outputs))
        tree = None if self._paths is None else self._paths.to(device)
        window = self._contexts.window
        return WordPredictor(self.lexicon.words, inputs, outputs, self.lexicon.counts, window, tree)

    def reply(self, prompt: str, manner: Manner) -> str:
        """The prompt, and how it goes on: `manner.length` words. Raises as `predictor`, and for an unknown word."""
        return " ".join([prompt, *self.predictor().continued(prompt, manner)])

    def evaluate(self, dataset: WordTests | NumberedText) -> Metrics:
        """The shares of analogies answered (`analogies`, and of them `semantic` and `syntactic`), and the rank
        correlation of cosines with how alike people find words (`similarity`). On a text: see `WordPredictor.judged`.
        """
        if isinstance(dataset, NumberedText):
            return self.predictor(self.device).judged(dataset)
        vectors = self.vectors
        scores = vectors.analogies(dataset.analogies)
        return {
            "analogies": scores.total,
            "semantic": scores.semantic,
            "syntactic": scores.syntactic,
            "similarity": vectors.word_similarity(dataset.pairs).correlation,
        }

    def state_dict(self) -> State:
        """Both tables and the count of updates."""
        return {"inputs": self.inputs.vectors, "outputs": self.outputs.vectors, "updates": self.updates}

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state."""
        self.inputs.vectors.copy_(state["inputs"])
        self.outputs.vectors.copy_(state["outputs"])
        self.updates = state["updates"]
