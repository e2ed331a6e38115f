"""The tagger: both questions, padding that changes nothing, labels that training lacks, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from lab.backbones import JordanConfig, RecurrentConfig
from lab.data import BucketedBatches, Padded, Ragged, SequenceSet
from lab.data.tagged import Names
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.seeding import Seeds
from supervised.embedding import EmbeddingConfig, WordEmbedding
from supervised.tagger import Tagger, TaggerConfig

TAGS = Names(("B-a", "I-a", "O", "B-b"), known=3)
CLASSES = Names(("no", "yes", "maybe"), known=2)
WORDS = [[4, 5, 6], [5, 7, 5, 4], [4, 4], [6]]
DATA = SequenceSet((
    Ragged(torch.tensor([[word] for request in WORDS for word in request]), torch.tensor([3, 4, 2, 1])),
    Ragged.of_lists([[0, 1, 2], [2, 0, 1, 1], [2, 2], [0]]),
    torch.tensor([0, 1, 1, 0]),
))  # fmt: skip
BIDIRECTIONAL = RecurrentConfig(cell="gru", width=6, bidirectional=True)


def built(backbone=BIDIRECTIONAL, config=TaggerConfig(), tags=TAGS, classes=CLASSES, **embedding) -> Tagger:  # noqa: B008
    torch.manual_seed(0)
    words = WordEmbedding(EmbeddingConfig(width=4, **embedding), (8,))
    return Tagger(config, words, backbone.build((1, words.out_features)), Seeds(0), tags=tags, classes=classes)


def whole(dataset: SequenceSet) -> tuple:
    return dataset.batch(torch.arange(len(dataset)))


@pytest.mark.parametrize("backbone", [BIDIRECTIONAL, JordanConfig(width=6, num_outputs=3)], ids=["gru", "jordan"])
@pytest.mark.parametrize("window", [0, 2])
def test_a_sentence_alone_and_in_a_batch_gives_equal_answers(backbone, window: int) -> None:
    tagger = built(backbone, window=window)
    words = whole(DATA)[0]
    together = tagger.predict(words)
    assert words.values.shape == (4, 4, 1)
    for i, length in enumerate(words.lengths.tolist()):
        alone = tagger.predict(Padded(words.values[i : i + 1, :length], words.lengths[i : i + 1]))
        torch.testing.assert_close(together["tags"][i, :length], alone["tags"][0], atol=1e-5, rtol=0)
        torch.testing.assert_close(together["classes"][i], alone["classes"][0], atol=1e-5, rtol=0)


def test_the_loss_is_the_mean_over_words_and_the_weighted_one_over_sentences() -> None:
    tagger = built(config=TaggerConfig(class_weight=0.5))
    answers, (_, tags, classes) = tagger.predict(whole(DATA)[0]), whole(DATA)
    of_words = [
        -answers["tags"][i, t].log_softmax(-1)[tags.values[i, t]]
        for i, length in enumerate(tags.lengths.tolist())
        for t in range(length)
    ]
    of_sentences = [-answers["classes"][i].log_softmax(-1)[classes[i]] for i in range(4)]
    expected = sum(of_words) / 10 + 0.5 * sum(of_sentences) / 4
    metrics = tagger.evaluate(DATA)
    assert float(metrics["loss"]) == pytest.approx(float(expected), rel=1e-5)
    assert float(tagger.update(whole(DATA))["loss"]) == pytest.approx(float(expected), rel=1e-5)


def test_chunks_of_the_evaluation_change_nothing() -> None:
    one, all_at_once = built(config=TaggerConfig(evaluation_batch=1)), built()
    first, second = one.evaluate(DATA), all_at_once.evaluate(DATA)
    assert first.keys() == second.keys()
    assert {k: float(v) for k, v in first.items()} == pytest.approx({k: float(v) for k, v in second.items()}, rel=1e-5)


def test_scores_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right: both chunks of the first two requests, one of two classes there; the third has a chunk too many."""
    tagger = built(config=TaggerConfig(scores=("mcc",)))
    said = {"tags": [[0, 1, 2, 2], [2, 0, 1, 1], [2, 0, 0, 0], [2, 0, 0, 0]], "classes": [0, 0, 1, 0]}

    def predict(words: Padded) -> dict:
        return {
            "tags": torch.nn.functional.one_hot(torch.tensor(said["tags"]), 3).float(),
            "classes": torch.nn.functional.one_hot(torch.tensor(said["classes"]), 2).float(),
        }

    monkeypatch.setattr(tagger, "predict", predict)
    metrics = {name: float(value) for name, value in tagger.evaluate(DATA).items()}
    assert metrics["slot_precision"] == pytest.approx(2 / 3)
    assert metrics["slot_recall"] == pytest.approx(2 / 3)
    assert metrics["slot_f1"] == pytest.approx(2 / 3)
    assert metrics["accuracy"] == 0.75
    assert metrics["sentence_accuracy"] == 0.25, "the first alone; of the second the class is wrong"
    assert metrics["mcc"] == pytest.approx(1 / math.sqrt(3))


