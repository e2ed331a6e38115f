"""Which changes training images go through, as settings of an experiment."""

from __future__ import annotations

from dataclasses import dataclass

from lab.data.augmentation import Augment, compose, crop, erase, flip
from lab.data.mixing import BatchAugment, mixup
from lab.data.warping import distort, rotate, zoom
from lab.ranges import check_least, check_share


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Each is off by default; those that are on follow one another in this order."""

    flip: bool = False  # mirror half of the images left to right
    rotate: float = 0.0  # degrees that they turn at most, either way
    zoom: float = 1.0  # they grow by up to this factor, or shrink
    distort: float = 0.0  # pixels that their pixels stray, neighbours alike
    smoothness: float = 4.0  # pixels over which that varies
    crop: int = 0  # pixels that they are widened by on every side before they are cut anew
    erase: float = 0.0  # share of the images that lose a rectangle
    mixup: float = 0.0  # strength of mixing two images and their labels

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, rotate=0, zoom=1, distort=0, crop=0, mixup=0)
        check_share(self, "erase")

    def augment(self) -> Augment | None:
        """What changes the inputs of a batch; None where nothing does."""
        wanted = [
            *([flip()] if self.flip else []),
            *([rotate(self.rotate)] if self.rotate else []),
            *([zoom(1 / self.zoom, self.zoom)] if self.zoom > 1 else []),
            *([distort(self.distort, self.smoothness)] if self.distort else []),
            *([crop(self.crop)] if self.crop else []),
            *([erase(self.erase)] if self.erase else []),
        ]
        return compose(*wanted) if wanted else None

    def mix(self, num_classes: int) -> BatchAugment | None:
        """What changes inputs and labels together; None where nothing does."""
        return mixup(self.mixup, num_classes) if self.mixup else None
