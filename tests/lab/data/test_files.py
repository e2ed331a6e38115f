"""Files of data sets: found, fetched, checked."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from lab.data.files import DataError, File, MissingData, data_folder

CONTENT = b"numbers and pictures"
NO_WHOLE = "could not be fetched from .*no whole one in the archive"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("LAB_OFFLINE")
    return tmp_path / "data"


@pytest.fixture
def publisher(tmp_path: Path) -> Path:
    """A file at an address of its own."""
    path = tmp_path / "published.gz"
    path.write_bytes(CONTENT)
    return path


def file_at(publisher: Path, content: bytes = CONTENT) -> File:
    return File("set/one.gz", len(content), sha256(content).hexdigest(), publisher.as_uri())


def test_is_fetched_once_and_then_found(folder: Path, publisher: Path) -> None:
    file = file_at(publisher)
    assert file.find() == folder / "set" / "one.gz"
    assert file.find().read_bytes() == CONTENT
    publisher.unlink()
    assert file.find().read_bytes() == CONTENT
    assert [path.name for path in (folder / "set").iterdir()] == ["one.gz"]


def test_offline_nothing_is_fetched(folder: Path, publisher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_OFFLINE", "1")
    with pytest.raises(MissingData, match=r"one\.gz is not there, and \$LAB_OFFLINE forbids to fetch it"):
        file_at(publisher).find()
    assert not folder.exists()


def test_a_file_that_no_publisher_has_is_the_users_to_bring(folder: Path) -> None:
    file = File("set/own", len(CONTENT), sha256(CONTENT).hexdigest(), "")
    with pytest.raises(
        MissingData, match=r"own is not there, and no publisher has it in this form\. Put it there, or set"
    ):
        file.find()
    (folder / "set").mkdir(parents=True)
    (folder / "set" / "own.xz").write_bytes(lzma.compress(CONTENT))
    assert file.content() == CONTENT
    (folder / "set" / "own.xz").write_bytes(lzma.compress(CONTENT + b"."))
    with pytest.raises(DataError, match=r"own\.xz is damaged: it has 21 bytes and .*\. Copy it again\."):
        file.find()


def test_without_a_network_the_error_names_file_address_and_folder(folder: Path, publisher: Path) -> None:
    publisher.unlink()
    with pytest.raises(DataError) as refused:
        file_at(publisher).find()
    for part in (str(folder / "set" / "one.gz"), publisher.as_uri(), "$LAB_DATA", "set/one.gz"):
        assert part in str(refused.value)


def test_a_damaged_file_is_refused_with_both_checksums(folder: Path, publisher: Path) -> None:
    file = file_at(publisher)
    file.find().write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match=r"one\.gz is damaged: it has 19 bytes .*the publisher's has 20") as refused:
        file.find()
    assert file.sha256 in str(refused.value)
    assert sha256(CONTENT[:-1]).hexdigest() in str(refused.value)


def test_what_the_publisher_changed_is_not_kept(folder: Path, publisher: Path) -> None:
    publisher.write_bytes(b"something else")
    with pytest.raises(DataError, match=r"has another version of it now: it has 14 bytes .*\. Get that one") as refused:
        file_at(publisher).find()
    assert sha256(b"something else").hexdigest() in str(refused.value)
    assert list((folder / "set").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, publisher: Path
) -> None:
    monkeypatch.delenv("LAB_OFFLINE")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LAB_DATA", str(tmp_path / "file"))
    with pytest.raises(MissingData, match=r"could not be fetched from .* \(Not a directory\)"):
        file_at(publisher).find()


def zipped(content: bytes = CONTENT, name: str = "one", compression: int = zipfile.ZIP_STORED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", compression) as members:
        members.writestr("readme", "about it")
        members.writestr(name, content)
    return archive.getvalue()


@pytest.fixture
def packed(publisher: Path) -> File:
    """A file that its publisher has in a zip archive."""
    publisher.write_bytes(zipped())
    return File("set/one", len(CONTENT), sha256(CONTENT).hexdigest(), publisher.as_uri(), member="one")


def test_a_file_in_an_archive_is_fetched_once_and_unpacked(folder: Path, publisher: Path, packed: File) -> None:
    assert packed.there() is None
    assert packed.find() == packed.there() == folder / "set" / "one"
    publisher.unlink()
    assert packed.find().read_bytes() == CONTENT
    assert [path.name for path in (folder / "set").iterdir()] == ["one"]


def test_the_archive_itself_may_change(folder: Path, publisher: Path, packed: File) -> None:
    before = publisher.read_bytes()
    with zipfile.ZipFile(publisher, "a") as archive:
        archive.writestr("licence", "free")
    assert publisher.read_bytes() != before
    assert packed.find().read_bytes() == CONTENT


def test_a_file_of_an_archive_may_lie_there_packed_by_gzip(folder: Path, publisher: Path, packed: File) -> None:
    publisher.unlink()
    (folder / "set").mkdir(parents=True)
    path = folder / "set" / "one.gz"
    for level in (1, 9):  # whatever the packed bytes are
        path.write_bytes(gzip.compress(CONTENT, level, mtime=level))
        assert packed.find() == packed.there() == path
    path.write_bytes(gzip.compress(CONTENT[1:]))
    with pytest.raises(DataError, match=r"one\.gz is damaged: it has 19 bytes .*the publisher's has 20"):
        packed.find()
    for torn in (gzip.compress(CONTENT)[:-9], b"no gzip", gzip.compress(CONTENT)[:12] + bytes(30)):
        path.write_bytes(torn)
        with pytest.raises(DataError, match=r"one\.gz is damaged: it does not unpack"):
            packed.find()


@pytest.mark.parametrize("kept_in", [None, "set/all.tar.xz"])
def test_any_file_may_lie_there_packed(folder: Path, publisher: Path, kept_in: str | None) -> None:
    publisher.unlink()
    (folder / "set").mkdir(parents=True)
    file = File("set/one", len(CONTENT), sha256(CONTENT).hexdigest(), publisher.as_uri(), kept_in=kept_in or "")
    place = folder / (kept_in or "set/one.xz")

    def put(content: bytes, name: str = "set/one") -> None:
        if kept_in is None:
            place.write_bytes(lzma.compress(content))
            return
        with tarfile.open(place, "w:xz") as archive:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

    put(CONTENT)
    assert file.find() == file.there() == place
    assert file.content() == CONTENT
    put(CONTENT[1:])
    with pytest.raises(DataError, match=r"xz is damaged: it has 19 bytes .*the publisher's has 20"):
        file.content()
    put(CONTENT)
    place.write_bytes(place.read_bytes()[: len(place.read_bytes()) // 2])
    with pytest.raises(DataError, match=r"xz is damaged: it does not unpack"):
        file.content()
    if kept_in is not None:
        put(CONTENT, "set/another")
        with pytest.raises(DataError, match=r"xz is damaged: it does not unpack .*'set/one' not found"):
            file.content()


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (zipped(name="another"), NO_WHOLE),
        (zipped()[:-30], NO_WHOLE),
        (zipped().replace(CONTENT, CONTENT[::-1]), f"{NO_WHOLE}: Bad CRC-32"),
        (b"no archive", NO_WHOLE),
        (zipped(CONTENT + b"!"), "has another version of it now: it has 21 bytes"),
        (
            zipped(bytes(1 << 24), compression=zipfile.ZIP_DEFLATED),
            "has another version of it now: it has 21 bytes",
        ),  # a bomb does not go off
    ],
)
def test_an_archive_without_the_file_leaves_nothing(
    archive: bytes, why: str, folder: Path, publisher: Path, packed: File
) -> None:
    publisher.write_bytes(archive)
    with pytest.raises(DataError, match=why):
        packed.find()
    assert list((folder / "set").iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"LAB_DATA": "/somewhere"}, "linux", "/somewhere"),
        ({"XDG_CACHE_HOME": "/caches"}, "linux", "/caches/lab/data"),
        ({"HOME": "/home/she"}, "linux", "/home/she/.cache/lab/data"),
        ({"HOME": "/Users/she"}, "darwin", "/Users/she/Library/Caches/lab/data"),
    ],
)
def test_where_data_lie(
    environment: dict[str, str], platform: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LAB_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("lab.data.files.sys.platform", platform)
    assert data_folder() == Path(expected)
