"""Files of word vectors: byte by byte, beside gensim's, and every way to be damaged."""

from __future__ import annotations

import gzip
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from generative import vector_files
from generative.vector_files import read_vectors, save_vectors
from generative.word_vectors import WordVectors

WORDS = ("the", "café", "a_b", "dog\u00a0s", "\u4e2d")
VECTORS = WordVectors(WORDS, torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))
BOTH = pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])


def one(value: float) -> bytes:
    return np.array([value], "<f4").tobytes()


def written(folder: Path, content: bytes, name: str = "vectors") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def same(a: WordVectors, b: WordVectors) -> bool:
    return a.words == b.words and torch.equal(a.vectors, b.vectors)


def keyed_vectors() -> Any:
    return pytest.importorskip("gensim.models").KeyedVectors


@BOTH
@pytest.mark.parametrize("piece", [4, 20, 1 << 20])
def test_what_is_saved_is_read_bit_for_bit(
    binary: bool, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_files, "PIECE", piece)
    monkeypatch.setattr(vector_files, "ROWS", 2)
    extreme = VECTORS.vectors.clone()
    extreme[1] = torch.tensor([1e-45, -3.4028234e38, 1 / 3])
    vectors = WordVectors(WORDS, extreme)
    save_vectors(vectors, str(tmp_path / "new" / "vectors"), binary=binary)
    found = read_vectors(str(tmp_path / "new" / "vectors"), binary=binary)
    assert same(found, vectors)
    assert found.vectors.dtype == torch.float32
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["vectors"]


def test_the_bytes(tmp_path: Path) -> None:
    vectors = WordVectors(("é", "b"), torch.tensor([[1.0, -0.5], [0.1, 2e9]]))
    save_vectors(vectors, tmp_path / "text")
    assert (tmp_path / "text").read_bytes() == "2 2\né 1 -0.5\nb 0.100000001 2e+09\n".encode()
    save_vectors(vectors, tmp_path / "binary", binary=True)
    assert (tmp_path / "binary").read_bytes() == b"".join(
        [b"2 2\n\xc3\xa9 ", one(1), one(-0.5), b"\nb ", one(0.1), one(2e9), b"\n"]
    )


@BOTH
@pytest.mark.parametrize(("name", "begins"), [("v.gz", b"\x1f\x8b"), ("v.GZ", b"\x1f\x8b"), ("v.xz", b"\xfd7zXZ")])
def test_the_ending_says_how_it_is_packed(name: str, begins: bytes, binary: bool, tmp_path: Path) -> None:
    save_vectors(VECTORS, tmp_path / name, binary=binary)
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert same(read_vectors(tmp_path / name, binary=binary), VECTORS)
    first = (tmp_path / name).read_bytes()
    save_vectors(VECTORS, tmp_path / "other" / name, binary=binary)
    assert (tmp_path / "other" / name).read_bytes() == first


@BOTH
@pytest.mark.parametrize("name", ["vectors", "vectors.gz"])
def test_gensim_reads_what_the_lab_wrote(binary: bool, name: str, tmp_path: Path) -> None:
    save_vectors(VECTORS, tmp_path / name, binary=binary)
    theirs = keyed_vectors().load_word2vec_format(str(tmp_path / name), binary=binary)
    assert same(WordVectors(tuple(theirs.index_to_key), torch.from_numpy(theirs.vectors)), VECTORS)


@BOTH
@pytest.mark.parametrize("name", ["vectors", "vectors.gz"])
def test_the_lab_reads_what_gensim_wrote(binary: bool, name: str, tmp_path: Path) -> None:
    theirs = keyed_vectors()(3)
    theirs.add_vectors(list(WORDS), VECTORS.vectors.numpy())
    theirs.save_word2vec_format(str(tmp_path / name), binary=binary)
    assert same(read_vectors(tmp_path / name, binary=binary), VECTORS)


