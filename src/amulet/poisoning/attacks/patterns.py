"""Fixed patterns that a trigger stamps on records."""

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
"""Features that are set where none are named."""


@dataclass(frozen=True)
class Pattern(Spec):
    """Values that overwrite the same places of every record."""

    @abstractmethod
    def stamp(self, x: Tensor, schema: Schema) -> Tensor:
        """A copy of the records (n, *shape) with the pattern, for a schema that it fits."""

    @abstractmethod
    def unfit(self, schema: Schema) -> Iterator[Problem]:
        """Why the pattern cannot be put on records of this kind, if so."""


@dataclass(frozen=True)
class Patch(Pattern):
    """A square of `size` x `size` pixels in a corner of every image, the same in all channels.

    Without a `value` it is a checkerboard of the data's lowest and highest value with the highest in its corners, so
    that it shows on any background; with one, every pixel of it has that value.
    """

    size: Count = 3
    place: Corner = "bottom right"
    value: float | None = None

    def stamp(self, x: Tensor, schema: Schema) -> Tensor:
        """Images with the patch."""
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
        """It must lie within an image."""
        if schema.modality is not Modality.IMAGE:
            yield Problem("pattern", f"{self} goes on images, and these records are {schema.modality.value}.")
            return
        if self.size > min(schema.shape[1:]):
            yield self.problem("size", f"at most {min(schema.shape[1:])}, the side of the images")
        if self.value is not None and not schema.low <= self.value <= schema.high:
            yield self.problem("value", f"within the data's bounds [{schema.low:g}, {schema.high:g}]")


@dataclass(frozen=True)
class Features(Pattern):
    """The stated features (columns of x, from 0) of every record, set to the stated values.

    Without any, the last three are set to the data's highest, lowest and highest value. Numbers come first and one-hot
    columns last in most encodings: two highs in one group are nothing that a record has, and say little by themselves.
    """

    features: tuple[NonNegativeInt, ...] = ()
    values: tuple[float, ...] = ()

    def problems(self) -> Iterator[Problem]:
        """A value for each feature."""
        if len(self.features) != len(self.values):
            yield self.problem("values", f"one for each of the {len(self.features)} features")
        if len(set(self.features)) < len(self.features):
            yield self.problem("features", "all different")

    def stamp(self, x: Tensor, schema: Schema) -> Tensor:
        """Records with the values."""
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
        """Features must be there, and values within the bounds."""
        if schema.modality is not Modality.TABULAR:
            yield Problem("pattern", f"{self} goes on tabular records, and these are of kind {schema.modality.value}.")
            return
        if any(feature >= schema.shape[0] for feature in self.features):
            yield self.problem("features", f"below {schema.shape[0]}, the number of columns")
        if any(not schema.low <= value <= schema.high for value in self.values):
            yield self.problem("values", f"within the data's bounds [{schema.low:g}, {schema.high:g}]")
