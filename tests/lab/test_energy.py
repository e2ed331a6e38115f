"""Energy by counters that are made up: what they tell, and nothing where they tell nothing."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest
import torch

from lab import energy
from lab.energy import Meter

CPU = torch.device("cpu")


class Machine:
    """Two packages with a core each, and a memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = {"intel-rapl:0": "package-0", "intel-rapl:1": "package-1", "intel-rapl:0:0": "core"}
        for zone, name in (names | {"intel-rapl:0:1": "dram", "intel-rapl-mmio:0": "package-0"}).items():
            (folder / zone).mkdir()
            (folder / zone / "name").write_text(f"{name}\n")
            (folder / zone / "max_energy_range_uj").write_text("262143328850\n")
            self.count(zone, 5e9)

    def count(self, zone: str, microjoules: float) -> None:
        (self.folder / zone / "energy_uj").write_text(f"{microjoules:.0f}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_packages_and_memory_are_added_up_and_cores_are_part_of_them(machine: Machine) -> None:
    meter = Meter(CPU, powercap=machine.folder)
    assert meter.joules() == {"processor": 0.0}
    for zone, spent in [("0", 1e6), ("1", 2e6), ("0:1", 0.5e6), ("0:0", 7e6)]:
        machine.count(f"intel-rapl:{zone}", 5e9 + spent)
    assert meter.joules() == {"processor": 3.5}
    assert meter.joules() == {"processor": 3.5}


def test_a_counter_that_begins_anew_goes_on(machine: Machine) -> None:
    machine.count("intel-rapl:0", 262143328850 - 1e6)
    meter = Meter(CPU, powercap=machine.folder)
    machine.count("intel-rapl:0", 3e6)
    assert meter.joules() == {"processor": 4.0}


def test_earlier_attempts_count_and_one_without_a_reading_leaves_none(machine: Machine) -> None:
    assert Meter(CPU, {"processor": 40.0}, powercap=machine.folder).joules() == {"processor": 40.0}
    assert Meter(CPU, {}, powercap=machine.folder).joules() == {}


def test_what_was_not_looked_at_for_long_is_not_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    # With a kilowatt the counter goes round in 262 s: after 300 nobody knows how often it did.
    now = [0.0]
    monkeypatch.setattr(energy.time, "monotonic", lambda: now[0])
    meter = Meter(CPU, powercap=machine.folder)
    now[0] = 200.0
    assert meter.joules() == {"processor": 0.0}
    now[0] = 500.0
    assert meter.joules() == {}
    now[0] = 501.0
    assert meter.joules() == {}, "and not later either"


def test_nothing_is_told_where_nothing_can_be_read(tmp_path: Path, machine: Machine) -> None:
    assert Meter(CPU, powercap=tmp_path / "nothing").joules() == {}
    (machine.folder / "intel-rapl:0" / "energy_uj").unlink()
    assert Meter(CPU, powercap=machine.folder).joules() == {}


def test_a_counter_that_goes_away_is_not_told_any_more(machine: Machine) -> None:
    meter = Meter(CPU, powercap=machine.folder)
    (machine.folder / "intel-rapl:1" / "energy_uj").unlink()
    assert meter.joules() == {}


class Library:
    """Stands in for NVML: a GPU that has spent 2 J more at each look."""

    def __init__(self, error: int = 0) -> None:
        self.spent, self.error = 1_000_000, error

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def nvmlDeviceGetHandleByUUID(self, identity: bytes, handle: Any) -> int:  # noqa: N802
        return 0 if identity == b"GPU-1234" else 6

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, spent: Any) -> int:  # noqa: N802
        self.spent += 2_000
        spent._obj.value = self.spent
        return self.error


@pytest.mark.parametrize(("error", "told"), [(0, {"gpu": 2.0}), (3, {})])
def test_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, told: dict[str, float]) -> None:
    class Properties:
        uuid = "1234"

    library = Library(error)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Properties)
    assert Meter(torch.device("cuda"), powercap=tmp_path).joules() == told


def test_without_the_library_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert Meter(torch.device("cuda"), powercap=tmp_path).joules() == {}
