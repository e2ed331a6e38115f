"""How far made-up examples are from real ones, by the features of both. Pure functions; arithmetic in float64.

All depend on how many examples there are and on what made the features, so numbers of which these differ cannot be
compared: `SampleMetrics` says both whenever it is printed.

Sources: Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium" (the
Frechet distance); Binkowski et al. 2018, "Demystifying MMD GANs" (the kernel distance); Kynkaanniemi et al. 2019,
"Improved precision and recall metric for assessing generative models"; Naeem et al. 2020, "Reliable fidelity and
diversity metrics for generative models" (density and coverage).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

NEAREST = 5  # neighbours that span an example's surroundings
ROWS = 500  # examples at a time whose distances from all others are held in memory


@dataclass(frozen=True, kw_only=True)
class SampleMetrics:
    """What was measured, and of what: without the latter the numbers mean nothing."""

    frechet: float  # 0 where mean and covariance of the features agree
    kernel: float  # 0 on average where their distributions agree, and then as often below it
    precision: float  # share of the made-up ones among the surroundings of real ones
    recall: float  # share of the real ones among the surroundings of made-up ones
    density: float  # surroundings of real ones that a made-up one lies in, over how many are expected; 1 for real ones
    coverage: float  # share of the real ones in whose surroundings there is a made-up one
    num_real: int
    num_made: int
    features: str  # what made the features: network, weights, mode
    split: str  # which real examples: "the 10,000 test images of Fashion-MNIST"
    maker: str  # what made up the others, and in which mode: "the generator in eval mode"

    def __str__(self) -> str:
        return (
            f"Frechet {self.frechet:.4g}, kernel {self.kernel:.4g}, precision {self.precision:.3f}, recall "
            f"{self.recall:.3f}, density {self.density:.3f}, coverage {self.coverage:.3f}: {self.num_made:,} made up "
            f"({self.maker}) against {self.num_real:,} real ({self.split}), {NEAREST} neighbours, features of "
            f"{self.features}"
        )


def expected_coverage(num_real: int, num_made: int, nearest: int = NEAREST) -> float:
    """What coverage is on average where the made-up examples come from where the real ones do.

    A real example's surroundings are missed where its `nearest` nearest of all others, real and made up, are all real:
    the product over i = 1 .. nearest of (N - i) / (M + N - i). Naeem et al. 2020, section 3.
    """
    missed = prod((num_real - i) / (num_made + num_real - i) for i in range(1, nearest + 1))
    return 1 - missed


class Reference:
    """The features of real examples, and all that the distances ask of these alone, which is found once."""

    def __init__(self, features: Tensor):
        """Features [N, D], more than NEAREST of them. Raises ValueError for other ones."""
        _check_one(features, "real", least=NEAREST + 1)
        self.features = features.double()
        self.reach = _to_nearest(self.features, NEAREST)  # [N]
        self.alike = _alike_within(self.features)


def compared(real: Tensor | Reference, made: Tensor, *, features: str, split: str, maker: str) -> SampleMetrics:
    """All of them, of features [N, D] and [M, D]."""
    known = real if isinstance(real, Reference) else Reference(real)
    _check(known.features, made, least=NEAREST + 1)
    made = made.double()
    precision, recall, density, coverage = _neighbourhoods(known.features, known.reach, made, NEAREST)
    return SampleMetrics(
        frechet=float(frechet(known.features, made)),
        kernel=float(_kernel(known.features, known.alike, made)),
        precision=float(precision),
        recall=float(recall),
        density=float(density),
        coverage=float(coverage),
        num_real=len(known.features),
        num_made=len(made),
        features=features,
        split=split,
        maker=maker,
    )


def frechet(real: Tensor, made: Tensor) -> Tensor:
    """The squared Frechet distance of the normal distributions with the features' means and covariances: a scalar.

    |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)), features [N, D] and [M, D], at least two of each. The trace of the root is
    the sum of the roots of the eigenvalues of C^(1/2) C' C^(1/2), which is symmetric: no root of a product is formed,
    which has no real one where rounding made it indefinite.
    """
    _check(real, made)
    real, made = real.double(), made.double()
    (mean, covariance), (other_mean, other_covariance) = _moments(real), _moments(made)
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    between = torch.linalg.eigvalsh(root @ other_covariance @ root).clamp(min=0).sqrt().sum()
    apart = (mean - other_mean).square().sum()
    return apart + covariance.trace() + other_covariance.trace() - 2 * between


def kernel(real: Tensor, made: Tensor) -> Tensor:
    """The squared maximum mean discrepancy by the kernel (x . y / D + 1)^3, unbiased: a scalar.

    Features [N, D] and [M, D], at least two of each.
    """
    _check(real, made)
    real = real.double()
    return _kernel(real, _alike_within(real), made.double())


def _kernel(real: Tensor, alike: Tensor, made: Tensor) -> Tensor:
    between = _alike(real, made) / (len(real) * len(made))
    return alike + _alike_within(made) - 2 * between


def _alike_within(features: Tensor) -> Tensor:
    """The kernel's mean over all pairs of two different ones of features [N, D]."""
    count, size = features.shape
    itself = (features.square().sum(1) / size + 1).pow(3).sum()
    return (_alike(features, features) - itself) / (count * (count - 1))


