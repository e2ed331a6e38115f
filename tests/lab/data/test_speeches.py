"""Speeches of a play as pairs of what is said and answered."""

from __future__ import annotations

import pytest

from lab.data.pairs import PairedText
from lab.data.speeches import speech_pairs

PLAY = """First Citizen:
Before we proceed any further, hear me speak. You are
all resolved?

All:
Resolved. Speak
on!

All:
We know't.

Second Citizen:
One word: mark it.
"""


def test_the_last_sentence_is_answered_by_the_first() -> None:
    assert speech_pairs(PLAY) == PairedText(
        ("You are all resolved?", "We know't."), ("Resolved.", "One word: mark it.")
    ), "nobody answers himself"


def test_a_text_without_speeches_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no two speeches of different speakers\. Write a speaker's name and a colon"):
        speech_pairs("All:\nSpeak.\n\nmore prose")
