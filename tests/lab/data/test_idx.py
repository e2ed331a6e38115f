"""IDX files, written by hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from lab.data.files import DataError
from lab.data.idx import read_idx

WHOLE = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(250, 256))


@pytest.mark.parametrize("zipped", [False, True])
def test_bytes_in_the_shape_that_it_states(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / ("two-by-three.gz" if zipped else "two-by-three")
    path.write_bytes(gzip.compress(WHOLE) if zipped else WHOLE)
    assert read_idx(path).tolist() == [[250, 251, 252], [253, 254, 255]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\x89PNG....", "begins with 89 50 4e 47"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 1]) + b"abcd", "begins with 00 00 0d 01"),  # floats
        (WHOLE[:-1], r"holds \[2, 3\], which takes 18 bytes, but it has 17"),
        (WHOLE + b"!", r"takes 18 bytes, but it has 19"),
        (WHOLE[:7], "cut off"),
    ],
)
def test_anything_else_is_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"images .*{message}"):
        read_idx(path)


def test_a_torn_gzip_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    for content in (gzip.compress(WHOLE)[:-5], b"no gzip", gzip.compress(WHOLE)[:15] + b"\xff" * 12):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"images\.gz is no whole gzip file"):
            read_idx(path)
