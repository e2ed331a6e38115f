"""Distances of samples, against closed forms, loops and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from generative import distances
from generative.distances import NEAREST, Reference, compared, expected_coverage, frechet, kernel, neighbourhoods


def drawn(count: int, size: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_frechet_of_shifted_and_stretched_normals_in_closed_form() -> None:
    features = drawn(500, 3)
    features = (features - features.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(features.T)).T)
    assert float(frechet(features, features)) == pytest.approx(0.0, abs=1e-9)
    assert float(frechet(features, features + torch.tensor([3.0, 0.0, 4.0]))) == pytest.approx(25.0)
    # Covariances 1 and 4: (1 - 2)^2 for each of three directions.
    assert float(frechet(features, 2 * features)) == pytest.approx(3.0)


def test_frechet_equals_the_formula_with_scipys_root() -> None:
    real, made = drawn(200) @ drawn(4, seed=1), drawn(150, seed=2) @ drawn(4, seed=3) + 1
    first, second = np.cov(real.T.numpy()), np.cov(made.T.numpy())
    expected = ((real.mean(0) - made.mean(0)) ** 2).sum() + np.trace(
        first + second - 2 * np.real(sqrtm(first @ second))
    )
    assert float(frechet(real, made)) == pytest.approx(float(expected))
    assert float(frechet(made, real)) == pytest.approx(float(expected))


def test_kernel_by_a_loop_and_around_0_for_the_same_distribution() -> None:
    real, made = drawn(7, 3), drawn(5, 3, seed=1) + 0.5

    def k(a: Tensor, b: Tensor) -> float:
        return float((a @ b / 3 + 1) ** 3)

    expected = sum(k(a, b) for i, a in enumerate(real) for j, b in enumerate(real) if i != j) / 42
    expected += sum(k(a, b) for i, a in enumerate(made) for j, b in enumerate(made) if i != j) / 20
    expected -= 2 * sum(k(a, b) for a in real for b in made) / 35
    assert float(kernel(real, made)) == pytest.approx(expected)
    alike = [float(kernel(drawn(100, seed=2 * i), drawn(100, seed=2 * i + 1))) for i in range(30)]
    assert abs(np.mean(alike)) < 3 * np.std(alike) / np.sqrt(30), "unbiased"
    assert min(alike) < 0 < max(alike)


def test_neighbourhoods_by_hand() -> None:
    real = torch.tensor([[0.0], [1.0], [3.0], [10.0]])
    made = torch.tensor([[0.5], [1.4], [30.0]])
    # With one neighbour, real reaches are 1, 1, 2, 7 and made-up ones 0.9, 0.9, 28.6.
    precision, recall, density, coverage = neighbourhoods(real, made, nearest=1)
    # 0.5 lies around 0 and 1; 1.4 around 1 and 3; 30 around none.
    assert float(precision) == pytest.approx(2 / 3)
    assert float(density) == pytest.approx((2 + 2 + 0) / 3)
    assert float(coverage) == pytest.approx(3 / 4)
    # Real 0 and 1 lie around 0.5, 3 and 10 around 30 (27 and 20 away of 28.6).
    assert float(recall) == 1.0


def test_collapse_shows_in_recall_and_noise_in_precision() -> None:
    real = drawn(300)
    one = real[:1] + 0.01 * drawn(300, seed=1)
    precision, recall, _, coverage = neighbourhoods(real, one)
    assert precision > 0.9 > 0.1 > max(recall, coverage)
    precision, recall, density, _ = neighbourhoods(real, 20 * drawn(300, seed=2))
    assert precision < 0.1
    assert density < 0.1
    alike = neighbourhoods(real, drawn(300, seed=3))
    assert all(float(each) > 0.7 for each in alike)


def test_what_is_printed_says_of_what() -> None:
    metrics = compared(drawn(20), drawn(30, seed=1), features="the first layer", split="test part", maker="a die")
    said = str(metrics)
    for part in ("30 made up (a die)", "20 real (test part)", f"{NEAREST} neighbours", "features of the first layer"):
        assert part in said


def test_what_is_known_of_real_ones_leads_to_the_same_numbers_for_all_that_are_held_against_them() -> None:
    real = drawn(40)
    known = Reference(real)
    for seed in (1, 2):
        made = drawn(30, seed=seed)
        named = {"features": "some", "split": "some", "maker": "some"}
        metrics = compared(known, made, **named)
        assert metrics == compared(real, made, **named)
        assert (metrics.precision, metrics.recall, metrics.density, metrics.coverage) == pytest.approx(
            [float(each) for each in neighbourhoods(real, made)]
        )
        assert metrics.kernel == pytest.approx(float(kernel(real, made)))
        assert metrics.frechet == pytest.approx(float(frechet(real, made)))


def test_as_many_at_a_time_as_memory_holds_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = drawn(50), drawn(40, seed=1)
    whole = [float(each) for each in (*neighbourhoods(real, made), kernel(real, made))]
    monkeypatch.setattr(distances, "ROWS", 7)
    assert [float(each) for each in (*neighbourhoods(real, made), kernel(real, made))] == pytest.approx(whole)


def test_two_samples_of_one_distribution_come_near_the_floor() -> None:
    # The bias of the Frechet distance falls with the number of examples, and noise lies far above either.
    few, many = frechet(drawn(200), drawn(200, seed=1)), frechet(drawn(5_000), drawn(5_000, seed=1))
    assert 0 < many < few / 5 < 1
    assert frechet(drawn(200), 3 * drawn(200, seed=1)) > 50 * few


def test_refused() -> None:
    with pytest.raises(ValueError, match="both are"):
        frechet(drawn(5, 3), drawn(5, 4))
    with pytest.raises(ValueError, match="There are 1 real examples, but 2 at least"):
        kernel(drawn(1), drawn(5))
    with pytest.raises(ValueError, match="real examples, but 6 at least"):
        neighbourhoods(drawn(5), drawn(50))
    with pytest.raises(ValueError, match="features of real examples that are not finite"):
        frechet(drawn(5) / 0, drawn(5))
    with pytest.raises(ValueError, match="features of made-up examples that are not finite"):
        frechet(drawn(5), drawn(5) / 0)
    with pytest.raises(ValueError, match="There are 3 real examples, but 6 at least are taken"):
        Reference(drawn(3))


def test_the_expected_coverage_by_hand_and_by_draws() -> None:
    # Of one other real example and one made up, the nearer one is as often either.
    assert expected_coverage(2, 1, nearest=1) == pytest.approx(1 / 2)
    # (9 / 14) (8 / 13): both of the nearest two of 9 real and 5 made-up ones are real.
    assert expected_coverage(10, 5, nearest=2) == pytest.approx(1 - 72 / 182)
    draw = torch.Generator().manual_seed(0)
    covered = [
        neighbourhoods(torch.rand(10, 3, generator=draw), torch.rand(5, 3, generator=draw), 2)[3] for _ in range(300)
    ]
    assert float(torch.stack(covered).mean()) == pytest.approx(expected_coverage(10, 5, nearest=2), abs=0.02)
