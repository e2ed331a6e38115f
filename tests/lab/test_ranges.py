"""Numbers in and out of their range."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lab.data.bag_of_words import BagOfWordsConfig
from lab.optim import OptimizerConfig
from lab.ranges import check_least, check_odd, check_share
from lab.schedules import Schedule
from lab.stopping import EarlyStopping, StoppingConfig
from supervised.classifier import ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    size: int = 1
    share: float = 0.0


def test_the_ends_of_a_range_belong_to_it() -> None:
    check_least(Config(size=3), size=3, share=0)
    for share in (0.0, 0.5, 1.0):
        check_share(Config(share=share), "share")
    check_share(Config(share=0.999), "share", whole=False)


def test_what_is_too_low_is_named() -> None:
    with pytest.raises(ValueError, match=r"^size is 0, but it is 1 or more\. Raise it\.$"):
        check_least(Config(size=0), share=0, size=1)
    with pytest.raises(ValueError, match=r"share is nan, but it is 0 or more"):
        check_least(Config(share=float("nan")), share=0)


@pytest.mark.parametrize("size", [1, 2, -1])
def test_what_has_no_middle_or_is_too_low_is_named(size: int) -> None:
    check_odd(Config(size=3), size=3)
    with pytest.raises(ValueError, match=f"^size is {size}, but it has a middle and is 3 or more. Give an odd number"):
        check_odd(Config(size=size), size=3)


@pytest.mark.parametrize(
    ("share", "whole", "message"),
    [
        (-0.1, True, r"^share is -0\.1, but it is a share\. Set it from 0 to 1\.$"),
        (1.5, True, r"share is 1\.5"),
        (float("nan"), True, r"share is nan"),
        (1.0, False, r"^share is 1\.0, but it is a share\. Set it from 0 to below 1\.$"),
    ],
)
def test_what_is_no_share_is_named(share: float, whole: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_share(Config(share=share), "share", whole=whole)


def test_what_is_none_of_the_choices_is_named_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"kind is 'Adam', which names nothing here\. Did you mean 'adam'"):
        OptimizerConfig(kind="Adam")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"kind is 'cosin', which names nothing here\. Did you mean 'cosine'"):
        Schedule(kind="cosin", steps=9)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="better is 'min'"):
        StoppingConfig(better="min")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="better is 'min'"):
        EarlyStopping(2, better="min")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weighting is 'tf-idf'"):
        BagOfWordsConfig(weighting="tf-idf")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scores is 'matthews'"):
        ClassifierConfig(scores=("matthews",))  # type: ignore[arg-type]
