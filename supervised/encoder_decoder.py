"""The network of sequence to sequence: an encoder on any sequence backbone, and a decoder that looks back at it.

Letters: B batch, S source steps, T target steps, F features of a source step, R features of a read-out, V words, M
words and ends in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from lab.backbones import (
    BahdanauAttention,
    LuongAttention,
    MultiHeadAttention,
    SequenceBackbone,
    padding_mask,
    valid_steps,
)
from lab.backbones.layers import dropout_layer
from lab.data.sequences import Padded
from lab.data.vocabulary import Vocabulary
from lab.ranges import check_least, check_name, check_share
from supervised.embedding import WordEmbedding

Cell = Literal["gru", "lstm"]
Attention = Literal["none", "bahdanau", "luong", "multihead"]


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """A decoder: a recurrent network over the words so far, which looks at the source after each."""

    cell: Cell = "gru"
    width: int = 256  # units of each layer
    num_layers: int = 1
    embedding_width: int = 128  # numbers that stand for a word
    attention: Attention = "bahdanau"  # "none": all that is known of the source is the state that decoding begins with
    attention_width: int = 128  # hidden units of bahdanau's score
    num_heads: int = 4  # of multihead
    readout_width: int = 128  # units between state and context below and the words above
    input_feeding: bool = False  # the last read-out is read beside the next word, so that steps go one by one
    dropout: float = 0.0  # share of the numbers dropped of words, states and read-outs

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_name(self.cell, get_args(Cell), "cell")
        check_name(self.attention, get_args(Attention), "attention")
        check_least(self, width=1, num_layers=1, embedding_width=1, attention_width=1, num_heads=1, readout_width=1)
        check_share(self, "dropout", whole=False)


@dataclass(frozen=True)
class Symbols:
    """What an output is made of: numbers below `total`, of which some have a meaning of their own."""

    total: int
    begin: int
    end: int
    silent: tuple[int, ...]  # what an answer never says: padding, begin, the unknown word

    @classmethod
    def of_vocabulary(cls, vocabulary: Vocabulary) -> Symbols:
        """Words and the special symbols of a vocabulary."""
        silent = (Vocabulary.padding, Vocabulary.unknown, Vocabulary.begin)
        return cls(len(vocabulary), Vocabulary.begin, Vocabulary.end, silent)

    @classmethod
    def of_labels(cls, num_labels: int) -> Symbols:
        """Labels from 0, then begin and end."""
        return cls(num_labels + 2, num_labels, num_labels + 1, (num_labels,))


class Memory(NamedTuple):
    """What was read of the source: steps [B, S, F], and True [B, 1, S] where a step is none of padding."""

    steps: Tensor
    mask: Tensor


@dataclass(frozen=True)
class DecoderState:
    """Where B outputs stand, each with its source."""

    hidden: tuple[Tensor, ...]  # [layers, B, width] of a GRU; that and the cell's of an LSTM
    readout: Tensor  # [B, R], the last
    memory: Memory

    def select(self, rows: Tensor) -> DecoderState:
        """That of the outputs at `rows` [K], of which one may stand several times."""
        rows = rows.to(self.readout.device)
        memory = Memory(self.memory.steps[rows], self.memory.mask[rows])
        return DecoderState(tuple(each[:, rows] for each in self.hidden), self.readout[rows], memory)


class EmbeddedWords(nn.Module):
    """Numbers of words [B, S] -> vectors [B, S, out_features], both padded: what a backbone reads of text."""

    def __init__(self, embedding: WordEmbedding):
        super().__init__()
        self.embedding, self.out_features = embedding, embedding.out_features

    def forward(self, words: Padded) -> Padded:
        return Padded(self.embedding(Padded(words.values[..., None], words.lengths)), words.lengths)


class EncoderDecoder(nn.Module):
    """A source [B, S, ...] and the words so far [B, T] -> read-outs [B, T, R], of which `words` makes logits [..., V].

    Without input feeding the recurrent network runs over all steps at once, and then all of them look at the source at
    once: a step's query is its own state. A read-out is tanh(W [context; state]). Source: Luong et al. 2015,
    "Effective approaches to attention-based neural machine translation", sections 3 and 3.3, which holds for each
    attention here: Bahdanau's original queries by the state before the step, and has the context enter the cell. The
    query of those that multiply is divided by the root of its width, in several heads before each divides by its own.
    """

    def __init__(self, reading: nn.Module, backbone: SequenceBackbone, config: DecoderConfig, symbols: Symbols):
        """`reading` makes of a padded source the padded steps of `out_features` that the backbone reads.

        Draws initial weights from torch's global generator, but for those of `reading` and the backbone.
        """
        super().__init__()
        self.reading, self.backbone, self.config, self.symbols = reading, backbone, config, symbols
        self.start = nn.Linear(backbone.out_features, config.num_layers * config.width)
        self.embedding = nn.Embedding(symbols.total, config.embedding_width)
        fed = config.readout_width if config.input_feeding else 0
        cell: Any = nn.GRU if config.cell == "gru" else nn.LSTM
        self.cell = cell(config.embedding_width + fed, config.width, config.num_layers, batch_first=True)
        self.attention, context = _attention(config, backbone.out_features)
        # Products of learnt vectors grow with their width, and a softmax that has become one-hot learns no more: at a
        # learning rate that suits Bahdanau's bounded score, plain products looked at the wrong words for good. Several
        # heads divide by the root of theirs besides: with that alone, which Vaswani et al. 2017 learn by after a long
        # warm-up, four come to BLEU 16 where these have 28 (translate_attention, two seeds).
        self.sharpness = 1.0 if config.attention == "bahdanau" else config.width**-0.5
        self.readout = nn.Linear(config.width + context, config.readout_width)
        self.words = nn.Linear(config.readout_width, symbols.total)
        self.dropout = dropout_layer(config.dropout)

    def encode(self, source: Padded) -> DecoderState:
        """Reads the source: what decoding begins with."""
        values, lengths = self.reading(source)
        steps = self.backbone.steps(values, lengths)
        start = self.start(self.backbone.pooled(steps, lengths)).tanh()
        hidden = start.unflatten(1, (self.config.num_layers, -1)).transpose(0, 1).contiguous()
        memory = Memory(steps, padding_mask(lengths, steps.shape[1]))
        states = (hidden,) if self.config.cell == "gru" else (hidden, torch.zeros_like(hidden))
        return DecoderState(states, hidden.new_zeros(len(steps), self.config.readout_width), memory)

    def forward(self, words: Tensor, state: DecoderState) -> tuple[Tensor, Tensor | None, DecoderState]:
        """Words [B, T] after a state -> read-outs [B, T, R], weights [B, T, S] if it looks, and the state after them.

        The weights of several heads are their mean.
        """
        vectors = self.dropout(self.embedding(words))
        if not self.config.input_feeding:
            return self._look(vectors, state)
        readouts, weights = [], []
        for t in range(words.shape[1]):
            fed = torch.cat([vectors[:, t : t + 1], state.readout[:, None]], -1)
            readout, looked, state = self._look(fed, state)
            readouts.append(readout)
            weights.append(looked)
        looks = None if self.attention is None else torch.cat([each for each in weights if each is not None], 1)
        return torch.cat(readouts, 1), looks, state

    def taught(self, source: Padded, target: Padded, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits [M, V] of all words and ends in a batch, and what they should be [M]; padding has neither.

        Each is said after the words before it: those of the target where `given` [B, T] is True (everywhere if there is
        none), else those that were said.
        """
        begin = torch.full_like(target.lengths, self.symbols.begin)[:, None]
        words, state = torch.cat([begin, target.values], 1), self.encode(source)
        readouts = self(words, state)[0] if given is None else self._said(words, given, state)
        wanted = torch.cat([target.values, torch.zeros_like(begin)], 1)
        wanted = wanted.scatter(1, target.lengths[:, None], self.symbols.end)
        # Only what counts becomes logits, by far the largest tensors here.
        counts = valid_steps(target.lengths + 1, wanted.shape[1])
        return self.words(readouts[counts]), wanted[counts]

    def _said(self, words: Tensor, given: Tensor, state: DecoderState) -> Tensor:
        """Read-outs [B, T + 1, R] where only the given ones of words [B, 1 + T] are read, and else what was said.

        Source: Bengio et al. 2015, "Scheduled sampling for sequence prediction with recurrent neural networks", with
        the likeliest word in place of a drawn one.
        """
        readouts, before = [], words[:, 0]
        for t in range(words.shape[1]):
            readout, _, state = self(before[:, None], state)
            readouts.append(readout)
            if t < given.shape[1]:
                said = self._sayable(self.words(readout[:, 0]).detach()).argmax(-1)
                before = torch.where(given[:, t], words[:, t + 1], said)
        return torch.cat(readouts, 1)

    def advance(self, words: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The last words [B] -> log-probabilities [B, V] of the next, those never said at minus infinity, and state."""
        readouts, _, state = self(words[:, None].to(state.readout.device), state)
        return self._sayable(self.words(readouts[:, 0])).log_softmax(-1), state

    def _sayable(self, logits: Tensor) -> Tensor:
        return logits.index_fill(-1, torch.tensor(self.symbols.silent, device=logits.device), -torch.inf)

    def _look(self, inputs: Tensor, state: DecoderState) -> tuple[Tensor, Tensor | None, DecoderState]:
        """Runs the cell over the steps [B, T, ...] and looks at the source from each."""
        before = state.hidden[0] if self.config.cell == "gru" else state.hidden
        hidden, after = self.cell(inputs, before)
        hidden, weights = self.dropout(hidden), None
        seen = hidden
        if self.attention is not None:
            steps, mask = state.memory
            context, weights = self.attention(hidden * self.sharpness, steps, steps, mask)
            seen = torch.cat([context, hidden], -1)
            weights = weights.mean(1) if weights.ndim == 4 else weights
        readouts = self.dropout(self.readout(seen).tanh())
        after = (after,) if self.config.cell == "gru" else after
        return readouts, weights, DecoderState(after, readouts[:, -1], state.memory)


def _attention(config: DecoderConfig, key_features: int) -> tuple[nn.Module | None, int]:
    """The attention and the features of the context that it gives; none and 0 if nothing is looked at."""
    match config.attention:
        case "none":
            return None, 0
        case "bahdanau":
            return BahdanauAttention(config.width, key_features, features=config.attention_width), key_features
        case "luong":
            return LuongAttention(config.width, key_features, score="general"), key_features
        case "multihead":
            return MultiHeadAttention(config.width, config.num_heads, key_features=key_features), config.width
