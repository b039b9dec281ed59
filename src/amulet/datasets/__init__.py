"""Data sets, and how to bring your own."""

from amulet.core.dataset_spec import DatasetSpec
from amulet.datasets.celeba import CelebA
from amulet.datasets.census import Census
from amulet.datasets.cifar10 import CIFAR10
from amulet.datasets.csv_file import FromCSV
from amulet.datasets.digits import Digits
from amulet.datasets.fashion_mnist import FashionMNIST
from amulet.datasets.files import from_csv, from_folder
from amulet.datasets.imported import ImportedDataset
from amulet.datasets.lfw import LFW
from amulet.datasets.load import load_data
from amulet.datasets.mortgages import Mortgages
from amulet.datasets.own import from_arrays, from_frame, from_torch

__all__ = [
    "CIFAR10",
    "LFW",
    "CelebA",
    "Census",
    "DatasetSpec",
    "Digits",
    "FashionMNIST",
    "FromCSV",
    "ImportedDataset",
    "Mortgages",
    "from_arrays",
    "from_csv",
    "from_folder",
    "from_frame",
    "from_torch",
    "load_data",
]
