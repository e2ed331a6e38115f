"""W&B's transaction log: one `.wandb` file for each time that a run was started.

Format: a header of 7 bytes, then blocks of 32 KiB in the log format of LevelDB
(https://github.com/google/leveldb/blob/main/doc/log_format.md), except that the checksum is a plain CRC-32.
A record is cut into chunks where it crosses a block's end; each chunk has a header (checksum of kind and
payload [4 bytes], payload length [2], kind [1]) and is FULL, FIRST, MIDDLE or LAST.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from lab.writing import write_durably

MAGIC = b":W&B\xe1\xbe\x00"  # name, magic number, version 0
BLOCK = 32 * 1024  # bytes
CHUNK_HEADER = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def whole_records(data: bytes) -> tuple[list[bytes], int]:
    """Returns the records up to the first torn or damaged one, and the offset behind the last of them."""
    if not data.startswith(MAGIC):
        return [], 0
    records: list[bytes] = []
    parts: list[bytes] = []  # of a record that is not yet whole
    offset = end = len(MAGIC)
    while True:
        if BLOCK - offset % BLOCK < CHUNK_HEADER.size:  # the rest of a block, too small for a chunk
            offset += BLOCK - offset % BLOCK
        payload_start = offset + CHUNK_HEADER.size
        if payload_start > len(data):
            return records, end
        checksum, length, kind = CHUNK_HEADER.unpack_from(data, offset)
        payload = data[payload_start : payload_start + length]
        intact = len(payload) == length and zlib.crc32(payload, zlib.crc32(bytes([kind]))) == checksum
        if not intact or kind not in ((MIDDLE, LAST) if parts else (FULL, FIRST)):
            return records, end
        parts.append(payload)
        offset = payload_start + length
        if kind in (FULL, LAST):
            records.append(b"".join(parts))
            parts, end = [], offset


def freeze(path: Path, content: bytes) -> None:
    """Replaces a segment by its readable part, atomically.

    The service of a killed process may outlive it for a moment and still write: from now on it writes into
    a file without a name, so that what was read here stays all that there is. And the file no longer ends in
    a torn record, at which `wandb sync` would stop without noting what it has uploaded.
    """
    aside = path.with_name(path.name + ".aside")
    write_durably(aside, content)
    aside.replace(path)
