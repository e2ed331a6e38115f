"""Texts larger than memory as numbers: by hand, over the seams of pieces, and what is refused."""

from __future__ import annotations

import gzip
import lzma
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lab.data import word_stream
from lab.data.catalogue import text_file
from lab.data.word_stream import Lexicon, NumberedText, count_words, number_words, read_words

TEXT = "the cat sat on the mat\n\n  the\tdog\u00a0sat \ncat é"
SENTENCES = [["the", "cat", "sat", "on", "the", "mat"], [], ["the", "dog", "sat"], ["cat", "é"]]
ENDINGS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".XZ": lzma.compress}


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_words_are_counted_and_numbered(ending: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"text{ending}", ENDINGS[ending](TEXT.encode()))
    lexicon = count_words(str(path), least=2)
    assert lexicon.words == ("the", "cat", "sat")  # three times; twice, sorted as text
    assert (lexicon.counts.tolist(), lexicon.counts.dtype) == ([3, 2, 2], torch.int64)
    assert (lexicon.total, len(lexicon)) == (11, 3)
    numbered = number_words(str(path), lexicon, tmp_path / "folder" / "numbers")
    assert numbered.numbers.tolist() == [0, 1, 2, 0, -1, -1, 0, 2, -1, 1, -1]
    assert (len(numbered), numbered.num_words) == (11, 7)
    assert np.fromfile(tmp_path / "folder" / "numbers", "<i4").tolist() == numbered.numbers.tolist()
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["numbers"]
    at_once, text = read_words(str(path), least=2)
    assert (at_once.words, at_once.counts.tolist(), at_once.total) == (lexicon.words, [3, 2, 2], 11)
    assert text.numbers.tolist() == numbered.numbers.tolist()
    assert number_words(str(path), lexicon, tmp_path / "so.gz").numbers.tolist() == numbered.numbers.tolist()


def test_sentences_in_memory_are_as_lines_of_a_file(tmp_path: Path) -> None:
    path = written(tmp_path / "text", TEXT + "\n")
    lexicon, of_file = Lexicon.of(SENTENCES, least=2), count_words(path, least=2)
    assert (lexicon.words, lexicon.total) == (of_file.words, of_file.total)
    assert torch.equal(lexicon.counts, of_file.counts)
    mapped = number_words(path, lexicon, tmp_path / "numbers").numbers
    assert NumberedText.of(iter(SENTENCES), lexicon).numbers.tolist() == mapped.tolist()


def test_the_most_frequent_words_are_kept() -> None:
    lexicon = Lexicon.of([["c", "b", "a", "b", "c", "d", "d", "d"]], least=1, most=3)
    assert (lexicon.words, lexicon.counts.tolist(), lexicon.total) == (("d", "b", "c"), [3, 2, 2], 8)


@pytest.mark.parametrize("piece", [9, 10, 11, 12, 64])
def test_words_and_lines_over_the_seams_of_pieces_stay_whole(
    piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "text", "\ufeff" + TEXT * 3)
    whole = count_words(path, least=1)
    numbered = number_words(path, whole, tmp_path / "whole").numbers.tolist()
    monkeypatch.setattr(word_stream, "PIECE", piece)
    pieces = count_words(path, least=1)
    assert (pieces.words, pieces.counts.tolist()) == (whole.words, whole.counts.tolist())
    again = number_words(path, pieces, tmp_path / "pieces")
    assert again.numbers.tolist() == numbered
    assert again.num_words == sum(number >= 0 for number in numbered)
    for least, most in ((1, None), (4, None), (1, 3)):
        counted = count_words(path, least, most)
        at_once, text = read_words(path, least, most)
        assert (at_once.words, at_once.total) == (counted.words, counted.total)
        assert torch.equal(at_once.counts, counted.counts)
        assert text.numbers.tolist() == number_words(path, counted).numbers.tolist()


def test_a_slice_is_a_copy_and_ends_with_the_text(tmp_path: Path) -> None:
    lexicon = Lexicon.of(SENTENCES, least=1)
    mapped = number_words(written(tmp_path / "text", TEXT), lexicon, tmp_path / "numbers")
    for text in (NumberedText.of(SENTENCES, lexicon), mapped):
        numbers = text.numbers[4:7].tolist()
        found = text.slice(4, 7)
        assert (found.tolist(), found.dtype) == (numbers, torch.int32)
        found.fill_(7)
        assert text.numbers[4:7].tolist() == numbers
        assert text.slice(len(text) - 2, len(text) + 5).tolist() == text.numbers[-2:].tolist()