def test_tags_that_make_sense_together(monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = built(config=TaggerConfig(legal=True), classes=None)
    logits = torch.tensor([[[0.9, 0.0, 1.0], [0.0, 3.0, 0.0]]])  # word by word O I-a; together B-a I-a, as 3.9 > 1.0
    monkeypatch.setattr(tagger, "predict", lambda words: {"tags": logits})
    data = SequenceSet((Ragged(torch.tensor([[4], [5]]), torch.tensor([2])), Ragged.of_lists([[0, 1]])))
    assert tagger.answered({"tags": logits}, torch.tensor([2]))["tags"].tolist() == [[0, 1]]
    metrics = tagger.evaluate(data)
    assert (metrics["slot_f1"], metrics["wordwise_f1"]) == (1.0, 0.0)


def test_a_label_that_training_lacks_is_an_error_without_a_loss() -> None:
    tagger = built()
    tags = Ragged.of_lists([[0, 1, 2], [2, 3, 2, 2], [2, 2], [0]])  # B-b, which the network cannot say
    strange = SequenceSet((DATA.fields[0], tags, torch.tensor([0, 2, 1, 0])))
    known = tagger.evaluate(SequenceSet((DATA.fields[0], tags, torch.tensor([0, 0, 1, 0]))))
    metrics = tagger.evaluate(strange)
    assert math.isfinite(float(metrics["loss"]))
    assert float(metrics["accuracy"]) <= 0.75
    assert float(metrics["slot_recall"]) <= 2 / 3, "three chunks are wanted, one of which cannot be found"
    answers = tagger.predict(whole(strange)[0])["classes"].log_softmax(-1)
    difference = -(answers[0, 0] + answers[2, 1] + answers[3, 0]) / 3
    everything = -(answers[0, 0] + answers[1, 0] + answers[2, 1] + answers[3, 0]) / 4
    assert float(metrics["loss"] - known["loss"]) == pytest.approx(float(difference - everything), abs=1e-5)
    tagger.check(DATA, {"test": strange})


def test_each_question_alone() -> None:
    tags_alone, classes_alone = built(classes=None), built(tags=None)
    spelt = SequenceSet(DATA.fields[:2])
    told = SequenceSet((DATA.fields[0], DATA.fields[2]))
    assert set(tags_alone.evaluate(spelt)) == {"loss", "slot_f1", "slot_precision", "slot_recall"}
    assert set(classes_alone.evaluate(told)) == {"loss", "accuracy"}
    assert set(tags_alone.update(whole(spelt))) == {"loss", "tag_accuracy", "gradient_norm"}
    assert set(classes_alone.update(whole(told))) == {"loss", "accuracy", "gradient_norm"}
    with pytest.raises(ValueError, match="neither tags nor classes"):
        built(tags=None, classes=None)


def test_the_jordan_network_feeds_back_the_tags_it_answers() -> None:
    tagger = built(JordanConfig(width=6, num_outputs=3))
    words = whole(DATA)[0]
    backbone, head = tagger.network.backbone, tagger.network.heads["tags"]
    with torch.no_grad():
        vectors = tagger.network.embedding(words)[0, :3]
        answer = torch.zeros(3)
        for t in range(3):
            hidden = torch.tanh(backbone.hidden(vectors[t]) + backbone.feedback.weight @ answer)
            torch.testing.assert_close(tagger.predict(words)["tags"][0, t], head(hidden))
            answer = head(hidden).softmax(-1)
    assert head is backbone.output
    with pytest.raises(ValueError, match=r"feeds back 5 answers, but there are 3 tags.*num_outputs to 3"):
        built(JordanConfig(width=6, num_outputs=5))


def test_one_batch_is_learnt_by_heart() -> None:
    tagger = built(config=TaggerConfig(optimizer=OptimizerConfig(learning_rate=0.02, max_norm=1.0), legal=True))
    for _ in range(150):
        tagger.update(whole(DATA))
    metrics = {name: float(value) for name, value in tagger.evaluate(DATA).items()}
    assert metrics["loss"] < 0.1
    assert metrics["slot_f1"] == metrics["accuracy"] == metrics["sentence_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("backbone", "window"),
    [
        (BIDIRECTIONAL, 0),
        (RecurrentConfig(width=6), 0),
        (RecurrentConfig(width=6), 1),
        (JordanConfig(num_outputs=3), 0),
    ],
    ids=["bidirectional", "lstm", "window", "jordan"],
)
def test_the_probe_is_satisfied(backbone, window: int) -> None:
    tagger = built(backbone, window=window, word_dropout=0.3, dropout=0.3)
    case = Fit(tagger, BucketedBatches(DATA, 2, Seeds(0)), {}).probe_case()
    assert case.causal is (backbone != BIDIRECTIONAL and not window)
    report = case.probe()
    assert report.passed, f"\n{report}"


def test_a_state_goes_on_exactly() -> None:
    config = TaggerConfig(optimizer=OptimizerConfig(max_norm=0.5))
    first, second = built(config=config), built(replace(BIDIRECTIONAL, initialisation="xavier"), config=config)
    for _ in range(3):
        first.update(whole(DATA))
    second.load_state_dict(first.state_dict())
    for tagger in (first, second):
        tagger.update(whole(DATA))
    assert all(torch.equal(a, b) for a, b in zip(first.network.parameters(), second.network.parameters()))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (DATA.fields[:2], r"The training part has 2 fields, but the tagger reads words and then tags and classes"),
        ((DATA.fields[0], Ragged.of_lists([[0, 1, 2], [2, 0, 1], [2, 2], [0]]), DATA.fields[2]),
         r"Example 1 of the training part .* has 4 words and 3 tags\. Give one tag a word"),
        ((DATA.fields[0], torch.tensor([0, 0, 0, 0]), DATA.fields[2]), r"Example 0 .* has 3 words and 0 tags"),
        ((DATA.fields[0], Ragged.of_lists([[0, 1, 2], [2, 3, 1, 1], [2, 2], [0]]), DATA.fields[2]),
         r"Example 1 of the training part .* has a tag that is not from 0 to 2\. Number tags by the names"),
        ((DATA.fields[0], Ragged.of_lists([[0, 1, 2], [2, 0, 1, 1], [2, 2], [-1]]), DATA.fields[2]),
         r"Example 3 of the training part .* has a tag that is not from 0 to 2"),
        ((DATA.fields[0], Ragged(torch.zeros(10), torch.tensor([3, 4, 2, 1])), DATA.fields[2]),
         r"The tags of the training part have shape \[10\] and type torch\.float32"),
        ((Ragged(torch.ones(9, 1, dtype=torch.int64), torch.tensor([3, 4, 0, 2])), *DATA.fields[1:]),
         r"Example 2 of the training part .* has no words, so there is nothing to read\. Leave it out"),
        ((*DATA.fields[:2], torch.tensor([0, 1, 2, 0])), r"Example 2 of the training part .* has the label 2"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(fields: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        built().check(SequenceSet(fields), {})


def test_a_part_for_judging_may_have_names_of_its_own_and_no_others() -> None:
    tagger = built()
    named = SequenceSet((DATA.fields[0], Ragged.of_lists([[0, 1, 2], [2, 3, 1, 1], [2, 2], [0]]), DATA.fields[2]))
    tagger.check(DATA, {"test": named})
    wrong = SequenceSet((DATA.fields[0], Ragged.of_lists([[0, 1, 2], [2, 0, 1, 1], [2, 4], [0]]), DATA.fields[2]))
    with pytest.raises(ValueError, match=r"Example 2 of the test part .* has a tag that is not from 0 to 3"):
        tagger.check(DATA, {"test": wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"evaluation_batch": 0}, r"evaluation_batch is 0, but it is 1 or more\. Raise it"),
        ({"class_weight": -1.0}, r"class_weight is -1\.0, but it is 0 or more"),
    ],
)
def test_settings_out_of_their_range_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TaggerConfig(**wrong)
