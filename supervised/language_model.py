"""A language model: which symbol comes next, of a text in windows, on any backbone that does not see the future.

Sources: Bengio et al. 2003, "A neural probabilistic language model"; Graves 2013, "Generating sequences with recurrent
neural networks", section 2 (characters); Radford et al. 2018 for the transformer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from lab.backbones import Recurrent, SequenceBackbone
from lab.backbones.recurrent import Memory
from lab.data import Dataset, Vocabulary
from lab.one_network import OneNetwork, Updating
from lab.optim import OptimizerConfig
from lab.precision import autocast_bfloat16, warn_if_imitated
from lab.probe import Case, Expectation
from lab.ranges import check_least
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Manner, Metrics
from supervised.losses import correct, cross_entropy


@dataclass(frozen=True, kw_only=True)
class LanguageModelConfig:
    """How a language model learns."""

    optimizer: OptimizerConfig = OptimizerConfig(max_norm=1.0)
    evaluation_batch: int = 256  # windows at a time when judging
    bfloat16: bool = False  # compute in bfloat16, with weights and loss in float32 (Micikevicius et al. 2018)

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, evaluation_batch=1)


class NextSymbol(nn.Module):
    """Symbols int64 [B, T] -> logits [B, T, symbols] of the one that follows each."""

    def __init__(self, backbone: SequenceBackbone, num_symbols: int):
        """The backbone's input_shape is (longest window, width of a symbol's vector)."""
        super().__init__()
        self.embedding = nn.Embedding(num_symbols, backbone.input_shape[1])
        self.backbone = backbone
        self.head = nn.Linear(backbone.out_features, num_symbols)

    def forward(self, symbols: Tensor) -> Tensor:
        return self.head(self.backbone.steps(self.embedding(symbols)))

    def carry(self, symbols: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """As `forward`, of symbols that go on where a recurrent backbone's memory ended, and its memory after them."""
        steps, memory = cast(Recurrent, self.backbone).carry(self.embedding(symbols), memory)
        return self.head(steps), memory


class LanguageModel(OneNetwork):
    """Learns to name the next symbol at every place of a window.

    When it speaks, a recurrent network carries its memory from symbol to symbol, so that each costs the same; the
    window of any other slides: what it says next depends on the last symbols that fit into one.
    """

    network: NextSymbol
    updating: Updating
    mean_over_examples = True

    def __init__(
        self,
        config: LanguageModelConfig,
        backbone: SequenceBackbone,
        vocabulary: Vocabulary,
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ):
        """Raises ValueError for a backbone that sees the future, which would only have to copy it."""
        if not backbone.causal:
            raise ValueError(
                f"The {type(backbone).__name__} sees the steps that it is to name. Set causal to True for a "
                "transformer, or bidirectional to False for a recurrent network."
            )
        if config.bfloat16:
            warn_if_imitated(device)
        self.config, self.vocabulary, self.backbone = config, vocabulary, backbone
        self.context = backbone.input_shape[0]
        self.device = torch.device(device)
        with seeds.initialising("language_model"):
            self.network = NextSymbol(backbone, len(vocabulary)).to(device)
        self.updating = self.descend_by(config.optimizer, self._update, device, shares(backbone))

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        """One gradient step on (symbols [B, T], the next symbols [B, T])."""
        return self.updating(batch)

    def _update(self, symbols: Tensor, following: Tensor) -> Metrics:
        loss = cross_entropy(self._logits(symbols).flatten(0, 1), following.flatten()).mean()
        measured = self.descent.descend(loss)
        return {"loss": loss.detach(), **measured}

    def predict(self, symbols: Tensor) -> Tensor:
        """Logits [B, T, symbols] with dropout off."""
        with self.descent.judging(self.network):
            return self._logits(symbols)

    def _logits(self, symbols: Tensor) -> Tensor:
        return autocast_bfloat16(self.network, symbols) if self.config.bfloat16 else self.network(symbols)

    def evaluate(self, dataset: Dataset) -> Metrics:
        """Over every place of all windows: loss in nats a symbol, the same in bits, and the share that is named."""
        losses, hits = [], []
        for symbols, following in dataset.chunks(self.config.evaluation_batch):
            logits = self.predict(symbols).flatten(0, 1)
            losses.append(cross_entropy(logits, following.flatten()))
            hits.append(correct(logits, following.flatten()))
        loss = torch.cat(losses).mean()
        return {"loss": loss, "bits": loss / math.log(2), "accuracy": torch.cat(hits).mean()}

    def reply(self, prompt: str, manner: Manner) -> str:
        """The prompt, and how the model goes on: `manner.length` characters, each drawn in turn.

        Raises ValueError for a character that it was not taught.
        """
        return prompt + "".join(self.vocabulary.decode(self.continued(self.vocabulary.encode(prompt), manner)))

    def continued(self, symbols: list[int], manner: Manner) -> list[int]:
        """The next `manner.length` symbols, the draws fixed by its seed; after nothing, the first symbol is any."""
        generator = torch.Generator().manual_seed(manner.seed)
        known, first = list(symbols), len(symbols)
        if not known:
            known.append(int(torch.randint(len(self.vocabulary), (), generator=generator)))
        unread, memory = known, None  # what a recurrent network keeps of those that it has read
        while len(known) < first + manner.length:
            with self.descent.judging(self.network):
                if isinstance(self.backbone, Recurrent):
                    logits, memory = self.network.carry(torch.tensor([unread], device=self.device), memory)
                else:
                    logits = self._logits(torch.tensor([known[-self.context :]], device=self.device))
            unread = [manner.draw(logits[0, -1].float().cpu(), generator)]
            known += unread
        return known[first:]

    def probe_case(self, dataset: Dataset) -> Case:
        """The network with its loss; what it says at a place must depend on the symbols up to there alone."""
        following = dataset.labels

        def loss(network: nn.Module, symbols: Tensor) -> Tensor:
            return cross_entropy(network(symbols).flatten(0, 1), following.flatten()).mean()

        expected = Expectation.of_classes(len(self.vocabulary), following.flatten())
        return Case(self.network, dataset.inputs, loss, expected, causal=True)
