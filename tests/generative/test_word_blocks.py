"""Blocks of a text: thinned out as the formula says, in order, and gone on with exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch

import generative.word_blocks
from generative.word_blocks import BlocksConfig, WordBlocks, contexts_within, kept
from lab.data.word_stream import Lexicon, NumberedText
from lab.seeding import Seeds


def blocks(sentences: Sequence[Sequence[str]], seed: int = 0, **settings: float) -> WordBlocks:
    lexicon = Lexicon.of(sentences, least=1)
    config = BlocksConfig(**{"window": 2, "sample": 0.0, "block": 32} | settings)  # type: ignore[arg-type]
    return WordBlocks(config, NumberedText.of(sentences, lexicon), lexicon, Seeds(seed))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generative.word_blocks, "PIECE", 50)


SENTENCES = [[f"w{(3 * i + j) % 17}" for j in range(3 + i % 5)] for i in range(40)]  # 200 words


def test_nothing_is_lost_and_the_order_stays_from_epoch_to_epoch() -> None:
    source = blocks(SENTENCES)
    lexicon = Lexicon.of(SENTENCES, least=1)
    told = []
    for _ in range(25):  # four epochs
        words, before, after = source.next()
        assert len(words) == 32 + 2 * 2
        assert len(before) == len(after) == 32
        told += [lexicon.words[i] for i in words[2:-2]]
    assert told == [word for sentence in SENTENCES for word in sentence] * 4


def test_contexts_are_within_reach_and_in_the_same_sentence() -> None:
    source = blocks(SENTENCES, window=4)
    lengths = [len(sentence) for _ in range(4) for sentence in SENTENCES]
    room_before = [i for length in lengths for i in range(length)]
    room_after = [length - 1 - i for length in lengths for i in range(length)]
    reached = []
    for number in range(25):
        _, before, after = source.next()
        for i in range(32):
            place, counts = number * 32 + i, (int(before[i]), int(after[i]))
            reach = max(counts)
            reached.append((reach, room_before[place], room_after[place]))
            if reach < max(room_before[place], room_after[place]):
                assert counts == (min(reach, room_before[place]), min(reach, room_after[place]))
            else:  # it may reach further than there are words
                assert counts[0] in (reach, room_before[place])
                assert counts[1] in (reach, room_after[place])
                assert counts[0] <= room_before[place]
                assert counts[1] <= room_after[place]
    assert max(reach for reach, *_ in reached) == 4


def test_contexts_by_hand() -> None:
    # Sentences of 3, 1 and 4 words.
    sentences, reach = torch.tensor([5, 5, 5, 7, 8, 8, 8, 8]), torch.tensor([2, 1, 1, 3, 3, 2, 9, 2])
    before, after = contexts_within(sentences, reach)
    assert before.tolist() == [0, 1, 1, 0, 0, 1, 2, 2]
    assert after.tolist() == [2, 1, 0, 0, 3, 2, 1, 0]


def test_margins_are_the_words_around_the_block() -> None:
    source = blocks(SENTENCES)
    first, second = source.next(), source.next()
    assert first[1][0] == 0, "nothing lies before the text"
    assert torch.equal(second[0][:4], first[0][-4:])


def test_the_probability_of_staying_by_hand() -> None:
    # f = 0.9, 0.09, 0.01; t = 0.01: (sqrt(90) + 1) / 90, (3 + 1) / 9, (1 + 1) / 1 cut to 1.
    found = kept(torch.tensor([90, 9, 1]), 0.01)
    assert found.tolist() == pytest.approx([(math.sqrt(90) + 1) / 90, 4 / 9, 1.0])
    assert kept(torch.tensor([90, 9, 1]), 0.0).tolist() == [1, 1, 1]


def test_frequent_words_are_thinned_out_as_often_as_that() -> None:
    sentences = [["often"] * 90 + ["seldom"] * 10] * 20
    source = blocks(sentences, sample=0.1)
    expected = kept(torch.tensor([1800, 200]), 0.1)
    words = torch.cat([source.next()[0][2:-2] for _ in range(200)])
    ratio = float((words == 0).sum() / (words == 1).sum())
    assert ratio == pytest.approx(9 * float(expected[0] / expected[1]), rel=0.15)
    assert source.epochs == pytest.approx(200 * 32 / source.words_per_epoch)


def test_reach_is_uniform_from_1_to_the_window() -> None:
    source = blocks([["a", "b"] * 500] * 3, window=4)
    reach = torch.cat([source.next()[1] for _ in range(100)])
    share = torch.bincount(reach) / len(reach)
    assert share.tolist() == pytest.approx([0] + [0.25] * 4, abs=0.03)


@pytest.mark.parametrize("passed", [0, 1, 7, 40])
def test_it_goes_on_exactly_from_any_block(passed: int) -> None:
    whole = blocks(SENTENCES, sample=0.02)
    for _ in range(passed):
        whole.next()
    state = whole.state_dict()
    resumed = blocks(SENTENCES, sample=0.02)
    resumed.load_state_dict(state)
    for _ in range(9):
        for ours, theirs in zip(resumed.next(), whole.next(), strict=True):
            assert torch.equal(ours, theirs)


def test_another_seed_draws_another_text() -> None:
    ours, theirs = blocks(SENTENCES, sample=0.02).next(), blocks(SENTENCES, 1, sample=0.02).next()
    assert not torch.equal(ours[0], theirs[0])


def test_a_text_of_which_nothing_would_stay_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sample is 1e-100, with which 0 words are expected to stay .* Raise it"):
        blocks(SENTENCES, sample=1e-100)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"window": 0}, "window is 0, but a word has a context of one word or more"),
        ({"window": 17}, "meets at most 16 on each side"),
        ({"sample": -1.0}, "sample is -1.0, but it is a frequency"),
        ({"block": 50}, "block is 50, but a block is made of bands of 32 words"),
    ],
)
def test_settings_out_of_range(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        BlocksConfig(**settings)  # type: ignore[arg-type]
