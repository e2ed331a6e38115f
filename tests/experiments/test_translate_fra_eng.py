"""The experiments on Tatoeba: parts that share no sentence, and arms that differ in their attention alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.supervised import translate_attention, translate_fra_eng, translate_multi30k
from lab.data.numbered_pairs import PairSet
from lab.fit import Fit
from lab.seeding import Seeds
from lab.trial import Manner, Passage
from supervised.bleu import Bleu
from supervised.interpreter import Interpreter


@pytest.fixture(scope="module")
def trial() -> Fit:
    return translate_fra_eng.build(translate_fra_eng.SMOKE, Seeds(0))


def texts(dataset: object) -> PairSet:
    assert isinstance(dataset, PairSet)
    return dataset


def test_no_sentence_of_either_language_is_in_training_and_held_out(trial: Fit) -> None:
    training = texts(trial.batches.dataset).texts
    for part, count in (("dev", 10), ("test", 20)):
        held_out = texts(trial.evaluation[part]).texts
        assert not set(training.targets) & set(held_out.targets)
        assert not set(training.sources) & set(held_out.sources)
        assert len({target.lower().strip(".!?") for target in held_out.targets}) == count


@pytest.mark.parametrize(("development", "test", "judged"), [(0, 20, ["test"]), (10, 0, ["dev"]), (0, 0, [])])
def test_a_part_of_no_sentences_is_not_judged(development: int, test: int, judged: list[str], trial: Fit) -> None:
    config = replace(translate_fra_eng.SMOKE, development_sentences=development, test_sentences=test)
    other = translate_fra_eng.build(config, Seeds(0))
    assert list(other.evaluation) == judged
    assert [f"{part}_bleu" for part in judged] == [name for name in other.evaluate() if name.endswith("_bleu")]
    assert ("translations" in other.illustrate()) is bool(judged)


def test_it_shows_translations_and_replies(trial: Fit) -> None:
    shown = trial.illustrate()
    assert isinstance(trial.learner, Interpreter)
    assert isinstance(trial.learner.judge, Bleu)
    assert isinstance(shown["translations"], Passage)
    taken, first = shown["translations"].text.split("\n\n")[:2]
    assert taken == f"BLEU by sacrebleu: {trial.learner.judge.signature}"
    assert "said: " in first
    assert list(shown) == ["translations", "attention-1", "attention-2", "attention-3"]
    assert trial.reply("Va !", Manner())


def test_the_protocol_states_how_bleu_is_taken(trial: Fit) -> None:
    assert isinstance(trial.learner, Interpreter)
    assert isinstance(trial.learner.judge, Bleu)
    signature = trial.learner.judge.signature.partition("|version")[0]
    for module in (translate_fra_eng, translate_attention, translate_multi30k):
        assert module.TARGET is not None
        assert signature in module.TARGET.protocol


def test_arms_differ_in_their_attention_alone() -> None:
    config = translate_attention.Config()
    arms = translate_attention.variants(config)
    assert list(arms) == ["none", "bahdanau", "luong", "multihead"]
    for name, arm in arms.items():
        assert arm.model.decoder.attention == name
        same = replace(arm.model, decoder=replace(arm.model.decoder, attention=config.model.decoder.attention))
        assert replace(arm, model=same) == config
