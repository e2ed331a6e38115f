"""A text in windows: its characters as numbers, every one a label once, and exact positions in the stream."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lab.data.catalogue import load_as
from lab.data.corpus import Corpus, RandomWindows, first_and_rest, read_corpus, windows
from lab.seeding import Seeds

TEXT = torch.arange(30)  # each symbol says where it stands


def test_characters_are_numbered_by_code_point() -> None:
    vocabulary, numbers = Corpus("ba\nb😀é").numbered()
    assert vocabulary.symbols == ("\n", "a", "b", "é", "😀")
    assert numbers.tolist() == [2, 1, 0, 2, 4, 3]
    assert numbers.dtype == torch.int64
    assert "".join(vocabulary.decode(numbers.tolist())) == "ba\nb😀é"


def test_an_excerpt_says_how_much_there_is_and_how_it_begins() -> None:
    excerpt = Corpus("ab" * 1_000).excerpt()
    assert excerpt.startswith("2,000 characters, 2 different ones:\n\nabab")
    assert len(excerpt) < 600


@pytest.mark.parametrize("name", ["own.txt", "own.txt.gz"])
def test_a_text_of_ones_own_keeps_its_line_ends(name: str, tmp_path: Path) -> None:
    content = "Ein Satz.\r\nNoch einer: äöü.\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    corpus = read_corpus(str(tmp_path / name))
    assert corpus.text == "Ein Satz.\r\nNoch einer: äöü.\n"
    assert len(corpus) == 28


@pytest.mark.parametrize(
    ("content", "why"),
    [(b" \n", "is empty, so there is nothing to learn from"), (b"a\n\xff", "line 2: the byte 0xff is not UTF-8")],
)
def test_a_text_that_cannot_be_read_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_bytes(content)
    with pytest.raises(ValueError, match=why):
        read_corpus(tmp_path / "own.txt")


def test_tiny_shakespeare_is_as_its_publisher_says() -> None:
    corpus = load_as("tiny_shakespeare", Corpus)
    vocabulary, numbers = corpus.numbered()
    assert (len(corpus), len(vocabulary)) == (1_115_394, 65)
    assert corpus.text.startswith("First Citizen:\nBefore we proceed any further, hear me speak.")
    # nanoGPT's data/shakespeare_char/prepare.py finds 1,003,854 characters to train on and 111,540 to validate on.
    assert [len(part) for part in first_and_rest(numbers, 0.9)] == [1_003_854, 111_540]


def test_the_first_and_the_rest_are_the_whole() -> None:
    first, rest = first_and_rest(TEXT, 0.9)
    assert torch.equal(first, torch.arange(27))
    assert torch.equal(rest, torch.arange(27, 30))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 90.0])
def test_a_share_that_is_none(share: float) -> None:
    with pytest.raises(ValueError, match=rf"share is {share}, but it parts a text in two\. Set it between 0 and 1"):
        first_and_rest(TEXT, share)


@pytest.mark.parametrize(("num_steps", "count"), [(4, 7), (7, 4), (29, 1), (1, 29)])
def test_every_symbol_but_the_first_is_a_label_once(num_steps: int, count: int) -> None:
    found = windows(TEXT, num_steps)
    assert found.inputs.shape == found.labels.shape == (count, num_steps)
    assert torch.equal(found.labels, found.inputs + 1)
    assert found.labels.flatten().tolist() == list(range(1, count * num_steps + 1))
    assert 29 - count * num_steps < num_steps  # what is left out would not fill a window


def test_a_text_that_is_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has 30 symbols, but a window is 30 long and .* Give a longer text, or sho"):
        windows(TEXT, 30)
    with pytest.raises(ValueError, match="Give a longer text"):
        RandomWindows(TEXT, 2, 30, Seeds(0))
    with pytest.raises(ValueError, match="batch_size is 0, but an update learns from one window or more"):
        RandomWindows(TEXT, 0, 4, Seeds(0))


def stream(seed: int = 0) -> Callable[[], tuple[Tensor, Tensor]]:
    return RandomWindows(TEXT, 5, 4, Seeds(seed)).next


def test_windows_are_drawn_from_everywhere_equally_often() -> None:
    draw = stream()
    counts = torch.zeros(30)
    for _ in range(2_000):
        inputs, labels = draw()
        assert inputs.shape == labels.shape == (5, 4)
        assert torch.equal(inputs, inputs[:, :1] + torch.arange(4))
        assert torch.equal(labels, inputs + 1)
        counts += torch.bincount(inputs[:, 0], minlength=30)
    # They begin at 0 to 25, each 10,000 / 26 = 384.6 times, standard deviation 19.2; five of them: 96.
    assert (counts[:26] - 10_000 / 26).abs().max() < 96
    assert counts[26:].tolist() == [0.0] * 4


def test_the_windows_depend_on_the_seeds_alone() -> None:
    torch.manual_seed(1)
    first = [stream(1)()[0].tolist() for _ in range(1)]
    torch.manual_seed(2)
    assert [stream(1)()[0].tolist() for _ in range(1)] == first
    assert [stream(2)()[0].tolist() for _ in range(1)] != first


@pytest.mark.parametrize("position", [0, 1, 7])
def test_a_position_is_gone_on_from_exactly(position: int) -> None:
    straight, resumed = (RandomWindows(TEXT, 5, 4, Seeds(3)) for _ in range(2))
    drawn = [straight.next()[0] for _ in range(position)]
    assert len({str(batch.tolist()) for batch in drawn}) == position  # no batch comes again
    resumed.load_state_dict(straight.state_dict())
    for _ in range(4):
        assert torch.equal(straight.next()[0], resumed.next()[0])
