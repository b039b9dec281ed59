"""Handwritten digits, 8x8 pixels. Alpaydin and Kaynak 1998, https://doi.org/10.24432/C50P49."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.spec import NonNegativeInt, OpenProbability
from amulet.datasets.official.places import installed_file
from amulet.datasets.own import from_arrays, stratified_mask


@dataclass(frozen=True)
class Digits(DatasetSpec):
    """scikit-learn's 1,797 images of ten digits, grey levels 0..16 scaled to [0, 1], one channel."""

    test_share: OpenProbability = 0.3
    seed: NonNegativeInt = 0

    def files(self) -> tuple[Path, ...] | None:
        """The images as scikit-learn ships them."""
        return installed_file("sklearn", "datasets/data/digits.csv.gz")

    def load(self) -> AmuletDataset:
        """Read the images that scikit-learn ships."""
        from sklearn.datasets import load_digits  # noqa: PLC0415 - scikit-learn takes long to import

        bunch = load_digits()
        x = (bunch.images[:, None] / 16).astype(np.float32)
        y = bunch.target
        held_out = stratified_mask(torch.from_numpy(y), self.test_share, self.seed).numpy()
        return from_arrays((x[~held_out], y[~held_out]), (x[held_out], y[held_out]), bounds=(0.0, 1.0), name="Digits")
