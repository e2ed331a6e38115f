"""Updates that a GPU records: the bits of those that it does not, and resumed exactly. On a processor, nothing is."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor

from lab import recording
from lab.backbones import ResidualConfig, TransformerConfig
from lab.checkpoint import digest
from lab.data import Vocabulary
from lab.optim import OptimizerConfig
from lab.provenance import fixed_bits
from lab.schedules import cosine
from lab.seeding import Seeds
from lab.trial import Metrics
from supervised.classifier import Classifier, ClassifierConfig
from supervised.language_model import LanguageModel, LanguageModelConfig

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
DECAY = cosine(1.0, 0.1, 30, warmup_steps=4)
OPTIMIZERS = {
    "sgd": OptimizerConfig(kind="sgd", decay=DECAY),
    "nesterov": OptimizerConfig(kind="nesterov", l2=1e-3, decay=DECAY, average=0.9),
    "rmsprop": OptimizerConfig(kind="rmsprop", decay=DECAY),
    "adamw": OptimizerConfig(kind="adamw", weight_decay=0.1, max_norm=0.5, decay=DECAY),
    "l1": OptimizerConfig(kind="adam", l1=1e-3, max_value=0.1),
}
LEARNERS = ("classifier", "classifier-bfloat16", "language-model", "language-model-bfloat16")
Learner = Classifier | LanguageModel


def made(kind: str, optimizer: OptimizerConfig, device: str = "cuda") -> Learner:
    bfloat16 = kind.endswith("bfloat16")
    with Seeds(0).initialising("backbone"):
        if kind.startswith("classifier"):
            images = ResidualConfig(channels=(8, 16), dropout=0.1).build((1, 8, 8))
            config = ClassifierConfig(optimizer=optimizer, bfloat16=bfloat16)
            return Classifier(config, images, 3, Seeds(0), device)
        text = TransformerConfig(width=32, num_heads=2, causal=True, pool="last", dropout=0.1).build((16, 8))
    return LanguageModel(
        LanguageModelConfig(optimizer=optimizer, bfloat16=bfloat16), text, Vocabulary(tuple("abcd")), Seeds(0), device
    )


def batches(learner: Learner, count: int, device: str = "cuda") -> list[tuple[Tensor, Tensor]]:
    draw = torch.Generator().manual_seed(1)
    if isinstance(learner, Classifier):
        pairs = [(torch.rand(8, 1, 8, 8, generator=draw), torch.randint(3, (8,), generator=draw)) for _ in range(count)]
    else:
        drawn = [torch.randint(4, (8, 17), generator=draw) for _ in range(count)]
        pairs = [(each[:, :-1], each[:, 1:]) for each in drawn]
    return [(inputs.to(device), labels.to(device)) for inputs, labels in pairs]


def taught(learner: Learner, given: list[tuple[Tensor, Tensor]]) -> list[dict[str, float]]:
    return [{name: float(value) for name, value in learner.update(batch).items()} for batch in given]


@pytest.fixture
def exact() -> Any:
    with fixed_bits(1, deterministic=True):
        yield


def test_on_a_processor_an_update_is_what_it_was() -> None:
    learner = made("classifier", OPTIMIZERS["nesterov"], "cpu")
    metrics: Metrics = {}
    for batch in batches(learner, 6, "cpu"):
        metrics = learner.update(batch)
    assert learner.descent.updates == 6
    assert set(metrics) == {"loss", "accuracy", "learning_rate"}
    assert metrics["learning_rate"] == pytest.approx(1e-3 * DECAY(5))


@on_gpu
@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_recording_changes_no_bit(
    kind: str, optimizer: OptimizerConfig, monkeypatch: pytest.MonkeyPatch, exact: None
) -> None:
    recorded, plain = made(kind, optimizer), made(kind, optimizer)
    given = batches(recorded, 12)
    torch.manual_seed(0)
    measured = taught(recorded, given)
    assert recorded.updating.recorded._recordings, "nothing was recorded"
    monkeypatch.setattr(recording, "WARM_UPS", 10**9)
    torch.manual_seed(0)
    assert taught(plain, given) == measured
    assert digest(plain.state_dict()) == digest(recorded.state_dict())
    if optimizer.average is not None:
        assert plain.descent.average is not None
        assert recorded.descent.average is not None
        assert plain.descent.average.count == recorded.descent.average.count == 12


@on_gpu
@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_it_is_resumed_exactly(kind: str, optimizer: OptimizerConfig, exact: None) -> None:
    straight, resumed = made(kind, optimizer), made(kind, optimizer)
    given = batches(straight, 16)
    taught(straight, given[:8])
    state, generator = deepcopy(straight.state_dict()), torch.cuda.get_rng_state()
    measured = taught(straight, given[8:])
    resumed.load_state_dict(state)
    torch.cuda.set_rng_state(generator)
    assert taught(resumed, given[8:]) == measured
    assert digest(straight.state_dict()) == digest(resumed.state_dict())
