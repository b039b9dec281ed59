"""Records as aligned tensors, and the schema of the data set that they come from."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from math import isfinite, prod
from typing import Self

import torch
from torch import Tensor

from amulet.core.errors import InvalidData, Problem
from amulet.core.short_repr import described, short_repr
from amulet.core.spec import Spec
from amulet.core.text import alike, is_line, visible, with_article

MOST_RECORDS, MOST_NUMBERS = 2048, 2**20
"""How many records, and numbers in their x, a model is given at one time outside training. They bound memory."""


class Modality(StrEnum):
    """What one record is: a row of numbers, or an image of channels x height x width."""

    TABULAR = "tabular"
    IMAGE = "image"


@dataclass(frozen=True)
class Attribute(Spec):
    """A sensitive attribute, such as sex or race.

    Attributes:
        name: of the attribute.
        values: the names of its groups, in the order of their codes 0..k-1. The code -1 means "not recorded".
    """

    name: str
    values: tuple[str, ...]

    def problems(self) -> Iterator[Problem]:
        """Names that a reader cannot see or tell apart."""
        yield from _name_problems("name", f"Attribute {self.name!r}", [self.name], blank=False)
        yield from _name_problems("values", f"Attribute {self.name!r}", self.values, blank=False)

    def code(self, value: int | str) -> int | None:
        """The code of a value that is given by its name or its code; None if there is no such value.

        Example:
            >>> sex = Attribute("sex", ("f", "m"))
            >>> sex.code("m"), sex.code(1), sex.code(2)
            (1, 1, None)
        """
        if isinstance(value, str):
            return self.values.index(value) if value in self.values else None
        return value if 0 <= value < len(self.values) else None


@dataclass(frozen=True)
class Schema(Spec):
    """The properties that all records of a data set share.

    Attributes:
        modality: whether a record is tabular or an image.
        shape: of one record: (features,) or (channels, height, width).
        classes: the names of the classes, in the order of their codes.
        attributes: the sensitive attributes, in the order of the columns of z.
        positive: the name of the class that is the favourable decision; None if there is no such class.
        low, high: bounds of every model input; for uint8 images, which are scaled to 0..1, they are 0 and 1.
        features: the names of the columns of tabular data, if they have any. The columns of a one-hot encoded variable
            are called "variable=value".
    """

    modality: Modality
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()
    positive: str | None = None
    low: float = 0.0
    high: float = 1.0
    features: tuple[str, ...] = ()

    __repr__ = short_repr

    def problems(self) -> Iterator[Problem]:
        """Fields that are invalid or that contradict each other."""
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            yield self.problem("classes", "at least two different names")
        if self.positive is not None and self.positive not in self.classes:
            yield self.problem("positive", f"one of {', '.join(self.classes)}")
        if self.modality is Modality.IMAGE and len(self.shape) != 3:
            yield self.problem("shape", "(channels, height, width) for images")
        if self.modality is Modality.TABULAR and len(self.shape) != 1:
            yield self.problem("shape", "(features,) for tabular data")
        if self.features and (self.modality is Modality.IMAGE or (len(set(self.features)),) != self.shape):
            yield self.problem("features", "a different name for each input of tabular data, or none")
        yield from _name_problems("classes", "Schema", self.classes, blank=False)
        yield from _name_problems("attributes", "Schema", self.attribute_names, blank=False)
        yield from _name_problems("features", "Schema", self.features, blank=True)
        for bound in ("low", "high"):
            if not isfinite(getattr(self, bound)):
                yield self.problem(bound, "finite")
        if self.low >= self.high:
            yield self.problem("low", f"below 'high', which is {self.high}")

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the sensitive attributes, in the order of the columns of z."""
        return tuple(attribute.name for attribute in self.attributes)

    @property
    def in_short(self) -> str:
        """Modality, number of classes, and attributes: "tabular data with 2 classes and attributes race, sex"."""
        kind = "images" if self.modality is Modality.IMAGE else "tabular data"
        word = "attribute" if len(self.attributes) == 1 else "attributes"
        attributes = f" and {word} {', '.join(self.attribute_names)}" if self.attributes else ""
        return f"{kind} with {len(self.classes)} classes{attributes}"

    def attribute(self, name: str) -> Attribute:
        """The sensitive attribute of this name, which must be there."""
        return self.attributes[self.attribute_names.index(name)]


