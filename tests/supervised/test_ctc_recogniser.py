"""The CTC recogniser: it learns, judges as decoded, does not see padding, resumes, and refuses what it cannot learn."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lab.backbones import RecurrentConfig, TransformerConfig
from lab.checkpoint import digest
from lab.data.sequences import Padded, Ragged, SequenceSet
from lab.optim import OptimizerConfig
from lab.seeding import Seeds
from supervised.ctc import ctc_loss, decode_greedily, search_prefixes
from supervised.ctc_recogniser import CTCConfig, CTCRecogniser
from supervised.subsampling import SubsamplingConfig
from supervised.word_errors import word_error_rate

NUM_LABELS = 3
BLSTM = RecurrentConfig(width=8, bidirectional=True)


def recogniser(
    *widths: int, backbone: RecurrentConfig | TransformerConfig = BLSTM, seed: int = 0, **settings
) -> CTCRecogniser:
    seeds = Seeds(seed)
    config = CTCConfig(optimizer=OptimizerConfig(learning_rate=0.02), **settings)
    with seeds.initialising("network"):
        subsampling = SubsamplingConfig(widths=widths).build(4)
        return CTCRecogniser(config, subsampling, backbone.build((40, subsampling.out_features)), NUM_LABELS, seeds)


def spoken(count: int, seed: int = 0) -> SequenceSet:
    """Labels of 1 to 3, each 3 steps of its own feature, after 1 or 2 steps of the fourth."""
    generator = torch.Generator().manual_seed(seed)
    features, labels = [], []
    for _ in range(count):
        said = torch.randint(NUM_LABELS, (int(torch.randint(1, 4, (), generator=generator)),), generator=generator)
        parts: list[Tensor] = []
        for label in said.tolist():
            parts += [torch.full((int(torch.randint(1, 3, (), generator=generator)),), 3), torch.full((3,), label)]
        clean = torch.nn.functional.one_hot(torch.cat(parts), 4).float()
        features.append(clean + 0.1 * torch.randn(clean.shape, generator=generator))
        labels.append(said)
    return SequenceSet((Ragged.of(features), Ragged.of(labels)))


def batch(dataset: SequenceSet, *indices: int) -> tuple[Padded, Padded]:
    features, labels = dataset.batch(torch.tensor(indices))
    assert isinstance(features, Padded)
    assert isinstance(labels, Padded)
    return features, labels


@pytest.mark.parametrize("backbone", [BLSTM, TransformerConfig(width=16, num_layers=1)], ids=["blstm", "transformer"])
def test_learns_what_is_said_though_not_when(backbone: RecurrentConfig | TransformerConfig) -> None:
    learner, training, test = recogniser(8, backbone=backbone, beam_width=3), spoken(64), spoken(40, seed=1)
    before = learner.evaluate(test)
    for i in range(250):
        metrics = learner.update(batch(training, *[(16 * i + k) % 64 for k in range(16)]))
    after = learner.evaluate(test)
    assert set(after) == {"loss", "wer", "wer_beam"}
    assert float(before["wer"]) > 0.5
    assert float(after["wer"]) < 0.05
    assert float(after["wer_beam"]) < 0.05
    assert float(metrics["loss"]) < 0.2 < float(before["loss"])


def test_judges_as_decoded_and_in_nats_a_label() -> None:
    learner, data = recogniser(6, evaluation_batch=3, beam_width=2), spoken(7)
    metrics = learner.evaluate(data)
    features, labels = batch(data, *range(7))
    logits, lengths = learner.predict(features)
    said = [data.fields[1][i].tolist() for i in range(7)]
    num_labels = sum(map(len, said))
    assert float(metrics["loss"]) == pytest.approx(
        float(ctc_loss(logits, lengths, labels).sum()) / num_labels, rel=1e-5
    )
    greedy = decode_greedily(logits, lengths)
    assert metrics["wer"] == word_error_rate(greedy, said)
    each = [logits[i, :length].log_softmax(-1) for i, length in enumerate(lengths.tolist())]
    assert metrics["wer_beam"] == word_error_rate([search_prefixes(one, 2)[0][0] for one in each], said)
    assert set(recogniser().evaluate(data)) == {"loss", "wer"}, "no search unless it is asked for"


@pytest.mark.parametrize("backbone", [BLSTM, TransformerConfig(width=8, num_layers=1)], ids=["blstm", "transformer"])
def test_a_sequence_alone_is_as_in_a_batch(backbone: RecurrentConfig | TransformerConfig) -> None:
    learner, data = recogniser(6, 6, backbone=backbone), spoken(6)
    together = learner.predict(batch(data, *range(6))[0])
    for i in range(6):
        alone = learner.predict(batch(data, i)[0])
        length = int(alone.lengths[0])
        assert int(together.lengths[i]) == length
        torch.testing.assert_close(together.values[i, :length], alone.values[0], atol=1e-5, rtol=0)


def test_resumes_exactly() -> None:
    data = spoken(16)
    straight, resumed = recogniser(6), recogniser(6, seed=1)
    for i in range(5):
        straight.update(batch(data, i, i + 1))
    resumed.load_state_dict(straight.state_dict())
    for learner in (straight, resumed):
        for i in range(5):
            learner.update(batch(data, i + 5, i + 8))
    assert digest(straight.state_dict()) == digest(resumed.state_dict())


def test_passes_the_probe() -> None:
    report = recogniser(6).probe_case(spoken(6)).probe(directions=1)
    assert report.passed, f"\n{report}"


def test_a_label_out_of_range_is_refused() -> None:
    good, data = spoken(70), spoken(70)
    labels = data.fields[1]
    assert isinstance(labels, Ragged)
    for wrong in (NUM_LABELS, -1):
        values = labels.values.clone()
        values[labels.starts[66]] = wrong
        bad = SequenceSet((data.fields[0], Ragged(values, labels.lengths)))
        with pytest.raises(ValueError, match=rf"Example 66 of the test part .*\[{wrong}.*, but there are 3: 0 to 2\."):
            recogniser().check(good, {"test": bad})
    recogniser().check(good, {"test": data})


def test_labels_that_take_more_steps_than_there_are_are_refused() -> None:
    features = Ragged.of([torch.randn(8, 4), torch.randn(9, 4)])
    data = SequenceSet((features, Ragged.of_lists([[0, 1, 2], [0, 0]])))
    recogniser(6).check(data, {})
    with pytest.raises(
        ValueError,
        match=r"Example 0 of the training part \(counted from 0\) has 3 labels, which take 3 steps to say, but its 8 "
        r"frames become 2 steps\. Leave it out, or subsample less",
    ):
        recogniser(6, 6).check(data, {})
    repeated = SequenceSet((Ragged.of([torch.randn(4, 4)]), Ragged.of_lists([[1, 1, 1]])))
    with pytest.raises(ValueError, match=r"of the dev part .*has 3 labels, which take 5 steps"):
        recogniser().check(data, {"dev": repeated})


@pytest.mark.parametrize(("name", "value", "least"), [("evaluation_batch", 0, 1), ("beam_width", -1, 0)])
def test_settings_out_of_their_range_are_refused(name: str, value: int, least: int) -> None:
    with pytest.raises(ValueError, match=rf"{name} is {value}, but it is {least} or more\. Raise it"):
        CTCConfig(**{name: value})
