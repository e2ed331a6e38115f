"""A recogniser that learns from sequences and their labels without being told which step says which: CTC.

Source: Graves, Fernandez, Gomez and Schmidhuber 2006, "Connectionist temporal classification: labelling unsegmented
sequence data with recurrent neural networks".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from lab.backbones import SequenceBackbone
from lab.data.sequences import Padded, SequenceSet
from lab.one_network import OneNetwork
from lab.optim import Descent, OptimizerConfig
from lab.probe import Case, Expectation
from lab.ranges import check_least
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Metrics
from supervised.ctc import ctc_loss, decode_greedily, fewest_steps, search_prefixes
from supervised.subsampling import Subsampling
from supervised.word_errors import word_error_rate


@dataclass(frozen=True, kw_only=True)
class CTCConfig:
    """How a CTC recogniser learns and is judged."""

    optimizer: OptimizerConfig = OptimizerConfig()
    evaluation_batch: int = 64  # sequences at a time when judging
    beam_width: int = 0  # prefixes that a search keeps when judging; 0: there is no search, greedy decoding alone

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, evaluation_batch=1, beam_width=0)


class Transcriber(nn.Module):
    """Features [B, T, F] -> logits [B, T', symbols] of fewer steps, both padded."""

    def __init__(self, subsampling: Subsampling, backbone: SequenceBackbone, num_symbols: int):
        super().__init__()
        self.subsampling, self.backbone = subsampling, backbone
        self.head = nn.Linear(backbone.out_features, num_symbols)

    def forward(self, features: Padded) -> Padded:
        values, lengths = self.subsampling(features)
        return Padded(self.head(self.backbone.steps(values, lengths)), lengths)


class CTCRecogniser(OneNetwork):
    """Learns to say the labels [B, L] of features [B, T, F], both of any length; labels come in the order of time."""

    network: Transcriber

    def __init__(
        self,
        config: CTCConfig,
        subsampling: Subsampling,
        backbone: SequenceBackbone,
        num_labels: int,
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ):
        """`backbone` reads what `subsampling` makes of the features."""
        self.config, self.num_labels = config, num_labels
        self.backbone = backbone
        with seeds.initialising("ctc/head"):
            self.network = Transcriber(subsampling, backbone, num_labels + 1).to(device)
        self.descent = Descent(self.network.parameters(), config.optimizer, shares=shares(backbone))

    def update(self, batch: tuple[Padded, Padded]) -> Metrics:
        """One gradient step on (features [B, T, F], labels [B, L]); the loss is in nats a label."""
        features, labels = batch
        if not self.network.training:
            self.network.train()
        loss = _nats_a_label(self.network, features, labels)
        measured = self.descent.descend(loss)
        return {"loss": loss.detach(), **measured}

    def predict(self, features: Padded) -> Padded:
        """Logits [B, T', symbols], of which the last is the blank, with dropout off."""
        with self.descent.judging(self.network):
            return self.network(features)

    def evaluate(self, dataset: SequenceSet) -> Metrics:
        """The loss in nats a label, and the word error rate of greedy decoding and, if asked for, of a beam search."""
        losses, found, searched, wanted = [], [], [], []
        for features, labels in dataset.chunks(self.config.evaluation_batch):
            assert isinstance(labels, Padded)
            logits, lengths = self.predict(cast(Padded, features))
            losses.append(ctc_loss(logits, lengths, labels))
            found += decode_greedily(logits, lengths)
            wanted += [said[:length] for said, length in zip(labels.values.tolist(), labels.lengths.tolist())]
            if self.config.beam_width:
                likeliest = (search_prefixes(each, self.config.beam_width)[0] for each in _unpadded(logits, lengths))
                searched += [labels for labels, _ in likeliest]
        metrics: Metrics = {
            "loss": torch.cat(losses).sum() / max(1, sum(map(len, wanted))),
            "wer": word_error_rate(found, wanted),
        }
        return metrics | ({"wer_beam": word_error_rate(searched, wanted)} if searched else {})

    def check(self, training: SequenceSet, evaluation: Mapping[str, SequenceSet]) -> None:
        """Raises ValueError, naming part and example, for a label out of range and one too long for its features."""
        for part, dataset in {"training": training, **evaluation}.items():
            for start, (features, labels) in enumerate(dataset.chunks(self.config.evaluation_batch)):
                self._check(cast(Padded, features), cast(Padded, labels), part, start * self.config.evaluation_batch)

    def _check(self, features: Padded, labels: Padded, part: str, start: int) -> None:
        wrong = ((labels.values < 0) | (labels.values >= self.num_labels)).any(1).nonzero()
        if len(wrong):
            example = int(wrong[0])
            raise ValueError(
                f"Example {start + example} of the {part} part (counted from 0) has the labels "
                f"{labels.values[example, : labels.lengths[example]].tolist()}, but there are {self.num_labels}: 0 to "
                f"{self.num_labels - 1}. Number the labels so, or give the recogniser more."
            )
        steps, needed = self.network.subsampling.left(features.lengths), fewest_steps(labels)
        short = (steps < needed).nonzero()
        if len(short):
            example = int(short[0])
            raise ValueError(
                f"Example {start + example} of the {part} part (counted from 0) has {int(labels.lengths[example])} "
                f"labels, which take {int(needed[example])} steps to say, but its {int(features.lengths[example])} "
                f"frames become {int(steps[example])} steps. Leave it out, or subsample less."
            )

    def probe_case(self, dataset: SequenceSet) -> Case:
        """The network with the loss that it descends, penalties included."""
        features, labels = (cast(Padded, each) for each in dataset.batch(torch.arange(len(dataset))))
        penalty = self.config.optimizer.penalty

        def outputs(network: nn.Module, inputs: Tensor) -> Tensor:
            return network(Padded(inputs, features.lengths[: len(inputs)])).values

        def loss(network: nn.Module, inputs: Tensor) -> Tensor:
            return _nats_a_label(network, Padded(inputs, features.lengths), labels) + penalty(network.parameters())

        logits, lengths = self.predict(features)
        even = float(ctc_loss(torch.zeros_like(logits), lengths, labels).sum() / labels.lengths.sum())
        expected = Expectation(
            loss=even,
            reason=f"even odds of {self.num_labels} labels and the blank at every step",
            low=even * (1 - NEAR),
            high=even * (1 + NEAR),
            penalty=float(penalty(self.network.parameters()).detach()),
        )
        return Case(self.network, features.values, loss, expected, outputs)


NEAR = 0.3  # share by which the first loss may lie from that of even odds: a small bias adds up over all steps


def _nats_a_label(network: nn.Module, features: Padded, labels: Padded) -> Tensor:
    logits, lengths = network(features)
    return ctc_loss(logits, lengths, labels).sum() / labels.lengths.sum().clamp_min(1)  # of silence alone


def _unpadded(logits: Tensor, lengths: Tensor) -> list[Tensor]:
    """The log-probabilities [T, K] of each sequence, on the CPU."""
    return [each[:length] for each, length in zip(logits.log_softmax(-1).cpu(), lengths.tolist())]
