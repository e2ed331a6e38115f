"""Training by several processes together: the same gradients as by one, and none goes its own way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import isclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from generative.autoencoder import Autoencoder, AutoencoderConfig
from generative.pixel_networks import PixelCNNConfig
from generative.pixels import PixelModel, PixelModelConfig
from generative.vae import VAE, VAEConfig
from lab import parallel
from lab.backbones import MLPConfig, TransformerConfig
from lab.best import Best
from lab.data import Batches, Dataset, Vocabulary
from lab.fit import Fit
from lab.normalisation import Normalisation
from lab.one_network import OneNetwork
from lab.optim import Descent, NonFinite, OptimizerConfig
from lab.run import Averages, NonFiniteMetric
from lab.seeding import Seeds
from lab.stopping import StoppingConfig
from supervised.classifier import Classifier, ClassifierConfig
from supervised.language_model import LanguageModel, LanguageModelConfig
from supervised.multitask import MultiTaskClassifier, MultiTaskConfig
from supervised.regressor import Regressor, RegressorConfig
from tests.together import together

ROOT = Path(__file__).parents[2]
EXAMPLES = 24
OPTIMIZER = OptimizerConfig(learning_rate=1e-2)
HIDDEN = MLPConfig(widths=(6,), activation="tanh")


def drawn(*shape: int) -> Tensor:
    return torch.randn(EXAMPLES, *shape, generator=torch.Generator().manual_seed(0))


def bits(*shape: int) -> Tensor:
    return (drawn(*shape) > 0).to(torch.get_default_dtype())


CLASSES = torch.arange(EXAMPLES) % 3


def classifier() -> tuple[Any, Dataset]:
    learner = Classifier(ClassifierConfig(optimizer=OPTIMIZER), HIDDEN.build((5,)), 3, Seeds(0))
    return learner, Dataset(drawn(5), CLASSES)


def regressor() -> tuple[Any, Dataset]:
    labels = drawn()
    learner = Regressor(RegressorConfig(optimizer=OPTIMIZER), HIDDEN.build((5,)), Normalisation.fit(labels), Seeds(0))
    return learner, Dataset(drawn(5), labels)


def language_model() -> tuple[Any, Dataset]:
    backbone = TransformerConfig(width=8, num_heads=2, num_layers=1, feedforward_width=8, causal=True).build((4, 8))
    symbols = (drawn(5) > 0).long()
    config = LanguageModelConfig(optimizer=OPTIMIZER)
    return LanguageModel(config, backbone, Vocabulary(("a", "b")), Seeds(0)), Dataset(symbols[:, :-1], symbols[:, 1:])


def autoencoder() -> tuple[Any, Dataset]:
    config = AutoencoderConfig(optimizer=OPTIMIZER, size=2, corruption=0.3)
    return Autoencoder(config, HIDDEN.build((5,)), HIDDEN, Seeds(0)), Dataset(drawn(5), CLASSES)


def vae() -> tuple[Any, Dataset]:
    return VAE(VAEConfig(optimizer=OPTIMIZER, size=2), HIDDEN.build((5,)), HIDDEN, Seeds(0)), Dataset(bits(5), CLASSES)


def pixel_model() -> tuple[Any, Dataset]:
    network = PixelCNNConfig(channels=2, blocks=1, first_kernel_size=3)
    model = PixelModel(PixelModelConfig(optimizer=OPTIMIZER), network, (1, 4, 4), Seeds(0))
    return model, Dataset(bits(1, 4, 4), CLASSES)


LEARNERS: dict[type, Callable[[], tuple[Any, Dataset]]] = {
    Classifier: classifier,
    Regressor: regressor,
    LanguageModel: language_model,
    Autoencoder: autoencoder,
    VAE: vae,
    PixelModel: pixel_model,
}


@contextmanager
def in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def fit_of(build: Callable[[], tuple[Any, Dataset]], batch_size: int = 12) -> Fit:
    with Seeds(0).initialising("backbone"):
        learner, dataset = build()
    return Fit(learner, Batches(dataset, batch_size, Seeds(1)), {})


def trained() -> list[tuple[list[Tensor], list[Tensor]]]:
    """Of each learner the gradients of the first update, and the weights after six."""
    found = []
    with in_float64():
        for build in LEARNERS.values():
            fit = fit_of(build)
            fit.step()
            parameters = list(fit.learner.network.parameters())
            gradients = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]
            for _ in range(5):
                fit.step()
            found.append((gradients, [p.detach().clone() for p in parameters]))
    return found


def apart(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """The distance of all numbers together, as a share of their length."""
    mine, other = (torch.cat([each.flatten() for each in tensors]) for tensors in (ours, theirs))
    assert mine.dtype == torch.float64
    return float((mine - other).norm() / other.norm())


def test_two_processes_have_the_gradients_of_one() -> None:
    alone, both = trained(), together(trained)
    for learner, one, first, second in zip(LEARNERS, alone, *both):
        assert float(torch.cat([each.flatten() for each in one[0]]).norm()) > 1e-3, learner
        assert apart(first[0], one[0]) < 1e-12, learner
        assert apart(first[1], one[1]) < 1e-10, learner
        for mine, other in zip(first[0] + first[1], second[0] + second[1]):
            assert torch.equal(mine, other), f"{learner}: the processes differ"


def test_every_learner_that_says_so_is_held_to_it() -> None:
    said = set()
    for wing in ("supervised", "generative"):
        for path in (ROOT / wing).glob("*.py"):
            module = import_module(f"{wing}.{path.stem}")
            said |= {each for each in vars(module).values() if isclass(each) and getattr(each, "mean_over_examples", 0)}
    assert said == set(LEARNERS), "give each a small case above"
    assert not OneNetwork.mean_over_examples


def by_hand() -> list[Any]:
    rank = parallel.rank()
    whole, mine = torch.arange(6.0), torch.full((2, 2), float(rank))
    parallel.average([mine, first := torch.tensor(3.0 * rank)])
    turned = torch.arange(4.0).view(2, 2).T * rank  # memory in another order
    parallel.average([turned])
    kept = torch.tensor([2.0 * rank])
    means = parallel.averaged({"kept": kept})
    return [
        parallel.size(), rank, parallel.share(whole).tolist(), mine.tolist(), float(first), turned.tolist(),
        float(kept), float(means["kept"]), parallel.gathered("ab"[rank]), parallel.from_first(rank),
    ]  # fmt: skip


def test_what_processes_tell_each_other() -> None:
    first, second = together(by_hand)
    shared = [[[0.5, 0.5], [0.5, 0.5]], 1.5, [[0.0, 1.0], [0.5, 1.5]]]
    assert first == [2, 0, [0.0, 1.0, 2.0], *shared, 0.0, 1.0, ["a", "b"], 0]
    assert second == [2, 1, [3.0, 4.0, 5.0], *shared, 2.0, 1.0, ["a", "b"], 0]
    assert (parallel.size(), parallel.rank(), parallel.gathered(7)) == (1, 0, [7])


def gone_apart() -> None:
    parallel.same(parallel.rank())


def test_states_that_have_come_apart_are_told() -> None:
    with pytest.raises(RuntimeError, match=r"should have come to the same, but by rank they have \[0, 1\]"):
        together(gone_apart)


def not_finite_in_one() -> list[str]:
    """A loss, then a gradient, that only the second process has; and a metric."""
    said, mine = [], parallel.rank() == 1
    weight = nn.Parameter(torch.ones(2))
    for scale, root in ((math.inf if mine else 1.0, False), (1.0, mine)):
        loss = (weight * scale).sum() if not root else (weight - weight).sqrt().sum()
        try:
            Descent([weight], OPTIMIZER).descend(loss)
        except NonFinite as error:
            said.append(error.metric)
        assert weight.tolist() == [1.0, 1.0]
    averages = Averages()
    averages.add(7, {"loss": math.nan if mine else 1.0})
    for look in (averages.take, averages.state_dict):
        try:
            look()
        except NonFiniteMetric as error:
            said.append(str(error).partition(" at step 7")[0])
    return said


def test_what_is_not_finite_in_one_stops_both_alike() -> None:
    first, second = together(not_finite_in_one)
    assert first == second
    assert first == ["loss", "the gradient norm of loss", *2 * ["The training metric 'loss' became nan"]]


def stopped() -> tuple[str, int, int]:
    """The second process wants to stop after its fifth step."""
    agreed, asked = parallel.Agreement(), []
    gathered, parallel.gathered = parallel.gathered, lambda value: asked.append(value) or gathered(value)  # type: ignore
    for step in range(1, 100_000):
        if reason := agreed("enough" if parallel.rank() == 1 and step >= 5 else ""):
            return reason, step, len(asked)
    return "never", 0, 0


def test_one_that_stops_stops_both_at_the_same_step() -> None:
    first, second = together(stopped)
    assert first == second
    assert first[0] == "enough"
    assert first[1] >= 5
    assert first[2] <= 5, "in a loop of small steps they ask each other rarely"
    assert parallel.Agreement()("enough") == "enough"


def with_batch_norm() -> list[Any]:
    def build() -> tuple[Any, Dataset]:
        backbone = MLPConfig(widths=(2,), batch_norm=True).build((5,))
        return Classifier(ClassifierConfig(optimizer=OPTIMIZER), backbone, 3, Seeds(0)), Dataset(drawn(5), CLASSES)

    fit = fit_of(build)
    inputs, _ = fit.batches.next()
    linear = next(part for part in fit.learner.network.modules() if isinstance(part, nn.Linear))
    seen = linear(inputs).detach()
    fit.batches.load_state_dict({"epoch": 0, "position": 0})
    fit.step()
    norm = next(part for part in fit.learner.network.modules() if isinstance(part, nn.BatchNorm1d))
    return [seen, norm.running_mean, norm.running_var]


def test_running_statistics_are_the_means_of_those_of_the_parts() -> None:
    first, second = together(with_batch_norm)
    seen, mean, variance = first
    parts = torch.stack(seen.chunk(2))  # [2, 6, 2]
    torch.testing.assert_close(mean, 0.1 * parts.mean(1).mean(0))
    torch.testing.assert_close(variance, 0.9 + 0.1 * parts.var(1).mean(0))
    assert torch.equal(mean, second[1])
    assert torch.equal(variance, second[2])


class _Judged:
    """Its loss improves in the first process alone."""

    def __init__(self) -> None:
        self.judgements = 0

    def evaluate(self, dataset: Any) -> dict[str, float]:
        self.judgements += 1
        return {"loss": -float(self.judgements) if parallel.rank() == 0 else 1.0}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Any) -> None: ...


def judged() -> bool:
    best = Best(_Judged(), StoppingConfig(patience=2, judge_every=1), 2, {"dev": None})
    for updates in range(1, 5):
        best.observe(updates)
    return best.exhausted


def test_early_stopping_goes_by_the_first() -> None:
    assert together(judged) == [False, False]


def test_what_cannot_be_shared_is_refused() -> None:
    fit = fit_of(classifier, batch_size=9)
    parallel.check_divisible(fit, 3)
    with pytest.raises(ValueError, match=r"devices is 2, .* batch of 9 .* multiple of 2, such as 8 or 10"):
        parallel.check_divisible(fit, 2)
    with pytest.raises(ValueError, match="such as 12, or devices"):
        parallel.check_divisible(fit, 12)
    learner = MultiTaskClassifier(MultiTaskConfig(), HIDDEN.build((5,)), ["a"], Seeds(0))
    several = Fit(learner, Batches(Dataset(drawn(5), bits(1)), 8, Seeds(0)), {})
    parallel.check_divisible(several, 1)
    with pytest.raises(ValueError, match=r"loss of a MultiTaskClassifier is not the plain mean.*--devices 1"):
        parallel.check_divisible(several, 2)
    with pytest.raises(ValueError, match="Best has no batches"):
        parallel.check_divisible(object.__new__(Best), 2)


def test_each_process_needs_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    parallel.check_devices(torch.device("cpu"), 64)
    parallel.check_devices(torch.device("cuda:0"), 1)
    with pytest.raises(ValueError, match=r"devices is 0. It must be at least 1"):
        parallel.check_devices(torch.device("cpu"), 0)
    with pytest.raises(ValueError, match="devices is 2, but this machine has 1 GPU and each process takes one"):
        parallel.check_devices(torch.device("cuda"), 2)
    with pytest.raises(ValueError, match=r"run.device is 'cuda:0', which is one"):
        parallel.check_devices(torch.device("cuda:0"), 2)
