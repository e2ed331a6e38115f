"""What tells the next word, saved and read back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from generative.predictor_files import read_predictor, save_predictor
from generative.skip_gram import NextWord
from lab.data.files import DataError
from lab.trial import Manner
from lab.weights import WeightsError, save_tensors
from tests.generative.test_word_predictor import KINDS

SENTENCES = [["the", "cat", "sat", "on", "the", "mat"], ["a", "dog", "lay", "on", "a", "rug"]] * 40


@KINDS
def test_it_tells_the_same_as_before(by_tree: bool, tmp_path: Path) -> None:
    taught = NextWord(size=6, window=2, least=1, epochs=2, negatives=0 if by_tree else 5).fit(SENTENCES)
    save_predictor(taught, tmp_path / "next.safetensors")
    read = read_predictor(tmp_path / "next.safetensors")
    assert repr(read) == repr(taught)
    assert read.words == taught.words
    assert read.likeliest("the cat", count=3) == taught.likeliest("the cat", count=3)
    manner = Manner(length=9, seed=3)
    assert read.continued("a dog", manner) == taught.continued("a dog", manner)


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_tensors({"weight": torch.zeros(2)}, path)
    with pytest.raises(DataError, match="holds no WordPredictor: its schema is None"):
        read_predictor(path)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(WeightsError, match="is damaged"):
        read_predictor(path)
    with pytest.raises(WeightsError, match="is not there"):
        read_predictor(tmp_path / "absent.safetensors")
