"""Files of what tells the next word: all of a WordPredictor, where a file of word vectors holds its vectors alone."""

from __future__ import annotations

from pathlib import Path

from generative.huffman import Paths
from generative.word_predictor import WordPredictor
from lab.data.files import DataError
from lab.weights import read_about, read_weights, save_tensors

_SCHEMA = "lab.predictor/1"


def save_predictor(predictor: WordPredictor, path: str | Path) -> None:
    """Writes a safetensors file, which takes the place of what was there once it is whole."""
    tensors = {"vectors": predictor.vectors, "outputs": predictor.outputs, "counts": predictor.counts}
    if predictor.tree is not None:
        tensors |= {"tree.nodes": predictor.tree.nodes, "tree.signs": predictor.tree.signs}
    save_tensors(tensors, path, {"schema": _SCHEMA, "words": list(predictor.words), "window": predictor.window})


def read_predictor(path: str | Path) -> WordPredictor:
    """Reads what `save_predictor` wrote, on the CPU. Raises WeightsError for a file that is not there or damaged, and
    DataError for one of something else.
    """
    tensors, about = read_weights(path), read_about(path)
    if about.get("schema") != _SCHEMA:
        raise DataError(
            f"{path} holds no WordPredictor: its schema is {about.get('schema')!r}, not {_SCHEMA!r}. Give a file that "
            "`save_predictor` wrote; files of word vectors are read by `read_vectors`."
        )
    tree = Paths(tensors["tree.nodes"], tensors["tree.signs"]) if "tree.nodes" in tensors else None
    return WordPredictor(
        tuple(about["words"]), tensors["vectors"], tensors["outputs"], tensors["counts"], about["window"], tree
    )
