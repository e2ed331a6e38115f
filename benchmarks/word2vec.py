"""word2vec beside gensim's on the same text with the same settings: raw words a second, and what the vectors know.

Both count the words of the text, and go through it five times with two threads. Gensim reads a file of lines, its
quickest way (`corpus_file`), each time anew; the lab numbers the words as it counts them, and learns from the numbers.
So both are held to it twice: of learning alone, and of all from the file to the vectors. A raw word is one of the text,
before the frequent ones are thinned out. Both are judged by the same functions, on vectors of the same words.

A thread of gensim's reads a part of the file, but takes what it read as a share of the whole file where it lets the
rate fall, so that with two threads the rate ends at a tenth of where it began. Here it is told that the file has as
many lines as the part, and the rate falls to its end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import torch

from benchmarks.measure import Check, Result, Spread, alternate, between, command, paired_ratio
from generative import CBOW, SkipGram, WordVectors
from lab.data.analogies import AnalogyQuestions
from lab.data.catalogue import load_as
from lab.data.corpus import Corpus
from lab.data.word_pairs import WordPairs
from lab.provenance import fixed_bits

EPOCHS, SIZE, WINDOW, NEGATIVES, SAMPLE, LEAST = 5, 100, 5, 5, 1e-4, 5
RATE = 0.05  # gensim's, as the numbers published with it have it
SEEDS, THREADS = 3, 2
BAR = {"skip-gram": 2.0, "CBOW": 1.0}  # times gensim's words a second
BAR_ON_GPU = 10.0
QUICK = 400_000  # characters


@dataclass(frozen=True)
class Made:
    """One training."""

    learning: float  # seconds of all epochs
    whole: float  # seconds with the counting of words
    vectors: WordVectors


def ours(kind: type[SkipGram], path: Path, seed: int, epochs: int, device: str) -> Made:
    """The lab's."""
    training: list[float] = []

    def timed(updates: range) -> object:
        begin = time.perf_counter()
        yield from updates
        if device == "cuda":
            torch.cuda.synchronize()
        training.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    model = kind(
        size=SIZE, window=WINDOW, negatives=NEGATIVES, sample=SAMPLE, least=LEAST, epochs=epochs, seed=seed,
        device=device,
    )  # fmt: skip
    vectors = model.fit(path, progress=timed)  # type: ignore[arg-type]
    return Made(training[0], time.perf_counter() - begin, vectors)


def gensims(skip_gram: bool, path: Path, seed: int, epochs: int) -> Made:
    """Gensim's Word2Vec."""
    from gensim.models import Word2Vec

    begin = time.perf_counter()
    model = Word2Vec(
        vector_size=SIZE, window=WINDOW, negative=NEGATIVES, sample=SAMPLE, min_count=LEAST, alpha=RATE,
        workers=THREADS, sg=int(skip_gram), seed=seed,
    )  # fmt: skip
    model.build_vocab(corpus_file=str(path))
    counted = time.perf_counter()
    model.train(
        corpus_file=str(path), total_examples=model.corpus_count // THREADS, total_words=model.corpus_total_words,
        epochs=epochs,
    )  # fmt: skip
    end = time.perf_counter()
    vectors = WordVectors(tuple(model.wv.index_to_key), torch.from_numpy(model.wv.vectors.copy()))
    return Made(end - counted, end - begin, vectors)


def contest(kind: type[SkipGram], path: Path, epochs: int) -> dict[str, Callable[[int], Made]]:
    """Both, and ours on a GPU where there is one, by the number of the repeat, which is their seed; the one that warms
    up, -1, takes one epoch.
    """

    def gensim(repeat: int) -> Made:
        return gensims(kind is SkipGram, path, max(repeat, 0), epochs if repeat >= 0 else 1)

    def lab(device: str) -> Callable[[int], Made]:
        return lambda repeat: ours(kind, path, max(repeat, 0), epochs if repeat >= 0 else 1, device)

    arms = {"gensim": gensim, "lab": lab("cpu")}
    return arms | {"lab on the GPU": lab("cuda")} if torch.cuda.is_available() else arms


def measure(quick: bool = False) -> Result:
    """Both architectures, three seeds each, in turn, after one that warms up."""
    text = load_as("enwiki27", Corpus).text
    if quick:
        text = text[:QUICK]
    questions, pairs = load_as("questions_words", AnalogyQuestions), load_as("wordsim353", WordPairs)
    words, epochs = len(text.split()), 1 if quick else EPOCHS
    rows: list[tuple[str, ...]] = []
    checks: list[Check] = []
    with fixed_bits(threads=THREADS, deterministic=True), TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        path.write_text(text)
        for name, kind in (("skip-gram", SkipGram), ("CBOW", CBOW)):
            arms = contest(kind, path, epochs)
            made = alternate(arms, repeats=2 if quick else SEEDS)
            scores = {arm: [_judged(each, questions, pairs) for each in all_] for arm, all_ in made.items()}
            theirs = made["gensim"]
            for arm, all_ in made.items():
                analogies, likeness = zip(*scores[arm])
                row = (
                    f"{name}, {arm}",
                    Spread.of([epochs * words / each.learning for each in all_]).text(digits=0),
                    Spread.of([each.whole for each in all_]).text(digits=1),
                    ", ".join(f"{score:.3f}" for score in analogies),
                    ", ".join(f"{score:.3f}" for score in likeness),
                )
                if arm == "gensim":
                    rows.append((*row, "", ""))
                    continue
                learning = paired_ratio([each.learning for each in theirs], [each.learning for each in all_])
                whole = paired_ratio([each.whole for each in theirs], [each.whole for each in all_])
                rows.append((*row, between(learning), between(whole)))
                bar = BAR[name] if arm == "lab" else BAR_ON_GPU
                for what, ratio in (("learning", learning), ("in all", whole)):
                    checks.append(
                        Check(
                            name=f"{name}: words/s, {what}, {arm} / gensim",
                            value=ratio.estimate,
                            interval=ratio,
                            at_least=bar,
                        )
                    )
                if not quick:
                    checks += _quality(name, arm, scores["gensim"], scores[arm])
    return Result(
        title="word2vec beside gensim's: raw words a second, median (quartiles)",
        header=("", "words/s", "seconds in all", "analogies", "WordSim", "lab / gensim", "in all"),
        rows=rows,
        checks=checks,
        notes=[
            f"enwiki27, {words:,} words; {SIZE} numbers, window {WINDOW}, {NEGATIVES} negatives, sample {SAMPLE:g}, "
            f"{epochs} epochs, {THREADS} threads each.",
            f"Rates: gensim {RATE}, lab {SkipGram.rate} and of CBOW {CBOW.rate} with damped steps. Quality: at least",
            "gensim's mean less twice the spread of its seeds. Analogies: among the first 30,000 words.",
        ],
    )


def _quality(name: str, arm: str, theirs: list[tuple[float, float]], ours: list[tuple[float, float]]) -> list[Check]:
    """That ours is at least theirs less a spread of seeds for each side. It is theirs both times, as a failed seed of
    ours would lower its own bar.
    """
    checks = []
    for what, peer, mine in zip(("analogies", "WordSim"), zip(*theirs), zip(*ours)):
        least = mean(peer) - 2 * (max(peer) - min(peer))
        checks.append(Check(name=f"{name}: {what}, {arm}", value=mean(mine), at_least=least))
    return checks


def _judged(made: Made, questions: AnalogyQuestions, pairs: WordPairs) -> tuple[float, float]:
    return made.vectors.analogies(questions).total, made.vectors.word_similarity(pairs).correlation


if __name__ == "__main__":
    sys.exit(command(measure))
