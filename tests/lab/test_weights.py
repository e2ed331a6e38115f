"""Weights in and out of files: the same numbers, the same file, and clear words where something does not fit."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from lab.backbones import ConvolutionConfig, MLPConfig
from lab.weights import WeightsError, digest_of, load_weights, read_about, read_weights, save_weights


def mlp(seed: int = 0, widths: tuple[int, ...] = (4, 3)) -> nn.Module:
    torch.manual_seed(seed)
    return MLPConfig(widths=widths, batch_norm=True).build((5,))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    one, other = mlp(0), mlp(1)
    one(torch.randn(8, 5))  # moves the running statistics
    digest = save_weights(one, tmp_path / "a.safetensors", {"input_shape": [5]})
    load_weights(other, read_weights(tmp_path / "a.safetensors"), "a")
    for (name, ours), theirs in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name
    assert read_about(tmp_path / "a.safetensors") == {"input_shape": [5]}
    assert digest == digest_of(tmp_path / "a.safetensors")


def test_the_same_weights_make_the_same_file_in_any_memory_order(tmp_path: Path) -> None:
    network = ConvolutionConfig(channels=(3,)).build((2, 6, 5))
    about = {"b": 1, "a": [1, 2], "c": "x"}
    first = save_weights(network, tmp_path / "first.safetensors", about)
    network = network.to(memory_format=torch.channels_last)
    assert save_weights(network, tmp_path / "second.safetensors", dict(reversed(about.items()))) == first


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_torchs_own_files_are_read(tmp_path: Path, wrapper: str | None) -> None:
    one, other = mlp(0), mlp(1)
    state = {f"module.{name}": tensor for name, tensor in one.state_dict().items()}  # as DataParallel names them
    torch.save(state if wrapper is None else {wrapper: state, "epoch": 3}, tmp_path / "a.pth")
    load_weights(other, read_weights(tmp_path / "a.pth"), "a")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


class Bomb:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("exploded"),)


def test_a_file_that_holds_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Bomb()}, "bomb.pt")
    Path("plain.pt").write_bytes(pickle.dumps(Bomb()))
    for name in ("bomb.pt", "plain.pt"):
        with pytest.raises(WeightsError, match=r"Files that hold code are not opened"):
            read_weights(name)
    assert not Path("exploded").exists()


def test_what_does_not_fit_is_named_and_nothing_is_copied() -> None:
    ours = mlp(0)
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    theirs = dict(mlp(1, widths=(4, 7)).state_dict())
    del theirs["layers.batch_norm_0.bias"]
    theirs["head.weight"] = torch.zeros(2, 7)
    with pytest.raises(WeightsError) as caught:
        load_weights(ours, theirs, "a.safetensors")
    said = str(caught.value)
    assert "a.safetensors do not fit this MLP" in said
    assert "missing there: layers.batch_norm_0.bias" in said
    assert "unknown here: head.weight" in said
    assert "of another shape: layers.linear_1.weight [7, 4], here [3, 4]" in said
    assert all(torch.equal(before[name], tensor) for name, tensor in ours.state_dict().items())


def test_a_file_without_counters_of_batches_is_taken() -> None:
    weights = {name: tensor for name, tensor in mlp(1).state_dict().items() if "num_batches" not in name}
    load_weights(mlp(0), weights, "an old file")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.safetensors", None, "is not there"),
        ("empty.safetensors", b"", "is damaged, or no safetensors file"),
        ("text.pth", b"hello", "cannot be read as torch's file of weights"),
        ("weights.zip", b"PK", "its name ends in none of .safetensors"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        read_weights(tmp_path / name)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "loss": torch.zeros(2)}, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="holds no mapping of names to tensors"):
        read_weights(tmp_path / "a.pt")
