"""Sequence to sequence: what is read whole is answered word by word, until an end symbol.

The source can be anything that a sequence backbone reads (words, sound); the output is words of a vocabulary or other
numbered labels. Sources: Sutskever et al. 2014, "Sequence to sequence learning with neural networks"; Bahdanau et al.
2015; Luong et al. 2015.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from lab.backbones import SequenceBackbone
from lab.data.sequences import Padded, Ragged, SequenceSet, refuse_examples
from lab.one_network import OneNetwork
from lab.optim import Descent, OptimizerConfig
from lab.probe import Case, Expectation
from lab.ranges import check_least, check_share
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Metrics
from supervised.decoding import DecodingConfig, Found, decode_greedily, search_beam
from supervised.encoder_decoder import DecoderConfig, EncoderDecoder, Symbols
from supervised.losses import cross_entropy

NEAR = 0.5  # nats that the first loss may lie from that of even odds


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig:
    """How a model of sequence to sequence is built, learns and answers."""

    decoder: DecoderConfig = DecoderConfig()
    optimizer: OptimizerConfig = OptimizerConfig(max_norm=1.0)
    teacher_forcing: float = 1.0  # share of the words that are read as they should be, not as the model said them
    label_smoothing: float = 0.0  # in [0, 1): the share of a word spread over all words
    decoding: DecodingConfig = DecodingConfig()  # when judged
    evaluation_batch: int = 128  # sequences at a time when judging

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_share(self, "teacher_forcing")
        check_share(self, "label_smoothing", whole=False)
        check_least(self, evaluation_batch=1)


class Judge(Protocol):
    """Holds the outputs for a whole set to what they should be."""

    def __call__(self, outputs: Sequence[Sequence[int]], dataset: SequenceSet) -> Metrics:
        """The scores of the outputs, one an example."""
        ...


class Seq2Seq(OneNetwork):
    """Learns to answer a source with a target, both of any length.

    A batch, and a data set, has a field of sources and one of targets [T] int64 without begin and end.
    """

    network: EncoderDecoder

    def __init__(
        self,
        config: Seq2SeqConfig,
        reading: nn.Module,
        backbone: SequenceBackbone,
        symbols: Symbols,
        seeds: Seeds,
        device: torch.device | str = "cpu",
        *,
        judge: Judge | None = None,
    ):
        """`reading` makes of a padded source what the backbone reads. Without a judge, answers are not asked for.

        The decoder's initial weights are drawn from the stream seq2seq/decoder.
        """
        self.config, self.symbols, self.seeds, self.judge = config, symbols, seeds, judge
        self.backbone, self.device = backbone, torch.device(device)
        with seeds.initialising("seq2seq/decoder"):
            self.network = EncoderDecoder(reading, backbone, config.decoder, symbols).to(device)
        self.descent = Descent(self.network.parameters(), config.optimizer, shares=shares(backbone))

    def update(self, batch: tuple[Padded, ...]) -> Metrics:
        """One gradient step; the loss is in nats a word, the end symbol among them."""
        source, target = batch[:2]
        if not self.network.training:
            self.network.train()
        logits, wanted = self.network.taught(source, target, self._given(target))
        loss = cross_entropy(logits, wanted, self.config.label_smoothing).mean()
        measured = self.descent.descend(loss)
        return {"loss": loss.detach(), **measured}

    def _given(self, target: Padded) -> Tensor | None:
        """Which words are read as they should be, [B, T]; none: all. A function of seeds and update, to resume."""
        if self.config.teacher_forcing == 1:
            return None
        generator = self.seeds.generator(f"teacher/{self.descent.updates}")
        return (torch.rand(target.values.shape, generator=generator) < self.config.teacher_forcing).to(self.device)

    def answer(self, source: Padded, decoding: DecodingConfig | None = None) -> list[list[Found]]:
        """Of each source the outputs found, best first: one if decoding is greedy, else as many as the beam is wide."""
        decoding = decoding or self.config.decoding
        begin, end, count = self.symbols.begin, self.symbols.end, len(source.lengths)
        with self.descent.judging(self.network):
            state = self.network.encode(source)
            if decoding.beam_width > 1:
                return search_beam(self.network.advance, state, count, begin, end, decoding)
            advance = self.network.advance
            return [[f] for f in decode_greedily(advance, state, count, begin, end, decoding.longest)]

    def weights(self, source: Padded, output: Sequence[int]) -> Tensor | None:
        """Where each word of an output to one source [1, S], its end included, looks: [T + 1, S']; none if it does not.

        S' are the steps that the backbone reads.
        """
        with self.descent.judging(self.network):
            words = torch.tensor([[self.symbols.begin, *output]], device=self.device)
            weights = self.network(words, self.network.encode(source))[1]
        return None if weights is None else weights[0]

    def evaluate(self, dataset: SequenceSet) -> Metrics:
        """The loss in nats a word, its exponential, perplexity, and how a judge finds the outputs.

        The loss is that of the next word where all words so far are as they should be.
        """
        losses = []
        outputs: list[list[int]] = [[] for _ in range(len(dataset))]
        # Those of a length together, so that nobody waits for one long output.
        for indices in dataset.lengths.argsort(stable=True).split(self.config.evaluation_batch):
            source, target = (cast(Padded, each) for each in dataset.batch(indices)[:2])
            with self.descent.judging(self.network):
                losses.append(cross_entropy(*self.network.taught(source, target)))
            if self.judge is not None:
                for i, found in zip(indices.tolist(), self.answer(source)):
                    outputs[i] = found[0].words
        loss = torch.cat(losses).mean()
        metrics: Metrics = {"loss": loss, "perplexity": loss.exp()}
        return metrics if self.judge is None else metrics | self.judge(outputs, dataset)

    def check(self, training: SequenceSet, evaluation: Mapping[str, SequenceSet]) -> None:
        """Raises ValueError, naming part and example, for a source without steps, a target longer than an output can
        be, and a number that is no word.
        """
        for part, dataset in {"training": training, **evaluation}.items():
            target = dataset.fields[1] if len(dataset.fields) > 1 else None
            if not isinstance(target, Ragged):
                raise ValueError(f"The {part} part has no field of targets. Give it sources and targets, both ragged.")
            longest = self.config.decoding.longest
            refuse_examples(dataset.lengths < 1, part, "has a source without steps. Leave it out.")
            refuse_examples(
                target.lengths + 1 > longest,
                part,
                f"has a target longer than {longest} words, the end symbol counted, which is as long as an output can "
                "be. Leave it out, or raise decoding.longest.",
            )
            refuse_examples(
                target.any_step((target.values < 0) | (target.values >= self.symbols.total)),
                part,
                f"has a target number that is not from 0 to {self.symbols.total - 1}. Number targets by the symbols "
                "that the learner was given.",
            )

    def probe_case(self, dataset: SequenceSet) -> Case:
        """The network with the loss that it descends, all words given, penalties included.

        Less what smoothing costs however well the words are known, so that it can reach 0.
        """
        indices = torch.arange(len(dataset), device=dataset.lengths.device)
        source, target = (cast(Padded, each) for each in dataset.batch(indices)[:2])
        penalty, smoothing = self.config.optimizer.penalty, self.config.label_smoothing
        least = least_cross_entropy(self.symbols.total, smoothing)

        def loss(network: nn.Module, inputs: Tensor) -> Tensor:
            logits, wanted = cast(EncoderDecoder, network).taught(Padded(inputs, source.lengths), target)
            return cross_entropy(logits, wanted, smoothing).mean() - least + penalty(network.parameters())

        def outputs(network: nn.Module, inputs: Tensor) -> Tensor:
            words = target.values[: len(inputs)]
            return network(words, cast(EncoderDecoder, network).encode(Padded(inputs, source.lengths[: len(inputs)])))[
                0
            ]

        even = math.log(self.symbols.total) - least
        expected = Expectation(
            loss=even,
            reason=f"log of {self.symbols.total} words" + (f", less {least:.4g} for smoothing" if smoothing else ""),
            low=even - NEAR,
            high=even + NEAR,
            penalty=float(penalty(self.network.parameters()).detach()),
        )
        return Case(self.network, source.values, loss, expected, outputs)


def least_cross_entropy(num_classes: int, label_smoothing: float) -> float:
    """What the loss comes to where the right classes are known: the entropy of a smoothed label, in nats."""
    label = torch.full((num_classes,), label_smoothing / num_classes, dtype=torch.float64)
    label[0] += 1 - label_smoothing
    return float(torch.special.entr(label).sum())
