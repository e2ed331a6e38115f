"""The variational autoencoder: its divergence by Monte Carlo, its likelihood by a sum over all codes."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from generative.vae import VAE, VAEConfig, divergence, log_bernoulli
from lab.backbones import MLPConfig
from lab.checkpoint import digest
from lab.data import Dataset
from lab.optim import OptimizerConfig
from lab.seeding import Seeds


def made(inputs: Tensor, size: int = 2, samples: int = 10, rate: float = 1e-2) -> VAE:
    with Seeds(0).initialising("backbone"):
        backbone = MLPConfig(widths=(16,)).build(tuple(inputs.shape[1:]))
    config = VAEConfig(optimizer=OptimizerConfig(learning_rate=rate), size=size)
    return VAE(config, backbone, MLPConfig(widths=(16,)), Seeds(0), importance_samples=samples)


def patterns(count: int = 64) -> Dataset:
    """Bits that are all alike, but for a few that are turned over."""
    draw = torch.Generator().manual_seed(0)
    which = torch.randint(2, (count, 1), generator=draw)
    noise = (torch.rand(count, 12, generator=draw) < 0.05).long()
    return Dataset((which ^ noise).float(), which.squeeze(1))


def test_the_divergence_is_what_draws_give() -> None:
    mean, log_variance = torch.tensor([0.5, -1.0]), torch.tensor([0.3, -0.7])
    code, standard = Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)
    torch.manual_seed(0)
    drawn = code.sample((200_000,))
    estimate = (code.log_prob(drawn) - standard.log_prob(drawn)).sum(-1).mean()
    assert float(divergence(mean, log_variance)) == pytest.approx(float(estimate), abs=0.01)
    assert float(divergence(torch.zeros(3), torch.zeros(3))) == 0.0


def test_log_bernoulli_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)]])
    assert float(log_bernoulli(torch.tensor([[1.0, 1.0]]), logits)) == pytest.approx(math.log(1 / 2 * 3 / 4))
    assert float(log_bernoulli(torch.tensor([[0.0, 0.0]]), logits)) == pytest.approx(math.log(1 / 2 * 1 / 4))


def test_the_likelihood_is_the_integral_over_all_codes() -> None:
    data = patterns()
    learner = made(data.inputs, size=1, samples=5_000)
    for _ in range(20):  # while codes are still wide: of narrow ones, few draws matter and many are needed
        learner.update((data.inputs, data.labels))
    some = Dataset(data.inputs[:8], data.labels[:8])
    # The integral of p(x | z) p(z) over one number, by the trapezoidal rule.
    codes = torch.linspace(-8, 8, 4_001)[:, None]
    with learner.descent.judging(learner.network):
        logits = learner.network.decoder(codes)
    told = log_bernoulli(some.inputs[:, None].expand(-1, 4_001, -1).flatten(0, 1), logits.repeat(8, 1)).view(8, -1)
    density = Normal(0.0, 1.0).log_prob(codes[:, 0])
    exact = (told + density).double().logsumexp(1) + math.log(16 / 4_000)
    judged = learner.evaluate(some)
    assert float(judged["nll"]) == pytest.approx(-float(exact.mean()), abs=5e-3)
    told, apart = learner._bound(some.inputs.repeat(2_000, 1), torch.randn(16_000, 1))
    assert -float((told - apart).mean().detach()) > -float(exact.mean().detach()), "the bound lies below the likelihood"


def test_it_learns_and_makes_up_what_it_saw() -> None:
    data = patterns()
    learner = made(data.inputs)
    before = learner.evaluate(data)
    assert float(before["nelbo"]) == pytest.approx(12 * math.log(2), rel=0.15)
    for _ in range(400):
        learner.update((data.inputs, data.labels))
    after = learner.evaluate(data)
    # One bit for which pattern, and the entropy of twelve bits of which one in twenty is turned.
    entropy = math.log(2) + 12 * -(0.05 * math.log(0.05) + 0.95 * math.log(0.95))
    assert 0.8 * entropy < float(after["nll"]) < 1.2 * entropy
    made_up = learner.sample(200, torch.Generator().manual_seed(1))
    alike = (made_up.round().mean(1) - 0.5).abs()
    assert float((alike > 0.4).float().mean()) > 0.8, "samples are of one of the two kinds"


def test_judging_is_the_same_twice_and_changes_nothing() -> None:
    data = patterns()
    learner = made(data.inputs)
    learner.update((data.inputs, data.labels))
    state = digest(learner.state_dict())
    assert learner.evaluate(data) == learner.evaluate(data)
    assert digest(learner.state_dict()) == state


def test_it_is_resumed_exactly() -> None:
    data = patterns()
    straight, resumed = made(data.inputs), made(data.inputs)
    for _ in range(5):
        straight.update((data.inputs, data.labels))
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    for learner in (straight, resumed):
        for _ in range(5):
            learner.update((data.inputs, data.labels))
    assert digest(straight.state_dict()) == digest(resumed.state_dict())


def test_refused() -> None:
    with pytest.raises(ValueError, match="size is 0"):
        VAEConfig(size=0)
    with pytest.raises(ValueError, match="importance_samples is 0"):
        made(torch.zeros(1, 1), samples=0)
    outside = Dataset(torch.tensor([[0.5], [1.5]]), torch.zeros(2))
    with pytest.raises(ValueError, match="Input 1 of the training set holds numbers outside 0 to 1"):
        made(torch.zeros(1, 1)).check(outside, {})
    grey, bits = Dataset(torch.tensor([[1.0], [0.5]]), torch.zeros(2)), Dataset(torch.ones(1, 1), torch.zeros(1))
    made(torch.zeros(1, 1)).check(grey, {"test": bits})
    with pytest.raises(ValueError, match=r"Input 1 of the test set holds numbers other than 0 and 1.* Draw their bits"):
        made(torch.zeros(1, 1)).check(bits, {"test": grey})
