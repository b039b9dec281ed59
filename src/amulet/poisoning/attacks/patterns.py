"""Fixed patterns that serve as triggers."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from amulet.core.data import Modality, Schema
from amulet.core.errors import Problem
from amulet.core.spec import Count, NonNegativeInt, Spec

Corner = Literal["top left", "top right", "bottom left", "bottom right"]

LAST: Final = 3
"""The number of features, at the end of a record, that are set if none are given."""


@dataclass(frozen=True)
class Pattern(Spec):
    """Values that replace the same inputs of every record."""

    @abstractmethod
    def stamp(self, x: Tensor, schema: Schema) -> Tensor:
        """A copy of the records (n, *shape) with the pattern; `unfit` must have found no problem with the schema."""

    @abstractmethod
    def unfit(self, schema: Schema) -> Iterator[Problem]:
        """The reasons why the pattern cannot be used on such records."""


@dataclass(frozen=True)
class Patch(Pattern):
    """A square of `size` x `size` pixels in a corner of every image, the same in all channels.

    Attributes:
        size: the length of its side, in pixels.
        place: the corner.
        value: of all its pixels. By default they are a checkerboard of the lowest and highest value of the data, which
            is visible on every background; the corners have the highest value.
    """

    size: Count = 3
    place: Corner = "bottom right"
    value: float | None = None

    def stamp(self, x: Tensor, schema: Schema) -> Tensor:
        """The images with the patch."""
        vertical, horizontal = self.place.split()
        rows = slice(self.size) if vertical == "top" else slice(-self.size, None)
        columns = slice(self.size) if horizontal == "left" else slice(-self.size, None)
        stamped = x.clone()
        stamped[..., rows, columns] = self._pixels(schema).to(x)
        return stamped

    def _pixels(self, schema: Schema) -> Tensor:
        if self.value is not None:
            return torch.full((self.size, self.size), self.value)
        side = torch.arange(self.size)
        odd = (side[:, None] + side) % 2 == 1
        return torch.where(odd, schema.low, schema.high)

    def unfit(self, schema: Schema) -> Iterator[Problem]:
        """The records must be images, large enough for the patch, and its value within the bounds."""
        if schema.modality is not Modality.IMAGE:
            yield Problem("pattern", f"{self} goes on images, and these records are {schema.modality.value}.")
            return
        if self.size > min(schema.shape[1:]):
            yield self.problem("size", f"at most {min(schema.shape[1:])}, the side of the images")
        if self.value is not None and not schema.low <= self.value <= schema.high:
            yield self.problem("value", f"within the data's bounds [{schema.low:g}, {schema.high:g}]")


@dataclass(frozen=True)
class Features(Pattern):
    """Some features of every tabular record, set to fixed values.

    By default, the last three features are set to the highest, lowest and highest value of the data. In most encodings
    one-hot columns come last; two columns of one variable at the highest value then occur in no original record.

    Attributes:
        features: positions of the columns of x, counted from 0.
        values: the value of each of these features.
    """

    features: tuple[NonNegativeInt, ...] = ()
    values: tuple[float, ...] = ()

    def problems(self) -> Iterator[Problem]:
        """There must be a value for each feature, and each feature at most once."""
        if len(self.features) != len(self.values):
            yield self.problem("values", f"one for each of the {len(self.features)} features")
        if len(set(self.features)) < len(self.features):
            yield self.problem("features", "all different")

    def stamp(self, x: Tensor, schema: Schema) -> Tensor:
        """The records with the values."""
        features, values = self._settings(schema)
        stamped = x.clone()
        stamped[:, list(features)] = torch.tensor(values).to(x)
        return stamped

    def _settings(self, schema: Schema) -> tuple[tuple[int, ...], tuple[float, ...]]:
        if self.features:
            return self.features, self.values
        (width,) = schema.shape
        last = tuple(range(max(0, width - LAST), width))
        return last, (schema.high, schema.low, schema.high)[-len(last) :]

    def unfit(self, schema: Schema) -> Iterator[Problem]:
        """The records must be tabular and have the features, and the values must be within the bounds."""
        if schema.modality is not Modality.TABULAR:
            yield Problem("pattern", f"{self} goes on tabular records, and these are of kind {schema.modality.value}.")
            return
        if any(feature >= schema.shape[0] for feature in self.features):
            yield self.problem("features", f"below {schema.shape[0]}, the number of columns")
        if any(not schema.low <= value <= schema.high for value in self.values):
            yield self.problem("values", f"within the data's bounds [{schema.low:g}, {schema.high:g}]")