def _name_problems(field: str, owner: str, names: Sequence[str], *, blank: bool) -> Iterator[Problem]:
    """Names of which two look the same, or one, unless `blank`, looks like nothing or has several lines."""
    if pair := alike(names):
        allowed = "of names that look different (not in invisible characters, blanks or Unicode form alone)"
        yield Problem(field, f"The '{field}' of {owner} must be {allowed}. Got {pair[0]!a} and {pair[1]!a}.")
    for name in names:
        if not blank and not is_line(name):
            yield Problem(field, f"The '{field}' of {owner} must be one line of visible text. Got {name!a}.")


@dataclass(frozen=True, eq=False)
class Data:
    """n aligned records.

    Attributes:
        x: (n, *shape), floating or uint8 (images stay bytes until they are used).
        y: (n,) int64 class codes 0..k-1.
        z: (n, attributes) int64 codes of the sensitive attributes, -1 where not recorded.
        index: (n,) int64 identity of each record: its position in the original data set, counted from 0. Synthetic
            records, such as those of a watermark's key, have negative identities: -1, -2 and so on.
        schema: of the data set.
        weight: (n,) weight of each record's loss; None if all have the same weight.
        targets: (n, classes) probabilities of the classes that are learned in place of y, such as another model's
            outputs; None if the classes themselves are learned.
        twins: (n, *shape) other versions of the records, with which a penalty compares them during training; None
            otherwise. The training loop keeps them as (n, penalties, *shape).
    """

    x: Tensor
    y: Tensor
    z: Tensor
    index: Tensor
    schema: Schema
    weight: Tensor | None = None
    targets: Tensor | None = None
    twins: Tensor | None = None

    def __post_init__(self) -> None:
        optional = [name for name in ("weight", "targets", "twins") if getattr(self, name) is not None]
        problems = [
            Problem.of(name, "Data", with_article(kind.__name__), type(getattr(self, name)).__name__)
            for name, kind in (*((name, Tensor) for name in ("x", "y", "z", "index", *optional)), ("schema", Schema))
            if not isinstance(getattr(self, name), kind)
        ]
        if problems:
            raise InvalidData(problems)

    def __repr__(self) -> str:
        """How many records of which shape and type, and what else they have."""
        also = [name for name in ("weight", "targets", "twins") if getattr(self, name) is not None]
        with_also = f", with {', '.join(also)}" if also else ""
        return f"Data({len(self):,} records of {visible(self.schema.in_short)}{with_also}: x={described(self.x)})"

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, which: Tensor) -> Self:
        """Some of the records, selected by their positions or by a bool mask."""
        return self._map(lambda tensor: tensor[which])

    def at(self, places: Tensor) -> Self:
        """The records at the (n,) positions, none of which may be negative; faster than indexing."""
        return self._map(lambda tensor: tensor.index_select(0, places))

    def to(self, device: str | torch.device) -> Self:
        """The same records on another device."""
        return self._map(lambda tensor: tensor.to(device))

    def as_inputs(self) -> Self:
        """The same records with x as floating-point model inputs; bytes are scaled to 0..1."""
        return self if self.x.is_floating_point() else replace(self, x=as_inputs(self.x))

    def batches(self) -> Iterator[Self]:
        """The records in their order as model inputs, in batches of the size used outside training."""
        size = batch_size(self.schema.shape)
        for start in range(0, max(1, len(self)), size):
            yield self._map(lambda tensor, start=start: tensor[start : start + size]).as_inputs()  # type: ignore[misc]

    def _map(self, change: Callable[[Tensor], Tensor]) -> Self:
        changed = {name: change(tensor) for name, tensor in self.tensors().items()}
        return replace(self, **changed)  # type: ignore[arg-type]

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by field name, without those that are None."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in held.items() if isinstance(value, Tensor)}

    @property
    def learned(self) -> Tensor:
        """What is to be learned: (n, classes) probabilities where there are targets, else the (n,) classes."""
        return self.y if self.targets is None else self.targets

    def attribute(self, name: str) -> Tensor:
        """(n,) codes of one sensitive attribute."""
        return self.z[:, self.schema.attribute_names.index(name)]

    def has(self, attribute: str, value: int | str) -> Tensor:
        """(n,) bool, whether a sensitive attribute has the value of this code or name, if there is any."""
        codes, code = self.attribute(attribute), self.schema.attribute(attribute).code(value)
        return torch.zeros_like(codes, dtype=torch.bool) if code is None else codes == code

    def without_attributes(self) -> Self:
        """The same records with every sensitive attribute set to "not recorded", for those who must infer them."""
        return replace(self, z=torch.full_like(self.z, -1))