def _alike(a: Tensor, b: Tensor) -> Tensor:
    """The kernel's sum over all pairs of features [N, D] and [M, D]."""
    total = a.new_zeros(())
    for part in a.split(ROWS):
        similar = part @ b.T / a.shape[1] + 1
        total = total + (similar * similar * similar).sum()  # several times as fast as the power 3
    return total


def neighbourhoods(real: Tensor, made: Tensor, nearest: int = NEAREST) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Precision, recall, density and coverage of features [N, D] and [M, D].

    The surroundings of an example reach as far as the `nearest`th of its own kind. Raises ValueError where there are
    not so many.
    """
    _check(real, made, least=nearest + 1)
    real = real.double()
    return _neighbourhoods(real, _to_nearest(real, nearest), made.double(), nearest)


def _neighbourhoods(real: Tensor, reach: Tensor, made: Tensor, nearest: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    made_reach = _to_nearest(made, nearest)
    lain_in = torch.zeros(len(made), dtype=torch.int64, device=made.device)  # surroundings of real ones, by each
    covered, recalled = [], []
    for part, its_reach in zip(real.split(ROWS), reach.split(ROWS)):
        distances = torch.cdist(part, made)  # [R, M]
        inside = distances <= its_reach[:, None]  # made-up ones in the surroundings of real ones
        lain_in += inside.sum(0)
        covered.append(inside.any(1))
        recalled.append((distances <= made_reach).any(1))
    precision, density = (lain_in > 0).double().mean(), lain_in.double().mean() / nearest
    return precision, torch.cat(recalled).double().mean(), density, torch.cat(covered).double().mean()


def _to_nearest(features: Tensor, nearest: int) -> Tensor:
    """How far the `nearest`th other one is from each of features [N, D]: [N]."""
    count = nearest + 1  # each is the nearest to itself
    return torch.cat(
        [torch.cdist(part, features).topk(count, largest=False).values[:, -1] for part in features.split(ROWS)]
    )


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    return features.mean(0), torch.cov(features.T).reshape(features.shape[1], -1)


def _check(real: Tensor, made: Tensor, least: int = 2) -> None:
    if real.ndim != 2 or made.ndim != 2 or real.shape[1] != made.shape[1]:
        raise ValueError(
            f"The features are {list(real.shape)} and {list(made.shape)}, but both are [examples, D] with the same D. "
            "Flatten them, and let the same network make both."
        )
    _check_one(real, "real", least)
    _check_one(made, "made-up", least)


def _check_one(features: Tensor, kind: str, least: int) -> None:
    if features.ndim != 2:
        raise ValueError(
            f"The features of {kind} examples are {list(features.shape)}, not [examples, D]. Flatten them."
        )
    if len(features) < least:
        raise ValueError(f"There are {len(features)} {kind} examples, but {least} at least are taken. Give more.")
    if not features.isfinite().all():
        raise ValueError(
            f"There are features of {kind} examples that are not finite, so no distance is. Look at what made them."
        )
