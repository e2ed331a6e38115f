"""Files of word vectors in the two forms of word2vec (`-binary 0` and `-binary 1`), which gensim reads and writes too.

Both begin with a line `V D`. Then comes each of V words: in text a line of the word and its D numbers, parted by a
space; in binary the word, a space and D little-endian float32, behind which word2vec (not gensim) ends the line.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray

from generative.word_vectors import WordVectors
from lab.data.text import opened, packing, shown
from lab.writing import written_aside

ROWS = 4_096  # written at a time
PIECE = 1 << 20  # bytes that are read at a time
LONGEST = 1 << 16  # bytes of a word, or of a number; no file has longer ones
HEADER = 64  # bytes of the first line at most
_FLOAT = np.dtype("<f4")
_DAMAGED = "Copy or write the file again; or, if it is of the other form, set `binary` so"


def save_vectors(vectors: WordVectors, path: str | Path, *, binary: bool = False) -> None:
    """Writes a file of word vectors, in text or in binary; it takes the place of what was there once it is whole.

    Of a WordPredictor these are its vectors alone; generative.predictor_files keeps all of it. The file is packed if
    its name ends in .gz or .xz. Text keeps every bit too, as nine digits tell any float32. Raises ValueError for a word
    that stands there twice, for one with a space or a line end in it, which no reader could tell from two, and for
    numbers that are not finite.
    """
    if len(set(vectors.words)) < len(vectors.words):
        twice = next(word for word, times in Counter(vectors.words).items() if times > 1)
        raise ValueError(
            f"The word {shown(twice)} stands there a second time, so the file would be refused when it is read. Remove "
            "one of the two."
        )
    for word in vectors.words:
        if not word or any(sign in word for sign in string.whitespace):
            raise ValueError(
                f"The word {shown(word)} has a space or a line end in it, or no letter, so it could not be read back. "
                "Write another sign there, such as _."
            )
        if not _is_whole(word):
            raise ValueError(
                f"The word {shown(word)} has half a character, which no file of UTF-8 can hold. Remove it."
            )
    size = vectors.vectors.shape[1]
    row_of_text = " ".join(["%s"] + ["%.9g"] * size) + "\n"
    path = Path(path)
    with written_aside(path) as whole, packing(path, whole) as file:
        file.write(f"{len(vectors)} {size}\n".encode())
        for start in range(0, len(vectors), ROWS):
            words = vectors.words[start : start + ROWS]
            rows = vectors.vectors[start : start + ROWS].detach().cpu().float().numpy().astype(_FLOAT)
            if not np.isfinite(rows).all():
                bad = words[int(np.isfinite(rows).all(1).argmin())]
                raise ValueError(
                    f"The vector of {shown(bad)} has numbers that are not finite, so it is near to nothing. Learn with "
                    "a lower rate."
                )
            if binary:
                parts = (b"%b %b\n" % (word.encode(), row.tobytes()) for word, row in zip(words, rows))
            else:
                parts = ((row_of_text % (word, *row)).encode() for word, row in zip(words, rows.tolist()))
            file.write(b"".join(parts))


def read_vectors(path: str | Path, *, binary: bool = False, errors: str = "strict") -> WordVectors:
    """Reads a file of word vectors, in text or in binary; unpacked first if its name ends in .gz or .xz.

    `errors` is what becomes of words that are no UTF-8, as `bytes.decode` has it: word2vec cuts long words between two
    bytes of a letter, so its files may need "ignore" or "replace".

    Beside the result only a piece of the file is in memory. Raises ValueError, which names the file and the row (the
    first word's is 1), if it is not there or is not whole, has a word twice, a number that is not finite, or what is no
    UTF-8.
    """
    path = Path(path)
    with opened(path) as file:
        count, size = _header(path, file.readline(HEADER))
        try:
            vectors = np.empty((count, size), np.float32)
        except (MemoryError, ValueError) as error:  # ValueError of sizes beyond any memory
            raise ValueError(
                f"{path} should have {count:,} words of {size:,} numbers, says its first line, which is more than the "
                "memory holds. Check that line."
            ) from error
        words: dict[str, None] = {}
        rows = _binary_rows(path, file, count, size) if binary else _text_rows(path, file, count, size)
        for number, (word, row) in enumerate(rows):
            name = _named(path, number + 1, word, errors)
            if name in words:
                raise _bad(path, number + 1, f"the word {shown(name)} stands there a second time", "Remove one row")
            if not np.isfinite(row).all():
                raise _bad(path, number + 1, f"the vector of {shown(name)} has numbers that are not finite")
            words[name] = None
            vectors[number] = row
    return WordVectors(tuple(words), torch.from_numpy(vectors))


def _is_whole(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _header(path: Path, line: bytes) -> tuple[int, int]:
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() and int(part) for part in parts):
        raise ValueError(
            f"{path}: the first line is {shown(line.decode(errors='replace').strip())}, but should be `V D`: how many "
            "words there are, and how many numbers each has. Put it there, or name a file of word vectors."
        )
    return int(parts[0]), int(parts[1])


def _text_rows(path: Path, file: IO[bytes], count: int, size: int) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
    longest = LONGEST * (size + 1)
    for number in range(1, count + 1):
        line = file.readline(longest)
        if not line:
            raise _too_few(path, number, count)
        word, *numbers = line.rstrip().split(b" ")
        if len(numbers) != size:
            raise _bad(path, number, f"there are {len(numbers)} numbers behind the word, but the header says {size}")
        try:
            row = np.array(list(map(float, numbers)), np.float64)
        except ValueError as error:
            raise _bad(path, number, f"what stands there are no numbers ({error})") from error
        with np.errstate(over="ignore"):  # beyond float32 is infinite, which is refused
            yield word, row.astype(np.float32)
    _no_more(path, file.read(PIECE), count)


def _binary_rows(path: Path, file: IO[bytes], count: int, size: int) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
    length, held, place = size * _FLOAT.itemsize, b"", 0
    for number in range(1, count + 1):
        while (space := held.find(b" ", place)) < 0 or len(held) - space - 1 < length:
            if space < 0 and len(held) - place > LONGEST:
                raise _bad(path, number, f"no word ends within {LONGEST:,} bytes")
            read = file.read(max(PIECE, length))
            if not read:
                if not held[place:].strip():
                    raise _too_few(path, number, count)
                raise _bad(path, number, f"it ends within the row, of {count:,} that the header says")
            held, place = held[place:] + read, 0
        yield held[place:space].removeprefix(b"\n"), np.frombuffer(held, _FLOAT, size, space + 1)
        place = space + 1 + length
    _no_more(path, held[place:] + file.read(PIECE), count)


def _named(path: Path, number: int, word: bytes, errors: str) -> str:
    try:
        name = word.decode(errors=errors)
    except UnicodeDecodeError as error:
        what = f"the word {shown(word.decode(errors='replace'))} is not UTF-8"
        fix = f"{_DAMAGED}; or, where word2vec cut a long word between two bytes, set `errors` to replace"
        raise _bad(path, number, what, fix) from error
    if not name or "\n" in name:
        raise _bad(path, number, f"{shown(name)} is no word")
    return name


def _too_few(path: Path, number: int, count: int) -> ValueError:
    return _bad(path, number, f"there is no such row: the file ends, but the header says {count:,} words")


def _no_more(path: Path, rest: bytes, count: int) -> None:
    if rest.strip():
        raise _bad(path, count + 1, f"something follows, but the header says {count:,} words")


def _bad(path: Path, number: int, what: str, fix: str = _DAMAGED) -> ValueError:
    return ValueError(f"{path}, row {number:,}: {what}. {fix}.")
