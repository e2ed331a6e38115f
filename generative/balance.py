"""How two adversaries stand, watched as they learn: a collapse or a runaway is named once, when it begins."""

from __future__ import annotations

import logging
from math import sqrt

import torch
from torch import Tensor

from generative.distances import SampleMetrics, expected_coverage

log = logging.getLogger("lab")

EVERY = 500  # updates of the discriminator, over which its standing is averaged before it is looked at
WON = 0.995  # share of pictures told right, from which on the generator has nothing to go by
COLLAPSED = 0.1  # of the spread of real pictures, below which made-up ones are nearly all alike
REPEATED = 0.05  # of the coverage that real pictures would have, below which made-up ones repeat a few
AMONG_REAL = 0.5  # precision from which on they are those of a generator that has learnt something
CERTAIN = 30.0  # between answers: by the logistic of half of it, a discriminator errs once in three million


class Balance:
    """Means over many updates of three numbers, and a warning for each when it leaves its bounds.

    It stands outside a run's state: nothing that is learnt depends on it, and a run that is taken up again says anew
    what is the matter. On a GPU the means are read a period after they were sent off, so that nothing waits for them.
    """

    def __init__(self, *, signed: bool, pixels: int, every: int = EVERY):
        """`signed`: an answer above 0 says "real". Where it does not, answers are distances (Wasserstein), which cannot
        exceed those of pictures of `pixels` numbers in [0, 1] by much.
        """
        self.signed, self.every = signed, every
        self.farthest = CERTAIN if signed else max(CERTAIN, sqrt(pixels))
        self.amiss: dict[str, bool] = {}  # by the trouble's name, whether it was so when last looked at
        self._sum: Tensor | None = None
        self._count = 0
        self._sent: tuple[Tensor, torch.cuda.Event, int] | None = None

    def observe(self, updates: int, right: Tensor, gap: Tensor, spread: Tensor) -> None:
        """Takes in an update: scalars on the device. `right` is the share of pictures that the discriminator told
        right, `gap` what its answers to real pictures lie above those to made-up ones, `spread` that of the made-up
        ones as a share of the real ones'.
        """
        standing = torch.stack([right, gap, spread])
        self._sum = standing if self._sum is None else self._sum + standing
        self._count += 1
        if self._count < self.every:
            return
        mean, self._sum, self._count = self._sum / self._count, None, 0
        if not mean.is_cuda:
            self._look(mean, updates)
            return
        if self._sent is not None:
            earlier, arrived, when = self._sent
            arrived.synchronize()  # a period ago, so that it does not wait
            self._look(earlier, when)
        copy, arrived = mean.to("cpu", non_blocking=True), torch.cuda.Event()
        arrived.record()
        self._sent = copy, arrived, updates

    def judged(self, spread: float) -> None:
        """Takes in the spread of many pictures, as they are made where they are judged."""
        self._tell(
            "collapsed",
            spread < COLLAPSED,
            f"The generator has collapsed: its pictures differ by {100 * spread:.1f} % of what real ones do. Lower its "
            "learning rate, give the discriminator more updates, or take another loss.",
        )

    def compared(self, judgement: SampleMetrics) -> None:
        """Takes in distances by features: a few pictures that are repeated can be spread as far as real ones."""
        expected = expected_coverage(judgement.num_real, judgement.num_made)
        self._tell(
            "repeating",
            judgement.precision >= AMONG_REAL
            and judgement.coverage < REPEATED * expected
            and not self.amiss.get("collapsed", False),  # which says as much
            f"The generator has collapsed to few pictures: {100 * judgement.precision:.1f} % of its own lie among real "
            f"ones, but they cover {100 * judgement.coverage:.1f} % of the real ones, where as many real ones would "
            f"cover {100 * expected:.1f} % (recall {judgement.recall:.3f}). Lower its learning rate, give the "
            "discriminator more updates, or take another loss.",
        )

    def _look(self, mean: Tensor, updates: int) -> None:
        right, gap, spread = mean.tolist()
        self.judged(spread)
        span = f"in the {self.every} updates up to {updates}"
        self._tell(
            "won",
            self.signed and right >= WON,
            f"The discriminator has won: {span} it told {100 * right:.1f} % of the pictures right, which leaves the "
            "generator little to go by. Lower the discriminator's learning rate, give it fewer updates, or take "
            "spectral norms.",
        )
        self._tell(
            "apart",
            gap > self.farthest,
            f"The losses run off: {span} the discriminator's answers to real pictures lay {gap:.3g} above those to "
            f"made-up ones, and above {self.farthest:.3g} nothing is learnt from them. Lower the learning rates, raise "
            "the penalty, or take spectral norms.",
        )

    def _tell(self, trouble: str, is_so: bool, message: str) -> None:
        if is_so and not self.amiss.get(trouble, False):
            log.warning(message)
        self.amiss[trouble] = is_so
