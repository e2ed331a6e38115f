"""Text in, text out."""

from __future__ import annotations

import pytest
import torch

from lab.backbones import RecurrentConfig
from lab.data.buckets import BucketedBatches
from lab.data.numbered_pairs import PairNumbers, PairsConfig
from lab.data.pairs import PairedText
from lab.optim import OptimizerConfig
from lab.seeding import Seeds
from lab.trial import Manner, Speaker
from supervised.decoding import DecodingConfig
from supervised.embedding import EmbeddingConfig, WordEmbedding
from supervised.encoder_decoder import Attention, DecoderConfig, EmbeddedWords
from supervised.interpreter import Interpreter, attention_pictures, conversation, quoted
from supervised.seq2seq import Seq2SeqConfig

PAIRS = PairedText(
    ("Le chat dort.", "Le chien dort.", "Le chat mange.", "Qui dort ?"),
    ("The cat sleeps.", "The dog sleeps.", "The cat eats.", "Who sleeps?"),
)


def interpreter(attention: Attention = "bahdanau", updates: int = 60) -> Interpreter:
    seeds = Seeds(0)
    numbers, (training,) = PairNumbers.of(PairsConfig(least=1, longest=6), PAIRS)
    with seeds.initialising("network"):
        reading = EmbeddedWords(WordEmbedding(EmbeddingConfig(width=8), (len(numbers.source),)))
        backbone = RecurrentConfig(cell="gru", width=8, bidirectional=True).build((6, 8))
    config = Seq2SeqConfig(
        decoder=DecoderConfig(width=16, embedding_width=8, attention_width=8, readout_width=16, attention=attention),
        optimizer=OptimizerConfig(learning_rate=2e-2, max_norm=1.0),
        decoding=DecodingConfig(longest=10),
    )
    learner = Interpreter(config, reading, backbone, numbers, seeds)
    batches = BucketedBatches(training, 4, seeds)
    for _ in range(updates):
        learner.update(batches.next())
    return learner


@pytest.fixture(scope="module")
def trained() -> Interpreter:
    return interpreter()


def test_a_prompt_is_answered_in_text(trained: Interpreter) -> None:
    assert isinstance(trained, Speaker)
    assert trained.reply("Le chien dort.", Manner()) == "the dog sleeps."
    assert trained.reply("QUI dort ?", Manner(beam=3)) == "who sleeps?"
    assert trained.reply("Le chien dort.", Manner(length=2)) == "the dog"


def test_a_beam_gives_several_answers_the_best_first(trained: Interpreter) -> None:
    found = trained.replies("Le chat mange.", DecodingConfig(beam_width=3, longest=10))
    assert len(found) == 3
    assert found[0] == "the cat eats."


def test_unknown_words_are_read_as_unknown_and_never_said(trained: Interpreter) -> None:
    said = trained.reply("Le hérisson dort.", Manner())
    assert said
    assert "<" not in said


def test_a_prompt_longer_than_the_model_was_trained_on_is_refused(trained: Interpreter) -> None:
    with pytest.raises(ValueError, match=r"has 7 words and signs, but the model was trained on at most 6.*Give it a"):
        trained.reply("Le chat dort, le chat mange", Manner())


def test_a_prompt_without_words_is_refused(trained: Interpreter) -> None:
    with pytest.raises(ValueError, match="nothing to answer"):
        trained.reply("   ", Manner())


def test_what_was_looked_at_fits_the_words(trained: Interpreter) -> None:
    source, answer, weights = trained.look("Le chat dort.")
    assert (source, answer) == (["le", "chat", "dort", "."], ["the", "cat", "sleeps", "."])
    assert weights is not None
    assert weights.shape == (5, 4)
    torch.testing.assert_close(weights.sum(1), torch.ones(5))


def test_pictures_say_what_was_answered(trained: Interpreter) -> None:
    pictures = attention_pictures(trained, ["Le chat dort.", "Qui dort ?"])
    assert list(pictures) == ["attention-1", "attention-2"]
    assert "'Qui dort ?'" in pictures["attention-2"].caption
    assert attention_pictures(interpreter("none", updates=0), ["Le chat dort."]) == {}


def test_answers_are_quoted_beside_what_was_meant(trained: Interpreter) -> None:
    assert quoted(trained, PAIRS.subset(torch.tensor([0, 3]))).text == (
        "       Le chat dort.\nsaid:  the cat sleeps.\nmeant: The cat sleeps.\n\n"
        "       Qui dort ?\nsaid:  who sleeps?\nmeant: Who sleeps?"
    )


def test_a_conversation_shows_the_answers_found(trained: Interpreter) -> None:
    assert conversation(trained, ["Qui dort ?"]).text == "Qui dort ?\n  - who sleeps?"
