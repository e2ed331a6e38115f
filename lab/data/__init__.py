"""Data held whole on the device: named sets, splits, augmentation, and batches with an exact position."""

from lab.data.augment_config import AugmentConfig
from lab.data.augmentation import Augment, compose, crop, erase, flip, shift
from lab.data.batches import Batches
from lab.data.buckets import BucketedBatches
from lab.data.catalogue import Published, load, load_as, load_text
from lab.data.dataset import Dataset
from lab.data.files import DataError, MissingData
from lab.data.folders import ImageFolder, read_images
from lab.data.lines import LabelledText, read_labelled_lines
from lab.data.mixing import BatchAugment, mixup
from lab.data.sequences import Padded, Ragged, SequenceSet
from lab.data.shipped import breast_cancer, diabetes, digits
from lab.data.splits import LARGE, SMALL, hold_out, split, target_split
from lab.data.tables import Table, read_table
from lab.data.vocabulary import Vocabulary
from lab.data.warping import distort, rotate, zoom

__all__ = [
    "LARGE",
    "SMALL",
    "Augment",
    "AugmentConfig",
    "BatchAugment",
    "Batches",
    "BucketedBatches",
    "DataError",
    "Dataset",
    "ImageFolder",
    "LabelledText",
    "MissingData",
    "Padded",
    "Published",
    "Ragged",
    "SequenceSet",
    "Table",
    "Vocabulary",
    "breast_cancer",
    "compose",
    "crop",
    "diabetes",
    "digits",
    "distort",
    "erase",
    "flip",
    "hold_out",
    "load",
    "load_as",
    "load_text",
    "mixup",
    "read_images",
    "read_labelled_lines",
    "read_table",
    "rotate",
    "shift",
    "split",
    "target_split",
    "zoom",
]