def test_the_space_and_the_line_end_of_word2vec_are_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, b"2 1\na 1.500000 \nb -2.000000 \n")
    assert read_vectors(path).vectors.tolist() == [[1.5], [-2.0]]
    for end in (b"", b"\n"):
        path = written(tmp_path, b"2 1\na " + one(1.5) + end + b"b " + one(-2) + end)
        found = read_vectors(path, binary=True)
        assert (found.words, found.vectors.tolist()) == (("a", "b"), [[1.5], [-2.0]])


@pytest.mark.parametrize("header", ["", "two 3", "2", "2 3 4", "0 3", "2 0", "-2 3", "a 0.5"])
@BOTH
def test_a_bad_header(header: str, binary: bool, tmp_path: Path) -> None:
    path = written(tmp_path, header.encode() + b"\na 1 2 3\n")
    with pytest.raises(
        ValueError, match=rf"vectors: the first line is '{header}', but should be `V D`: .* Put it there"
    ):
        read_vectors(path, binary=binary)


def test_a_header_beyond_any_memory(tmp_path: Path) -> None:
    path = written(tmp_path, b"99999999999999 99999999\na 1\n")
    with pytest.raises(ValueError, match=r"vectors should have 99,999,999,999,999 words .* Check that line"):
        read_vectors(path)


@pytest.mark.parametrize(
    ("rows", "row", "what"),
    [
        (b"a 1 2\n", 2, "there is no such row: the file ends, but the header says 2 words"),
        (b"", 1, "there is no such row"),
        (b"a 1 2\nb 1\n", 2, "there are 1 numbers behind the word, but the header says 2"),
        (b"a 1 2\nb 1 2 3\n", 2, "there are 3 numbers"),
        (b"a 1 2\nb 1  2\n", 2, "there are 3 numbers"),
        (b"a 1 2\n\nb 1 2\n", 2, "there are 0 numbers"),
        (b"a 1 x\nb 1 2\n", 1, "what stands there are no numbers (could not convert"),
        (b"a 1 2\nb 1 nan\n", 2, "the vector of 'b' has numbers that are not finite"),
        (b"a 1 1e39\nb 1 2\n", 1, "the vector of 'a' has numbers that are not finite"),
        (b"a 1 2\na 3 4\n", 2, "the word 'a' stands there a second time. Remove one row"),
        (b"a 1 2\n 3 4\n", 2, "'' is no word"),
        (b"a 1 2\n\xff 3 4\n", 2, "the word '\ufffd' is not UTF-8"),
        (b"a 1 2\nb 3 4\nc 5 6\n", 3, "something follows, but the header says 2 words"),
    ],
)
def test_damaged_text(rows: bytes, row: int, what: str, tmp_path: Path) -> None:
    path = written(tmp_path, b"2 2\n" + rows)
    with pytest.raises(ValueError, match=re.escape(f"vectors, row {row}: {what}")):
        read_vectors(path)


@pytest.mark.parametrize(
    ("rows", "row", "what"),
    [
        (b"a " + one(1), 2, "there is no such row: the file ends, but the header says 2 words"),
        (b"a " + one(1) + b"\n", 2, "there is no such row"),
        (b"a " + one(1) + b"b " + one(2)[:3], 2, "it ends within the row, of 2 that the header says"),
        (b"a " + one(1) + b"bcd", 2, "it ends within the row"),
        (b"a " + one(1) + b"b " + one(float("nan")), 2, "the vector of 'b' has numbers that are not finite"),
        (b"a " + one(1) + b"\na " + one(2), 2, "the word 'a' stands there a second time"),
        (b"a " + one(1) + b" " + one(2), 2, "'' is no word"),
        (b"a " + one(1) + b"b\nc " + one(2), 2, "'b\\nc' is no word"),
        (b"a " + one(1) + b"\xff " + one(2), 2, "the word '\ufffd' is not UTF-8"),
        (b"a " + one(1) + b"b " + one(2) + b"\nc ", 3, "something follows, but the header says 2 words"),
        (b"x" * 70_000, 1, "no word ends within 65,536 bytes"),
    ],
)
def test_damaged_binary(rows: bytes, row: int, what: str, tmp_path: Path) -> None:
    path = written(tmp_path, b"2 1\n" + rows)
    with pytest.raises(ValueError, match=re.escape(f"vectors, row {row}: {what}")):
        read_vectors(path, binary=True)


