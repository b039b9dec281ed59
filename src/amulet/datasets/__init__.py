"""Data sets, and how to bring your own."""

from amulet.datasets.base import DatasetSpec
from amulet.datasets.digits import Digits
from amulet.datasets.imported import ImportedDataset
from amulet.datasets.mortgages import Mortgages
from amulet.datasets.own import from_arrays, from_frame, from_torch

__all__ = ["DatasetSpec", "Digits", "ImportedDataset", "Mortgages", "from_arrays", "from_frame", "from_torch"]