def test_numbers_without_a_place_lie_on_the_disk_under_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    path = written(tmp_path / "text", TEXT)
    lexicon = count_words(path, least=2)
    numbered = number_words(path, lexicon)
    assert isinstance(numbered.numbers, np.memmap)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert numbered.numbers.tolist() == number_words(path, lexicon, tmp_path / "numbers").numbers.tolist()
    assert isinstance(read_words(path, least=2)[1].numbers, np.memmap)
    assert list((tmp_path / "temporary").iterdir()) == []
    with pytest.raises(ValueError, match="text has no word that the lexicon has"):
        number_words(written(tmp_path / "text", "der Hund\n"), lexicon)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty, so there is nothing to learn from"),
        (b" \n\t\n", "is empty, so there is nothing to learn from"),
        (
            b"word word\nword word word\n",
            "has a vocabulary of 1, of 1 that occur at least 5 times, but a word cannot be ",
        ),
        (b"a b c d", "has a vocabulary of 4, of 0 that occur at least 5 times.*Give a longer text, or lower least"),
        (b"a\nb\nc \xe9 d\n", r"line 3: the byte 0xe9 is not UTF-8\. Save the file as UTF-8"),
    ],
)
def test_a_text_that_gives_no_vocabulary(content: bytes, why: str, tmp_path: Path) -> None:
    for read in (count_words, read_words):
        with pytest.raises(ValueError, match=f"text.*{why}"):
            read(written(tmp_path / "text", content))


def test_the_line_of_a_bad_byte_is_counted_over_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_stream, "PIECE", 8)
    with pytest.raises(ValueError, match=r"text, line 21: the byte 0xff"):
        count_words(written(tmp_path / "text", b"one two\n" * 20 + b"three \xff\n"))
    with pytest.raises(ValueError, match=r"text, line 2 has 16 bytes without white space.*Part the text"):
        count_words(written(tmp_path / "text", b"one two\n" + b"x" * 30))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no file .*absent\. Check the path"):
        count_words(tmp_path / "absent")
    with pytest.raises(ValueError, match="is a folder, but one file is read"):
        count_words(tmp_path)
    for name, kind in (("t.gz", "gzip"), ("t.xz", "xz")):
        packed = ENDINGS[name[1:].replace("xz", "XZ")](TEXT.encode())
        for content in (packed[:-9], b"plain text"):
            with pytest.raises(ValueError, match=rf"{name} is no whole {kind} file \(.+\)\. Pack or copy it again"):
                count_words(written(tmp_path / name, content))


@pytest.mark.parametrize(("least", "most"), [(0, None), (1, 1), (-1, 5)])
def test_limits_that_are_none(least: int, most: int | None) -> None:
    with pytest.raises(ValueError, match=f"least is {least} and most {most}, but .* Raise them"):
        Lexicon.of(SENTENCES, least, most)


def test_a_text_of_other_words_is_refused_and_leaves_what_was_there(tmp_path: Path) -> None:
    lexicon = Lexicon.of(SENTENCES, least=1)
    path, into = written(tmp_path / "text", "der Hund\n"), written(tmp_path / "numbers", "what was there")
    with pytest.raises(ValueError, match=r"text has no word that the lexicon has, so nothing is left of it\. Count"):
        number_words(path, lexicon, into)
    assert into.read_text() == "what was there"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["numbers", "text"]
    with pytest.raises(ValueError, match="The text has no word that the lexicon has"):
        NumberedText.of([["der", "Hund"]], lexicon)


@pytest.mark.parametrize(
    "text", ["the cat sat " * 40, "кот сидел на ковре " * 12, "the cat sat " * 40 + "/ on the mat"]
)
def test_a_text_in_place_of_its_files_name_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"is too long for the name of a file\. If it is the text itself, give it as"):
        read_words(text)


def test_a_sentence_that_is_not_parted_is_refused() -> None:
    with pytest.raises(ValueError, match=r"The sentence 'the cat' is one text, but a list of words is read: .*split"):
        Lexicon.of([["the", "dog"], "the cat"], least=1)
    with pytest.raises(ValueError, match="The sentence 'the cat' is one text"):
        NumberedText.of(["the cat"], Lexicon.of(SENTENCES, least=1))


def test_a_file_that_is_no_numbered_text(tmp_path: Path) -> None:
    whole = np.array([0, 1, -1], "<i4").tobytes()
    assert NumberedText.open(written(tmp_path / "n", whole)).numbers.tolist() == [0, 1, -1]
    for content in (b"", whole[:-1], whole[:-4]):
        with pytest.raises(ValueError, match=re.escape(f"n has {len(content)} bytes and is no whole numbered text")):
            NumberedText.open(written(tmp_path / "n", content))
    with pytest.raises(ValueError, match="There is no file"):
        NumberedText.open(tmp_path / "absent")


def test_gensim_counts_the_same(tmp_path: Path) -> None:
    word2vec = pytest.importorskip("gensim.models.word2vec")
    path = written(tmp_path / "text", TEXT * 3)
    model = word2vec.Word2Vec(min_count=2)
    model.build_vocab(word2vec.LineSentence(str(path)))
    lexicon = count_words(path, least=2)
    theirs = {word: model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key}
    assert dict(zip(lexicon.words, lexicon.counts.tolist())) == theirs
    assert lexicon.total == model.corpus_total_words


def test_enwiki27_has_as_many_words_as_its_maker_says(tmp_path: Path) -> None:
    path = text_file("enwiki27")
    lexicon = count_words(path)
    assert (len(lexicon), lexicon.total, lexicon.words[:3]) == (52_098, 10_173_195, ("the", "of", "and"))
    text = number_words(path, lexicon, tmp_path / "numbers")
    assert (text.num_words, len(text)) == (int(lexicon.counts.sum()), int(lexicon.counts.sum()) + 3_530)
