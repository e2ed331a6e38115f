"""Data held whole on the device: named sets, splits, augmentation, and batches with an exact position."""

from lab.data.augmentation import Augment, shift
from lab.data.batches import Batches
from lab.data.catalogue import Published, load
from lab.data.dataset import Dataset
from lab.data.files import DataError
from lab.data.shipped import digits
from lab.data.splits import split

__all__ = ["Augment", "Batches", "DataError", "Dataset", "Published", "digits", "load", "shift", "split"]
