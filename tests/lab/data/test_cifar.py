"""CIFAR-10's format, in an archive made here: records of a label, then red, green and blue rows."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import torch

from lab.data import catalogue, cifar
from lab.data.files import DataError, File


def record(label: int, seed: int) -> bytes:
    pixels = torch.randint(256, (3 * 32 * 32,), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return bytes([label]) + pixels.numpy().tobytes()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return path


def test_records_of_all_files_in_their_order(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", {"b": record(9, 1) + record(0, 2), "a": record(3, 3)})
    images, labels = cifar.read_cifar(path, ("b", "a"))
    assert labels.tolist() == [9, 0, 3]
    assert (images.shape, images.dtype) == ((3, 3, 32, 32), torch.uint8)
    second = record(0, 2)
    assert images[1, 0, 0, 1] == second[1 + 1]  # red, first row
    assert images[1, 1, 2, 3] == second[1 + 1024 + 2 * 32 + 3]  # green, third row
    assert images[1, 2, 31, 31] == second[-1]  # blue, last


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (record(1, 1)[:-1], r"a\.tar\.gz: one has 3,072 bytes, which are no whole records of 3,073"),
        (b"", "one has 0 bytes"),
        (record(1, 1) + record(10, 2), "record 1 has the label 10, but there are 0 to 9"),
    ],
)
def test_damaged_records_are_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        cifar.read_cifar(archive(tmp_path / "a.tar.gz", {"one": content}), ("one",))


def test_another_archive_is_refused_by_name(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", {"one": record(1, 1)})
    with pytest.raises(DataError, match=r"a\.tar\.gz.*data_batch_1.*another archive"):
        cifar.read_cifar(path, cifar.TRAINING)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="no whole archive"):
        cifar.read_cifar(path, ("one",))


def test_the_set_as_the_catalogue_gives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {name: record(i, i) + record(9 - i, 50 + i) for i, name in enumerate((*cifar.TRAINING, *cifar.TEST))}
    path = archive(tmp_path / "cifar-10-binary.tar.gz", members)
    monkeypatch.setattr(File, "find", lambda self: path)
    published = catalogue.load("cifar10")
    assert published.train.labels.tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert published.test is not None
    assert published.test.labels.tolist() == [5, 4]
    assert published.train.inputs.shape == (10, 3, 32, 32)
    assert published.train.inputs[0, 0, 0, 0] == pytest.approx(record(0, 0)[1] / 255)
    assert published.classes[9] == "truck"