@dataclass(frozen=True, eq=False)
class Selection:
    """Some records of a data set, copied in batches when they are used.

    It replaces `data.at(places)`, which would copy all of them at once.

    Attributes:
        data: all records.
        places: (n,) positions of the selected records, in their order.
    """

    data: Data
    places: Tensor

    __repr__ = short_repr

    def __len__(self) -> int:
        return len(self.places)

    @property
    def x(self) -> Tensor:
        """(n, *shape) all model inputs in one copy. Functions that take a Selection itself need less memory."""
        return as_inputs(self.data.x.index_select(0, self.places))

    @property
    def y(self) -> Tensor:
        """(n,) class codes."""
        return self.data.y.index_select(0, self.places)

    @property
    def z(self) -> Tensor:
        """(n, attributes) codes of the sensitive attributes."""
        return self.data.z.index_select(0, self.places)

    @property
    def index(self) -> Tensor:
        """(n,) the records' identities."""
        return self.data.index.index_select(0, self.places)

    @property
    def schema(self) -> Schema:
        """What is known of the data set."""
        return self.data.schema

    def batches(self) -> Iterator[Data]:
        """As `Data.batches`."""
        for places in self.places.split(batch_size(self.schema.shape)):
            yield self.data.at(places).as_inputs()


def batch_size(shape: Iterable[int]) -> int:
    """The number of records of a shape that a model computes at once outside training."""
    return max(1, min(MOST_RECORDS, MOST_NUMBERS // max(1, prod(shape))))


def as_inputs(x: Tensor) -> Tensor:
    """Model inputs: bytes are scaled to float32 in 0..1, floating-point inputs are returned as they are."""
    return x.float().div_(255) if x.dtype == torch.uint8 else x


def concatenate(*parts: Data) -> Data:
    """The records of several parts of one data set, one after the other.

    If only some parts have weights, the records of the others get weight 1; if only some have targets, the others get
    probability 1 for their classes.
    """
    if any(part.weight is not None for part in parts):
        parts = tuple(part if part.weight is not None else replace(part, weight=_ones(part)) for part in parts)
    if any(part.targets is not None for part in parts):
        parts = tuple(part if part.targets is not None else replace(part, targets=certain(part)) for part in parts)
    joined = {name: torch.cat([part.tensors()[name] for part in parts]) for name in parts[0].tensors()}
    return replace(parts[0], **joined)  # type: ignore[arg-type]


def certain(data: Data) -> Tensor:
    """(n, classes) targets that say of each record that it is of its class."""
    return torch.nn.functional.one_hot(data.y, len(data.schema.classes)).float()


def _ones(data: Data) -> Tensor:
    return torch.ones(len(data), device=data.y.device)
