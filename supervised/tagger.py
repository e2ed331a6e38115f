"""A reader of sequences on any recurrent backbone: a tag for each step, a class for the whole, or both at once.

Both answers come from the same steps, and their losses are added. Source: Hakkani-Tur et al. 2016, "Multi-domain joint
semantic frame parsing using bi-directional RNN-LSTM"; Liu and Lane 2016, "Attention-based recurrent neural network
models for joint intent detection and slot filling".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lab.backbones import SequenceBackbone, valid_steps
from lab.data import Padded, Ragged, SequenceSet
from lab.data.labels import check_labels
from lab.data.sequences import refuse_examples
from lab.data.tagged import Names
from lab.one_network import OneNetwork
from lab.optim import Descent, OptimizerConfig
from lab.probe import Case, Expectation
from lab.ranges import check_least
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Metrics
from supervised.chunks import score_chunks
from supervised.embedding import WordEmbedding
from supervised.legal_tags import likeliest_legal, may_follow
from supervised.losses import cross_entropy_of_known
from supervised.metrics import SCORES, Score
from supervised.reader import ByQuestion, Question, Reader

_ACCURACY: dict[Question, str] = {"tags": "tag_accuracy", "classes": "accuracy"}
NEAR = 0.5  # nats that the first loss of each answer may lie from that of even odds


@dataclass(frozen=True, kw_only=True)
class TaggerConfig:
    """How a tagger learns."""

    optimizer: OptimizerConfig = OptimizerConfig(max_norm=1.0)
    class_weight: float = 1.0  # of the classes' loss, beside that of the tags
    legal: bool = False  # answer the likeliest tags that make sense together, not each word's likeliest
    scores: tuple[Score, ...] = ()  # of the classes, judged besides accuracy
    evaluation_batch: int = 256  # sequences at a time when judging

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, class_weight=0, evaluation_batch=1)


class Tagger(OneNetwork):
    """Learns the tag of each word, the class of the whole sequence, or both.

    A batch, and a data set, has a field of words, then one of tags if they are asked, then one of classes if they are.
    A label that the training part does not have cannot be answered: it counts as an error and has no loss.
    """

    network: Reader

    def __init__(
        self,
        config: TaggerConfig,
        embedding: WordEmbedding,
        backbone: SequenceBackbone,
        seeds: Seeds,
        device: torch.device | str = "cpu",
        *,
        tags: Names | None = None,
        classes: Names | None = None,
    ):
        """The heads' initial weights are drawn from the stream tagger/heads. Raises ValueError if nothing is asked."""
        given: dict[Question, Names | None] = {"tags": tags, "classes": classes}
        self.config, self.backbone = config, backbone
        self.names = {asked: names for asked, names in given.items() if names is not None}
        if not self.names:
            raise ValueError("There are neither tags nor classes, so there is nothing to learn. Give one or both.")
        with seeds.initialising("tagger/heads"):
            outputs = {asked: names.known for asked, names in self.names.items()}
            self.network = Reader(embedding, backbone, outputs).to(device)
        self.descent = Descent(self.network.parameters(), config.optimizer, shares=shares(backbone))

    def update(self, batch: tuple[Padded | Tensor, ...]) -> Metrics:
        """One gradient step; `tag_accuracy` is the share of words, `accuracy` of sequences, that are answered right."""
        if not self.network.training:
            self.network.train()
        words, labels = self._parted(batch)
        answers = self.network(words)
        loss = self._loss(answers, labels)
        measured = self.descent.descend(loss)
        right = {
            _ACCURACY[asked]: (answers[asked].argmax(-1) == wanted).sum() / (wanted >= 0).sum()
            for asked, wanted in labels.items()
        }
        return {"loss": loss.detach(), **right, **measured}

    def predict(self, words: Padded) -> ByQuestion:
        """The logits with dropout off."""
        with self.descent.judging(self.network):
            return self.network(words)

    def _parted(self, batch: tuple[Padded | Tensor, ...]) -> tuple[Padded, ByQuestion]:
        """The words, and the labels of what is asked: -1 in the padding."""
        words, *wanted = batch
        assert isinstance(words, Padded)
        labels: ByQuestion = {}
        for asked, field in zip(self.names, wanted):
            if isinstance(field, Padded):
                field = field.values.masked_fill(~valid_steps(field.lengths, field.values.shape[1]), -1)
            labels[asked] = field
        return words, labels

    def _loss(self, answers: ByQuestion, labels: ByQuestion) -> Tensor:
        """The mean over the words whose tag is known, and the weighted mean over the sequences whose class is."""
        terms = []
        for asked, wanted in labels.items():
            known = (wanted >= 0) & (wanted < self.names[asked].known)
            mean = cross_entropy_of_known(answers[asked], wanted).sum() / known.sum().clamp_min(1)
            terms.append(self.config.class_weight * mean if asked == "classes" else mean)
        return torch.stack(terms).sum()

    def evaluate(self, dataset: SequenceSet) -> Metrics:
        """The loss; of tags slot_f1, slot_precision, slot_recall; of classes accuracy and what the config asks for.

        Where both are asked, sentence_accuracy is the share of sequences of which every tag and the class are right.
        Where tags are to make sense together, wordwise_f1 is what each word's likeliest tag would score.
        """
        parts = [self._end_to_end(batch) for batch in dataset.chunks(self.config.evaluation_batch)]
        answers, given, labels = (
            {asked: torch.cat([p[asked] for p in each]) for asked in self.names} for each in zip(*parts)
        )
        metrics: Metrics = {"loss": self._loss(answers, labels)}
        lengths = dataset.lengths.tolist()
        if "tags" in given:
            scores = score_chunks(self._spelt(given["tags"], lengths), self._spelt(labels["tags"], lengths))
            metrics |= {f"slot_{name}": getattr(scores, name) for name in ("f1", "precision", "recall")}
            if self.config.legal:
                wordwise = self._spelt(answers["tags"].argmax(-1), lengths)
                metrics["wordwise_f1"] = score_chunks(wordwise, self._spelt(labels["tags"], lengths)).f1
        if "classes" in given:
            right = given["classes"] == labels["classes"]
            metrics["accuracy"] = right.float().mean()
            for score in self.config.scores:
                metrics[score] = SCORES[score](given["classes"], labels["classes"], self.names["classes"].known)
            if "tags" in given:
                tagged = torch.stack([each.all() for each in (given["tags"] == labels["tags"]).split(lengths)])
                metrics["sentence_accuracy"] = (tagged & right).float().mean()
        return metrics

    def _end_to_end(self, batch: tuple[Padded | Tensor, ...]) -> tuple[ByQuestion, ByQuestion, ByQuestion]:
        """Logits, answers and labels without the padding: of tags one a word."""
        words, labels = self._parted(batch)
        logits = self.predict(words)
        given = self.answered(logits, words.lengths)
        if "tags" in labels:
            valid = valid_steps(words.lengths, words.values.shape[1])
            for each in (logits, given, labels):
                each["tags"] = each["tags"][valid]
        return logits, given, labels

    def answered(self, logits: ByQuestion, lengths: Tensor) -> ByQuestion:
        """The answers to sequences of these lengths [B]: tags [B, T] (any in the padding), classes [B]."""
        given: ByQuestion = {asked: each.argmax(-1) for asked, each in logits.items()}
        if "tags" in logits and self.config.legal:
            names = self.names["tags"]
            given["tags"] = likeliest_legal(logits["tags"], lengths, may_follow(names.all[: names.known]))
        return given

    def _spelt(self, numbers: Tensor, lengths: list[int]) -> list[list[str]]:
        """The tags' names, parted into sequences."""
        names = self.names["tags"].all
        return [[names[number] for number in part.tolist()] for part in numbers.cpu().split(lengths)]

    def check(self, training: SequenceSet, evaluation: Mapping[str, SequenceSet]) -> None:
        """Raises ValueError, naming part and example, where there are no words, fields do not fit, or a label is none.

        Labels in training must be among those known; elsewhere they need only have a name.
        """
        for part, dataset in {"training": training, **evaluation}.items():
            if len(dataset.fields) != 1 + len(self.names):
                raise ValueError(
                    f"The {part} part has {len(dataset.fields)} fields, but the tagger reads words and then "
                    f"{' and '.join(self.names)}. Give it those, in this order."
                )
            refuse_examples(dataset.lengths < 1, part, "has no words, so there is nothing to read. Leave it out.")
            for (asked, names), field in zip(self.names.items(), dataset.fields[1:]):
                number = names.known if part == "training" else len(names.all)
                if asked == "tags":
                    _check_tags(field, dataset.lengths, number, part)
                else:
                    assert isinstance(field, Tensor)
                    check_labels(field, number, part)

    def probe_case(self, dataset: SequenceSet) -> Case:
        """The network with the loss that it descends, penalties included."""
        words, labels = self._parted(dataset.batch(torch.arange(len(dataset), device=dataset.lengths.device)))
        penalty = self.config.optimizer.penalty

        def read(network: nn.Module, inputs: Tensor) -> ByQuestion:
            return network(Padded(inputs, words.lengths[: len(inputs)]))

        def loss(network: nn.Module, inputs: Tensor) -> Tensor:
            return self._loss(read(network, inputs), labels) + penalty(network.parameters())

        def outputs(network: nn.Module, inputs: Tensor) -> Tensor:
            return next(iter(read(network, inputs).values()))

        weights = {"tags": 1.0, "classes": self.config.class_weight}
        known = {asked: names.known for asked, names in self.names.items()}
        even = float(sum(weights[asked] * torch.tensor(number).log() for asked, number in known.items()))
        room = NEAR * sum(weights[asked] for asked in known)
        expected = Expectation(
            loss=even,
            reason=" and ".join(f"log of {number} {asked}" for asked, number in known.items()),
            low=even - room,
            high=even + room,
            penalty=float(penalty(self.network.parameters()).detach()),
        )
        causal = self.backbone.causal and "tags" in known and not self.network.embedding.config.window
        return Case(self.network, words.values, loss, expected, outputs=outputs, causal=causal)


def _check_tags(tags: Ragged | Tensor, lengths: Tensor, number: int, part: str) -> None:
    """Raises ValueError unless there is one of so many tags for each word."""
    counts = tags.lengths if isinstance(tags, Ragged) else torch.zeros_like(lengths)
    wrong = (counts != lengths).nonzero()
    if len(wrong) or not isinstance(tags, Ragged):
        first = int(wrong[0])
        raise ValueError(
            f"Example {first} of the {part} part (counted from 0) has {int(lengths[first])} words and "
            f"{int(counts[first])} tags. Give one tag a word, as a ragged field."
        )
    if tags.values.ndim != 1 or tags.values.dtype != torch.int64:
        raise ValueError(
            f"The tags of the {part} part have shape {list(tags.values.shape)} and type {tags.values.dtype}, but each "
            "word has the number of one tag. Give one int64 a word."
        )
    refuse_examples(
        tags.any_step((tags.values < 0) | (tags.values >= number)),
        part,
        f"has a tag that is not from 0 to {number - 1}. Number tags by the names that the tagger was given, those of "
        "the training part first.",
    )
