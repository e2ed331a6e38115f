"""Checkpoints give back every bit of a state, and the digest tells every one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lab.checkpoint import Checkpoints, digest
from lab.tracked import PIECE

DTYPES = [
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool, torch.uint8, torch.int8, torch.int16,
    torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64, torch.complex64, torch.float8_e4m3fn,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3,), (2, 3)], ids=str)
def test_every_kind_of_tensor(dtype: torch.dtype, shape: tuple[int, ...], tmp_path: Path) -> None:
    tensor = torch.tensor(np.arange(np.prod(shape)).reshape(shape) % 2).to(dtype)
    state = {"tensor": tensor, "parameter": torch.nn.Parameter(torch.ones(2))}
    Checkpoints(tmp_path).save(1, state)
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert found.state["tensor"].dtype == dtype
    assert found.state["tensor"].shape == shape
    assert digest(found.state) == digest(state)
    assert digest({"tensor": tensor, "parameter": torch.ones(2)}) == digest(state)


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_large_tensors_of_every_length(size: int, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(size)
    state = {
        "bytes": torch.randint(0, 256, (size,), dtype=torch.uint8, generator=generator),
        "halves": torch.randn(size // 2, generator=generator).bfloat16(),
        "image": torch.randn(size // 400, 10, 10, generator=generator),
    }
    Checkpoints(tmp_path).save(1, state)
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    for name, tensor in state.items():
        assert found.state[name].dtype == tensor.dtype
        assert torch.equal(found.state[name], tensor)


def test_tied_overlapping_and_strided_tensors(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(2, 3, 4)
    state = {
        "whole": base, "tied": base, "part": base[1], "transposed": base.mT, "stride": base[..., ::2],
        "expanded": torch.ones(1).expand(5), "channels": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "conjugate": torch.tensor([1 + 2j]).conj(), "negative": torch._neg_view(torch.ones(2)),
        "large": torch.arange(PIECE).reshape(2, -1).mT,
    }  # fmt: skip
    Checkpoints(tmp_path).save(1, state)
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert [name for name, tensor in state.items() if not torch.equal(found.state[name], tensor)] == []
    found.state["whole"].zero_()
    assert torch.equal(found.state["tied"], base), "what was loaded shares no memory"


def test_arrays_and_plain_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rng.random(3)
    mersenne = np.random.RandomState(0).get_state(legacy=False)
    state = {
        "array": np.arange(6).reshape(2, 3), "reversed": np.arange(4.0)[::-1], "scalar": np.float32(1.5),
        "flag": np.bool_(True),
        "pcg": rng.bit_generator.state, "mersenne": mersenne, "unsigned": np.array([2**64 - 1], np.uint64),
        "numbers": [1, 2.5, 10**40, -0.0, float("inf")], "pair": (1, (2.0, "x")), "none": None, "yes": True,
        "moments": {0: {"step": torch.tensor(3.0)}, 1: {}}, "$tensor": 0, "empty": {}, "nothing": [],
        "text": "ü\n\ud800",
    }  # fmt: skip
    Checkpoints(tmp_path).save(1, state)
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert digest(found.state) == digest(state)
    back = found.state
    assert isinstance(back["array"], np.ndarray)
    assert back["reversed"].tolist() == [3.0, 2.0, 1.0, 0.0]
    assert back["pair"] == (1, (2.0, "x"))
    assert back["numbers"] == state["numbers"]
    assert str(back["numbers"][3]) == "-0.0"
    assert list(back["moments"]) == [0, 1]
    assert back["$tensor"] == 0
    assert back["text"] == state["text"]
    again = np.random.default_rng(5)
    again.bit_generator.state = back["pcg"]
    assert again.random() == rng.random()


@pytest.mark.parametrize("value", [{1, 2}, object(), lambda: 0, b"bytes", {(1, 2): 3}])
def test_what_would_have_to_be_pickled_is_refused_by_its_path(value: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"state\.trial\.odd\[1\] is a \w+, which a checkpoint does not hold"):
        Checkpoints(tmp_path).save(1, {"trial": {"odd": [0, value]}})
    assert Checkpoints(tmp_path).newest() is None


CHANGES: list[tuple[Any, Any]] = [
    (1, 2), (1, 1.0), (1, True), (0, False), (0.0, -0.0), (None, 0), ("1", 1), ([1], (1,)), ({}, []), ([], ()),
    ({"a": 1}, {"b": 1}), ({"a": 1}, {"a": 1, "b": None}), ({1: 0}, {"1": 0}), ([1, 2], [2, 1]),
    (torch.zeros(2), torch.zeros(3)), (torch.zeros(2, 3), torch.zeros(3, 2)),
    (torch.zeros(2), torch.tensor([0.0, 1e-45])),
    (torch.zeros(2), torch.zeros(2).double()), (torch.zeros(2), torch.zeros(2, dtype=torch.int32)),
    (torch.zeros(2), np.zeros(2, np.float32)), (torch.zeros(()), torch.zeros(1)), (torch.zeros(0), torch.zeros(0, 1)),
    (torch.zeros(1), torch.tensor([-0.0])), ([torch.zeros(1), torch.ones(1)], [torch.ones(1), torch.zeros(1)]),
    ([torch.zeros(1), torch.zeros(3)], [torch.zeros(3), torch.zeros(1)]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), CHANGES, ids=range(len(CHANGES)))
def test_the_digest_tells_what_differs(one: Any, other: Any) -> None:
    assert digest({"x": one}) != digest({"x": other})


def test_the_digest_is_equal_for_what_is_equal() -> None:
    tensor = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert digest({"a": tensor, "b": [tensor]}) == digest({"b": [tensor.clone()], "a": tensor.T.contiguous().T})
    assert digest({"x": torch.tensor(float("nan"))}) == digest({"x": torch.tensor(float("nan"))})
