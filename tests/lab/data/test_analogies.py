"""Files of analogies: groups, and lines that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.data.analogies import AnalogyGroup, AnalogyQuestions, read_analogies

TEXT = ": capitals\nAthens Greece Oslo Norway\n Oslo  Norway\tAthens Greece\n:gram1-plural\ncat cats dog dogs\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "questions"
    path.write_text(text)
    return path


def test_groups_and_their_questions(tmp_path: Path) -> None:
    questions = read_analogies(str(written(tmp_path, TEXT)))
    there, back = ("Athens", "Greece", "Oslo", "Norway"), ("Oslo", "Norway", "Athens", "Greece")
    assert questions == AnalogyQuestions(
        (AnalogyGroup("capitals", (there, back)), AnalogyGroup("gram1-plural", (("cat", "cats", "dog", "dogs"),)))
    )
    assert len(questions) == 3
    assert [group.syntactic for group in questions.groups] == [False, True]


def test_an_excerpt_shows_some_of_each_group(tmp_path: Path) -> None:
    said = read_analogies(written(tmp_path, TEXT + "a b c d\n" * 5)).excerpt()
    assert said.startswith("8 analogies in 2 groups\n\ncapitals, 2 questions:\n  Athens : Greece = Oslo : Norway\n")
    assert said.endswith("gram1-plural, 6 questions:\n  cat : cats = dog : dogs\n  a : b = c : d\n  a : b = c : d")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a b c d\n", r"line 1: 'a b c d' has 4 words before the first group, but a question is four words below a"),
        (": one\na b c d\na b c\n", r"line 3: 'a b c' has 3 words in the group one, .* Mend the line or remove it"),
        (": one\na b c d e\n", r"line 2: 'a b c d e' has 5 words"),
        (": one\na b c d\n: one\n", r"line 3: the group is called 'one', but each has a name of its own"),
        (":\n", r"line 1: the group is called ''"),
        (": one\n\na b c d\n", r"line 2 is empty, but each line is a group or a question"),
        ("", "is empty, so there is nothing"),
    ],
)
def test_lines_that_are_none(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"questions.*{why}"):
        read_analogies(written(tmp_path, text))
