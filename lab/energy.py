"""Energy that a machine's own counters tell: RAPL of processors and memory, NVML of the GPU; where they can be read.

Nothing is estimated. The counters are those of the whole device, so that what others do on it at the same time counts
too. Sources: Linux, "Power capping framework" (Documentation/power/powercap); NVIDIA, NVML API reference,
nvmlDeviceGetTotalEnergyConsumption.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

POWERCAP = Path("/sys/class/powercap")
MOST_WATTS = 1_000  # of one counter: with less, it cannot have gone round twice between two looks
Counter = Callable[[], float]
"""Joules since some moment; raises OSError where it cannot be read."""


class Meter:
    """Adds up what the counters tell from now on, and what earlier attempts of the run came to."""

    def __init__(
        self, device: torch.device, before: Mapping[str, float] | None = None, *, powercap: Path = POWERCAP
    ) -> None:
        """`before` holds the joules of earlier attempts by source. A run in which any part was not read has none."""
        self._counters: dict[str, Counter] = {}
        if processor := _Processor.under(powercap):
            self._counters["processor"] = processor
        if device.type == "cuda" and (gpu := _gpu(device)) is not None:
            self._counters["gpu"] = gpu
        self._spent = {name: 0.0 if before is None else before.get(name) for name in self._counters}
        self._seen = {name: counter() for name, counter in self._counters.items()}

    def joules(self) -> dict[str, float]:
        """Of all attempts together, by source ("processor", "gpu"); without those that cannot be read."""
        for name, counter in self._counters.items():
            spent = self._spent[name]
            try:
                seen = counter()
            except OSError:
                self._spent[name] = None
                continue
            if spent is not None:
                self._spent[name] = spent + seen - self._seen[name]
            self._seen[name] = seen
        return {name: round(spent, 3) for name, spent in self._spent.items() if spent is not None}


class _Processor:
    """The sum of the machine's packages and memories, whose counters begin anew at their range."""

    def __init__(self, zones: list[Path]) -> None:
        self._zones, self._total, self._looked = zones, 0.0, time.monotonic()
        self._ranges = [_microjoules(zone / "max_energy_range_uj") for zone in zones]
        self._seen = [_microjoules(zone / "energy_uj") for zone in zones]

    @classmethod
    def under(cls, powercap: Path) -> _Processor | None:
        """None where there is no counter, or where it may not be read."""
        try:
            # "package" holds its cores but not "dram"; "psys" holds them all, and few machines have it.
            zones = [zone for zone in sorted(powercap.glob("intel-rapl:*")) if _name(zone) in ("package", "dram")]
            return cls(zones) if zones else None
        except (OSError, ValueError):
            return None

    def __call__(self) -> float:
        now = time.monotonic()
        for i, zone in enumerate(self._zones):
            seen = _microjoules(zone / "energy_uj")
            if (now - self._looked) * MOST_WATTS * 1e6 >= self._ranges[i]:
                raise OSError(f"{zone} was not looked at for so long that it may have gone round twice.")
            self._total += (seen - self._seen[i]) % self._ranges[i] / 1e6
            self._seen[i] = seen
        self._looked = now
        return self._total


def _name(zone: Path) -> str:
    """package-0 is a package."""
    return (zone / "name").read_text().strip().partition("-")[0]


def _microjoules(path: Path) -> int:
    return int(path.read_text())


def _gpu(device: torch.device) -> Counter | None:
    """The GPU's counter, by NVIDIA's library; None where that or the counter is missing."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        identity = f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode()
        handle = ctypes.c_void_p()
        if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByUUID(identity, ctypes.byref(handle)):
            return None
    except (OSError, AttributeError):
        return None

    def joules() -> float:
        spent = ctypes.c_ulonglong()
        if error := nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(spent)):
            raise OSError(f"NVML gives no energy of the GPU (error {error}).")
        return spent.value / 1000  # it counts millijoules

    try:
        joules()
    except (OSError, AttributeError):
        return None
    return joules
