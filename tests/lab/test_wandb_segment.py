"""Tests of reading W&B's transaction log, against a writer made from the format's description."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from lab.tracking.segment import MAGIC, freeze, whole_records


def written(records: list[bytes]) -> bytes:
    """Writes the log format by its description, as the counterpart of the reader."""
    log = bytearray(MAGIC)
    for record in records:
        rest, begun = record, False
        while True:
            room = 32768 - len(log) % 32768
            if room < 7:
                log += bytes(room)
                continue
            part, rest = rest[: room - 7], rest[room - 7 :]
            kind = (3 if rest else 4) if begun else (2 if rest else 1)
            log += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            begun = True
            if not rest:
                break
    return bytes(log)


def test_records_are_read_across_blocks_and_up_to_the_first_damage() -> None:
    sizes = [1, 100, 32768 - 7 - 7 - 7 - 101 - 7 - 3, 40000, 0, 70000, 5]  # the third leaves 3 bytes of its block
    records = [bytes([number]) * size for number, size in enumerate(sizes)]
    data = written(records)
    assert whole_records(data) == (records, len(data))
    ends = [len(written(records[:count])) for count in range(len(records) + 1)]
    for length in {*ends, *(end - 1 for end in ends), *(end + 8 for end in ends), 0, 3, 32768, 65536}:
        found, end = whole_records(data[:length])
        assert found == records[: len(found)]
        assert end <= length
        assert len(found) == max((count for count, at in enumerate(ends) if at <= length), default=0)
    for position in (ends[2] + 2, ends[2] + 500, ends[3] - 1):
        damaged = bytearray(data)
        damaged[position] ^= 1
        assert whole_records(bytes(damaged)) == (records[:2], ends[2])


def test_a_frozen_segment_no_longer_takes_what_an_old_writer_adds(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    with path.open("wb", buffering=0) as service:
        service.write(b"whole records and a to")
        freeze(path, b"whole records")
        service.write(b"rn one, completed late")
    assert path.read_bytes() == b"whole records"
    assert [file.name for file in tmp_path.iterdir()] == ["run-x.wandb"]