@BOTH
def test_the_other_form_is_refused_and_says_so(binary: bool, tmp_path: Path) -> None:
    save_vectors(VECTORS, tmp_path / "vectors", binary=binary)
    with pytest.raises(ValueError, match=r"vectors, row .*if it is of the other form, set `binary` so"):
        read_vectors(tmp_path / "vectors", binary=not binary)


def test_a_file_that_is_not_there_or_does_not_unpack(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no file"):
        read_vectors(tmp_path / "absent")
    with pytest.raises(ValueError, match="is no whole gzip file"):
        read_vectors(written(tmp_path, gzip.compress(b"2 1\na 1\nb 2\n")[:-3], "vectors.gz"))


@BOTH
def test_words_that_word2vec_cut_within_a_letter_are_read_if_asked_for(binary: bool, tmp_path: Path) -> None:
    cut = "straße".encode()[:5]
    path = written(tmp_path, b"2 1\n" + (b"a " + one(1) + cut + b" " + one(2) if binary else b"a 1\n" + cut + b" 2\n"))
    with pytest.raises(
        ValueError, match=r"is not UTF-8\..* or, where word2vec cut a long word .* set `errors` to replace"
    ):
        read_vectors(path, binary=binary)
    assert read_vectors(path, binary=binary, errors="replace").words == ("a", "stra\ufffd")
    assert read_vectors(path, binary=binary, errors="ignore").words == ("a", "stra")


@BOTH
def test_half_a_character_is_not_written(binary: bool, tmp_path: Path) -> None:
    path = written(tmp_path, b"what was there")
    with pytest.raises(ValueError, match="has half a character"):
        save_vectors(WordVectors(("the", "a\udce9"), torch.zeros(2, 3)), path, binary=binary)
    assert path.read_bytes() == b"what was there"


@BOTH
@pytest.mark.parametrize("word", ["a b", "a\nb", "a\tb", "a\r", ""])
def test_words_that_could_not_be_read_back(word: str, binary: bool, tmp_path: Path) -> None:
    path = written(tmp_path, b"what was there")
    with pytest.raises(ValueError, match=r"has a space or a line end in it, or no letter.* Write another sign there"):
        save_vectors(WordVectors(("the", word), torch.zeros(2, 3)), path, binary=binary)
    assert path.read_bytes() == b"what was there"


def test_a_word_that_stands_there_twice_is_not_written(tmp_path: Path) -> None:
    path = written(tmp_path, b"what was there")
    with pytest.raises(ValueError, match=r"The word 'b' stands there a second time.* Remove one"):
        save_vectors(WordVectors(("a", "b", "c", "b"), torch.zeros(4, 2)), path)
    assert path.read_bytes() == b"what was there"


@BOTH
def test_vectors_that_are_not_finite(binary: bool, tmp_path: Path) -> None:
    path = written(tmp_path, b"what was there")
    vectors = torch.zeros(3, 2)
    vectors[1, 1] = torch.inf
    with pytest.raises(ValueError, match="The vector of 'b' has numbers that are not finite"):
        save_vectors(WordVectors(("a", "b", "c"), vectors), path, binary=binary)
    assert path.read_bytes() == b"what was there"
    assert [each.name for each in tmp_path.iterdir()] == ["vectors"]


@BOTH
def test_reading_takes_little_memory_beside_the_vectors(binary: bool, tmp_path: Path) -> None:
    size, count = 500, 4_000
    save_vectors(WordVectors(tuple(map(str, range(count))), torch.ones(count, size)), tmp_path / "v", binary=binary)
    tracemalloc.start()
    read_vectors(tmp_path / "v", binary=binary)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < size * count * 4 + 5_000_000
