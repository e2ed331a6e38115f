"""Bundles: fetched from a zip archive, kept as .tar.xz, checked by the content of their files."""

from __future__ import annotations

import io
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from lab.data import bundle
from lab.data.bundle import Bundle
from lab.data.files import DataError

FILES = {"1_ann_0.wav": b"one", "2_ann_0.wav": b"two!", "1_bob_0.wav": b"others"}
CONTENT = {name: content for name, content in FILES.items() if "ann" in name}
SHA256 = sha256(b"1_ann_0.wavone2_ann_0.wavtwo!").hexdigest()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("LAB_OFFLINE", raising=False)
    bundle._archive.cache_clear()
    (tmp_path / "data" / "set").mkdir(parents=True)
    return tmp_path / "data"


@pytest.fixture
def ann(tmp_path: Path) -> Bundle:
    """The files of a publisher's archive that are Ann's."""
    put(tmp_path / "all.zip", FILES)
    return Bundle("set/ann.tar.xz", 7, SHA256, (tmp_path / "all.zip").as_uri(), "*/sounds/?_ann_*.wav")


def put(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("all-1.0/1_ann_9.wav", "in another folder")
        for name, content in reversed(files.items()):
            archive.writestr(f"all-1.0/sounds/{name}", content)


def pack(path: Path, files: dict[str, bytes], prefix: str = "") -> None:
    with tarfile.open(path, "w:xz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(prefix + name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def test_is_fetched_once_and_packed(folder: Path, ann: Bundle, tmp_path: Path) -> None:
    assert ann.there() is None
    assert ann.contents() == CONTENT
    (tmp_path / "all.zip").unlink()
    assert ann.find() == ann.there() == folder / "set" / "ann.tar.xz"
    assert list(ann.contents()) == sorted(CONTENT)
    assert [path.name for path in (folder / "set").iterdir()] == ["ann.tar.xz"]


def test_how_it_was_packed_does_not_matter(folder: Path, ann: Bundle) -> None:
    pack(folder / "set" / "ann.tar.xz", dict(reversed(CONTENT.items())), prefix="recordings/")
    assert list(ann.contents().items()) == sorted(CONTENT.items())


@pytest.mark.parametrize(
    "files",
    [
        CONTENT | {"1_ann_0.wav": b"on3"},
        {"1_ann_0.wav": b"one"},
        {"1_ann_1.wav": b"one", "2_ann_0.wav": b"two!"},
        FILES,
    ],
    ids=["changed", "missing", "renamed", "more"],
)
def test_other_content_is_refused(files: dict[str, bytes], folder: Path, ann: Bundle) -> None:
    path = folder / "set" / "ann.tar.xz"
    pack(path, files)
    with pytest.raises(DataError, match=rf"ann\.tar\.xz is damaged: its {len(files)} files have .*has 7 and {SHA256}"):
        ann.contents()
    with pytest.raises(DataError, match="is damaged"):
        ann.check(path)


def test_a_torn_archive_is_refused(folder: Path, ann: Bundle) -> None:
    path = ann.find()
    whole = path.read_bytes()
    for torn in (whole[: len(whole) // 2], b"no archive", b""):
        path.write_bytes(torn)
        with pytest.raises(DataError, match=r"ann\.tar\.xz is damaged: it does not unpack"):
            ann.contents()


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "has another version of it now: its 0 files have 0 bytes"),
        (CONTENT | {"3_ann_0.wav": bytes(1_000)}, "could not be fetched from .*are larger than they should be"),
        (CONTENT | {"2_ann_0.wav": b"owt!"}, "has another version of it now: its 2 files have 7 bytes"),
    ],
)
def test_what_the_publisher_changed_is_not_kept(
    files: dict[str, bytes], why: str, folder: Path, ann: Bundle, tmp_path: Path
) -> None:
    put(tmp_path / "all.zip", files)
    with pytest.raises(DataError, match=why):
        ann.find()
    assert list((folder / "set").iterdir()) == []


def test_no_archive_at_all_is_told(folder: Path, ann: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "all.zip").write_bytes(b"a page that says no")
    with pytest.raises(
        DataError, match=r"could not be fetched from .*no whole \*/sounds/\?_ann_\*\.wav in the archive"
    ):
        ann.find()
    monkeypatch.setenv("LAB_OFFLINE", "1")
    with pytest.raises(DataError, match=r"ann\.tar\.xz is not there, and \$LAB_OFFLINE forbids"):
        ann.contents()
