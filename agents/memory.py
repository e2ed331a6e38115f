"""Memory: what a device has left, and the refusal of what will not fit, before anything is allocated."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from lab.sharing import meant_for, runs_at_a_time


def check_memory(capacity: int, frame_bytes: int, more_bytes: int, device: torch.device) -> None:
    """Refuses a replay that does not fit: ValueError with the arithmetic.

    Each of its `capacity` slots takes a frame of `frame_bytes` (0 where frames lie elsewhere) and `more_bytes` on
    the device. Runs that are to share the machine take as much each.
    """
    slot, runs, device = frame_bytes + more_bytes, runs_at_a_time(), meant_for(device)
    needed, free = runs * capacity * slot, free_memory(device)
    if needed > free:
        parts = f"a frame of {frame_bytes:,} bytes and {more_bytes:,} more" if frame_bytes else "beside the frames"
        whose = f"A replay of {capacity:,} transitions" if runs == 1 else f"{runs} replays of {capacity:,} transitions"
        fewer = "" if runs == 1 else ", or let fewer runs go at a time (jobs)"
        raise ValueError(
            f"{whose} {'needs' if runs == 1 else 'need'} {needed / 2**30:.1f} GiB on {device}: {parts}, "
            f"{slot:,} bytes each. {device} has {free / 2**30:.1f} GiB free. "
            f"Set replay_capacity to {int(0.9 * free / slot / runs):,} at most{fewer}."
        )


def free_memory(device: torch.device, cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes, 0 or more, that can still be allocated on a device: of a processor what system and container leave.

    What other processes have asked for and not filled yet, as replays are filled slowly, counts as free; so does what
    torch has of a GPU for what this process will allocate. `cgroup` is the folder of the container's limits (Linux's
    control groups, version 2 or 1), of which its own are known, but not those of a group within it.
    """
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by torch, for what comes
        return torch.cuda.mem_get_info(device)[0] + kept
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        available = int(lines["MemAvailable"].split()[0]) * 1024
    else:
        available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit, used, stat in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        if (cgroup / limit).exists() and (text := (cgroup / limit).read_text().strip()) != "max":
            left = int(text) - int((cgroup / used).read_text()) + _page_cache(cgroup / stat)
            available = min(available, left)
    return max(0, available)


def _page_cache(stat: Path) -> int:
    """Bytes of files that a container has in memory: counted as used, but given up as soon as others need them."""
    if not stat.exists():
        return 0
    counts = dict(line.split() for line in stat.read_text().splitlines())
    return int(counts.get("inactive_file", 0)) + int(counts.get("active_file", 0))
