"""The refusal of what does not fit, with its arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from agents import memory
from lab.config import ConfigError
from lab.launching import launch
from lab.sharing import sharing

CPU = torch.device("cpu")


def test_free_memory_is_below_what_the_machine_has() -> None:
    assert 2**20 < memory.free_memory(CPU) < 2**50


@pytest.mark.parametrize(
    ("limit", "used", "stat", "free"),
    [
        (1_000_000, 300_000, "anon 90000\nactive_file 20000\ninactive_file 5000\nfile 400000\n", 725_000),
        (1_000_000, 300_000, None, 700_000),
        (1_000_000, 300_000, "anon 90000\n", 700_000),
        (1_000_000, 1_000_500, "active_file 100\ninactive_file 0\n", 0),  # -400
    ],
)
def test_a_container_leaves_its_limit_less_what_is_used_but_for_files(
    limit: int, used: int, stat: str | None, free: int, tmp_path: Path
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")
    if stat is not None:
        (tmp_path / "memory.stat").write_text(stat)
    assert memory.free_memory(CPU, tmp_path) == free


def test_a_container_of_the_older_kind_leaves_its_limit_less_what_is_used(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("5000\n")
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text("3000\n")
    (tmp_path / "memory" / "memory.stat").write_text("inactive_file 100\nactive_file 20\n")
    assert memory.free_memory(CPU, tmp_path) == 2_120


def test_a_container_without_a_limit_leaves_what_the_system_has(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert memory.free_memory(CPU, tmp_path) > 2**20


def test_where_nothing_is_left_the_advice_is_none_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000")
    (tmp_path / "memory.current").write_text("2000")
    full = memory.free_memory(CPU, tmp_path)
    monkeypatch.setattr(memory, "free_memory", lambda device: full)
    with pytest.raises(ValueError, match=r"has 0\.0 GiB free\. Set replay_capacity to 0 at most"):
        memory.check_memory(1, 90, 10, CPU)


def test_what_does_not_fit_is_refused_and_what_does_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 10_000)
    memory.check_memory(100, 90, 10, CPU)  # 100 * 100 bytes
    # 101 * 100 bytes are too many; 0.9 * 10,000 / 100 = 90
    with pytest.raises(
        ValueError, match=r"101 transitions.*a frame of 90 bytes and 10 more, 100 bytes each.*90 at most"
    ):
        memory.check_memory(101, 90, 10, CPU)
    with pytest.raises(ValueError, match="on cpu: beside the frames, 10 bytes each"):
        memory.check_memory(1_001, 0, 10, CPU)


def test_runs_that_share_the_machine_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 10_000)
    memory.check_memory(40, 90, 10, CPU)
    with sharing(2):
        memory.check_memory(50, 90, 10, CPU)
    # 3 * 40 * 100 = 12,000 bytes; 0.9 * 10,000 / 100 / 3 = 30
    with sharing(3), pytest.raises(ValueError, match=r"3 replays of 40 .* need .*30 at most, or let fewer runs go"):
        memory.check_memory(40, 90, 10, CPU)
    memory.check_memory(100, 90, 10, CPU)


def test_what_is_meant_for_another_device_is_held_against_that(monkeypatch: pytest.MonkeyPatch) -> None:
    room = {"cuda": 10_000, "cpu": 100}
    monkeypatch.setattr(memory, "free_memory", lambda device: room[device.type])
    with pytest.raises(ValueError, match="on cpu"):
        memory.check_memory(50, 90, 10, CPU)
    with sharing(2, torch.device("cuda")):
        memory.check_memory(50, 90, 10, CPU)
        with pytest.raises(ValueError, match=r"2 replays of 51 .*on cuda"):
            memory.check_memory(51, 90, 10, CPU)
    with sharing(0):  # nothing will be filled
        memory.check_memory(10**9, 90, 10, CPU)


def test_a_launch_side_by_side_is_refused_before_there_is_a_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A slot of CartPole's replay takes 21 bytes: a frame of 16, its reward of 4 and its action of 1."""
    monkeypatch.setattr(memory, "free_memory", lambda device: 3 * 21_000)
    with pytest.raises(ConfigError, match=r"4 replays of 1,000 .*let fewer runs go at a time"):
        launch("dqn_cartpole", range(9), jobs=4, changes={"agent.replay_capacity": 1_000}, runs_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
