"""Bags of words: a text as the words that stand in it, whatever their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from lab.data.dataset import Dataset
from lab.data.lines import LabelledText
from lab.ranges import check_choices

WORDS = r"\w+|[^\w\s]"
"""A word is a run of letters and digits; every other sign but space is one of its own: of spam, `!` and `£` tell."""


@dataclass(frozen=True, kw_only=True)
class BagOfWordsConfig:
    """How words are counted and weighed."""

    weighting: Literal["count", "presence", "tfidf"] = "tfidf"
    """How often a word stands in the text; 1 if it does at all; or 1 + log of how often, times how rare the word is
    among the training texts, each text scaled to length 1 (Salton and Buckley 1988)."""
    lowercase: bool = True
    least: int = 1  # training texts that a word must stand in; others do not count

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_choices(self)
        if self.least < 1:
            raise ValueError(f"least is {self.least}, but it counts texts that a word stands in. Set it to 1 or more.")


def bag_of_words(config: BagOfWordsConfig, training: LabelledText, *others: LabelledText) -> list[Dataset]:
    """The parts of a split in their order as inputs [N, V] float32 and labels [N], V the words of the training part.

    Words that no training text has do not count, and how rare a word is is measured on training texts alone. Raises
    ValueError if no word is left.
    """
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    settings = {"token_pattern": WORDS, "lowercase": config.lowercase, "min_df": config.least, "dtype": np.float32}
    if config.weighting == "tfidf":
        vectorizer = TfidfVectorizer(sublinear_tf=True, **settings)
    else:
        vectorizer = CountVectorizer(binary=config.weighting == "presence", **settings)
    try:
        vectorizer.fit(training.texts)
    except ValueError as error:  # which an empty vocabulary raises, in two wordings
        raise ValueError(
            f"Among {len(training)} training texts no word stands in {config.least}, so there is nothing to count "
            f"({error}). Lower least (now {config.least}), or give longer texts."
        ) from error
    # Dense: some thousand texts of some thousand words fit in memory, and products with them are fast.
    return [
        Dataset(torch.from_numpy(vectorizer.transform(part.texts).toarray()), part.labels)
        for part in (training, *others)
    ]
