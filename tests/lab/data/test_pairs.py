"""Pairs of texts: reading them, refusing what is none, and parts that share no sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from lab.data.pairs import PairedText, read_pairs, read_parallel, read_parallel_parts, split_pairs


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_pairs_are_read_in_their_order(tmp_path: Path, end: str) -> None:
    path = written(tmp_path / "pairs.tsv", end.join(["Go.\tVa !", " Hi.\tSalut\u2028!\tCC BY 2.0, somebody", ""]))
    pairs = read_pairs(path)
    assert pairs == PairedText(("Go.", "Hi."), ("Va !", "Salut\u2028!"))
    assert pairs.swapped() == PairedText(pairs.targets, pairs.sources)
    assert pairs.subset(torch.tensor([1, 0])) == PairedText(("Hi.", "Go."), ("Salut\u2028!", "Va !"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\nonly one side\n", "line 2: 'only one side' has no tab. Write the source, a tab and the target"),
        ("a\tb\n\nc\td\n", "line 2 is empty, but each line has its partner"),
        ("a\tb\n \td\n", "line 2: the source is empty. Fill it in or remove the line"),
        ("a\t\n", "line 1: the target is empty. Fill it in or remove the line"),
    ],
)
def test_what_is_no_pair_is_refused_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path / "pairs.tsv", text)
    with pytest.raises(ValueError, match=re.escape(f"{path}, {message}")):
        read_pairs(path)


def test_parallel_files_are_joined_line_by_line(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("val", 2), ("test", 1)):
        for language in ("de", "en"):
            written(tmp_path / f"{part}.{language}", "".join(f"{part} {i} {language}\n" for i in range(count)))
    parts = read_parallel_parts(tmp_path, "de", "en")
    assert parts.train.targets == ("train 0 en", "train 1 en", "train 2 en")
    assert parts.val == PairedText(("val 0 de", "val 1 de"), ("val 0 en", "val 1 en"))
    assert parts.test == PairedText(("test 0 de",), ("test 0 en",))
    assert parts.excerpt().startswith("2 pairs for choosing, 1 for testing; for training 3 pairs of texts")


def test_parallel_files_of_other_counts_are_refused(tmp_path: Path) -> None:
    german, english = written(tmp_path / "train.de", "a\nb\nc\n"), written(tmp_path / "train.en", "a\nb\n")
    with pytest.raises(ValueError, match=re.escape(f"{german} has 3 lines and {english} has 2, but line i of one")):
        read_parallel(german, english)


def test_an_empty_line_of_a_parallel_file_is_refused(tmp_path: Path) -> None:
    german, english = written(tmp_path / "train.de", "a\nb\n"), written(tmp_path / "train.en", "a\n  \n")
    with pytest.raises(ValueError, match=re.escape(f"{english}, line 2 is empty")):
        read_parallel(german, english)


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(f"There is no file {tmp_path / 'train.de'}")):
        read_parallel_parts(tmp_path, "de", "en")


def test_sides_of_different_length_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="There are 2 sources and 1 targets"):
        PairedText(("a", "b"), ("c",))


def many(count: int) -> PairedText:
    """Each target twice, now and then spelt otherwise; each third source is shared by two targets."""
    sources, targets = [], []
    for i in range(count):
        sources += [f"s{i - 1 if i % 3 == 1 else i}", f"s{i} encore"]
        targets += [f"T{i}, yes!", f"t{i} yes."]
    return PairedText(tuple(sources), tuple(targets))


def words(texts: tuple[str, ...]) -> set[str]:
    return {" ".join(re.findall(r"\w+", text.lower())) for text in texts}


def test_no_sentence_of_either_side_is_trained_on_and_held_out() -> None:
    pairs = many(60)
    training, development, test = split_pairs(pairs, (10, 15), seed=3, by="targets")
    assert (len(development), len(test)) == (20, 30), "each with both of its pairs"
    assert (len(words(development.targets)), len(words(test.targets))) == (10, 15)
    assert not words(development.targets) & words(test.targets)
    for held_out in (development, test):
        assert not words(training.targets) & words(held_out.targets)
        assert not words(training.sources) & words(held_out.sources)
    left_out = set(zip(pairs.sources, pairs.targets))
    for part in (training, development, test):
        left_out -= set(zip(part.sources, part.targets))
    kept_away = words(development.sources) | words(test.sources)
    assert left_out
    assert all(words((source,)) <= kept_away for source, _ in left_out), "nothing else is lost"


def test_a_split_depends_on_its_seed_alone_and_keeps_the_order() -> None:
    pairs = many(60)
    first, again, other = (split_pairs(pairs, (5,), seed, by="targets") for seed in (0, 0, 1))
    assert first == again
    assert first[1] != other[1]
    places = [pairs.targets.index(target) for target in first[0].targets]
    assert places == sorted(places)


def test_pairs_can_be_split_by_their_sources() -> None:
    training, held_out = split_pairs(many(60), (20,), seed=0, by="sources")
    assert len(words(held_out.sources)) == 20
    assert not words(training.sources) & words(held_out.sources)


@pytest.mark.parametrize("held_out", [(60,), (30, 30), (-1, 3)])
def test_a_split_that_leaves_nothing_is_refused(held_out: tuple[int, ...]) -> None:
    said = re.escape(" + ".join(map(str, held_out)))
    with pytest.raises(ValueError, match=rf"{said} sentences are to be held out, but there are 60 different ones"):
        split_pairs(many(60), held_out, seed=0, by="targets")


def test_an_excerpt_shows_pairs_from_all_over() -> None:
    said = many(40).excerpt()
    assert said.startswith("80 pairs of texts")
    assert "s0\n  -> T0, yes!" in said
    assert "s35\n  -> T35, yes!" in said
