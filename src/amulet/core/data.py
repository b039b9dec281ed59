"""Records as aligned tensors, and the schema of the data set that they come from."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cached_property
from math import isfinite, prod
from typing import Self

import torch
from torch import Tensor

from amulet.core.errors import InvalidData, Problem
from amulet.core.spec import Spec
from amulet.core.text import alike, is_line

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
            Problem.of(name, "Data", f"a {kind.__name__}", type(getattr(self, name)).__name__)
            for name, kind in (*((name, Tensor) for name in ("x", "y", "z", "index", *optional)), ("schema", Schema))
            if not isinstance(getattr(self, name), kind)
        ]
        if problems:
            raise InvalidData(problems)

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


@dataclass(frozen=True, eq=False)
class AmuletDataset:
    """Training and test records of one data set.

    Attributes:
        name: of the data set, for tables and messages.
        train: the training records, which the split divides.
        test: the test records, which no model is trained on.

    Raises:
        InvalidData: the tensors are not valid; the message lists every problem.
    """

    name: str
    train: Data
    test: Data

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            require_data(getattr(self, part), part, self.name, shapes=False)
        if not isinstance(self.name, str) or not is_line(self.name):
            raise InvalidData([Problem.of("name", "AmuletDataset", "one line of visible text", self.name)])
        problems = [
            *problems_of(self.train, f"{self.name} (train)"),
            *problems_of(self.test, f"{self.name} (test)"),
        ]
        if self.train.schema != self.test.schema:
            problems.append(Problem("schema", f"The two parts of {self.name} must share one schema."))
        if problems:
            raise InvalidData(problems)

    @property
    def schema(self) -> Schema:
        """The schema of all records."""
        return self.train.schema

    @property
    def content(self) -> str:
        """SHA-256 over the schema and the bytes of all tensors: the data set's identity, independent of its files.

        It is computed once, and again after torch has written to one of the tensors.
        """
        tensors = (*self.train.tensors().values(), *self.test.tensors().values())
        written = tuple(0 if tensor.is_inference() else tensor._version for tensor in tensors)  # noqa: SLF001
        if written not in self._contents:
            digest = hashlib.sha256(self.schema.digest.encode())
            for part in (self.train, self.test):
                absorb(digest, part.tensors())
            self._contents[written] = digest.hexdigest()
        return self._contents[written]

    @cached_property
    def _contents(self) -> dict[tuple[int, ...], str]:
        """Digests by torch's count of in-place changes of each tensor."""
        return {}


def absorb(digest: "hashlib._Hash", tensors: Mapping[str, Tensor]) -> None:
    """Add names, types, shapes and bytes of tensors to a digest, in the order of their names."""
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)


def require_data(value: object, parameter: str, owner: object, *, shapes: bool = True) -> None:
    """The one check where somebody hands over records: Data whose tensors fit together.

    Raises:
        InvalidData: it is something else, or of other shapes, types or codes than its schema says.
    """
    if not isinstance(value, Data):
        allowed = "Data, as an AmuletDataset holds in 'train' and 'test' (amulet.datasets.from_arrays makes one)"
        raise InvalidData([Problem.of(parameter, str(owner), allowed, type(value).__name__)])
    if shapes and (problems := list(_shape_problems(value, str(owner))) or list(_label_problems(value, str(owner)))):
        raise InvalidData(problems)


def require_dataset(value: object, parameter: str, owner: object) -> None:
    """The one check where somebody hands over a data set.

    Raises:
        InvalidData: it is something else.
    """
    if not isinstance(value, AmuletDataset):
        allowed = "an AmuletDataset (amulet.datasets.from_arrays makes one)"
        raise InvalidData([Problem.of(parameter, str(owner), allowed, type(value).__name__)])


def problems_of(data: Data, owner: str) -> Iterable[Problem]:
    """Every reason why records are not valid data; values are checked only once shapes and types are right."""
    found = list(_shape_problems(data, owner))
    return found or list(_value_problems(data, owner))


def _shape_problems(data: Data, owner: str) -> Iterator[Problem]:
    schema, records = data.schema, len(data.y)
    if records == 0:
        yield Problem("y", f"The data of {owner} must hold at least one record. Got none.")
    expected = {
        "x": (records, *schema.shape),
        "y": (records,),
        "z": (records, len(schema.attributes)),
        "index": (records,),
    }
    for name, shape in expected.items():
        given = tuple(getattr(data, name).shape)
        if given != shape:
            yield Problem.of(name, owner, f"of shape {shape}", given)
    if data.weight is not None and tuple(data.weight.shape) != (records,):
        yield Problem.of("weight", owner, f"of shape {(records,)}", tuple(data.weight.shape))
    shape = (records, len(schema.classes))
    if data.targets is not None and tuple(data.targets.shape) != shape:
        yield Problem.of("targets", owner, f"of shape {shape}", tuple(data.targets.shape))
    if data.targets is not None and not data.targets.is_floating_point():
        yield Problem.of("targets", owner, "floating", data.targets.dtype)
    if not data.x.is_floating_point() and data.x.dtype != torch.uint8:
        yield Problem.of("x", owner, "floating or uint8", data.x.dtype)
    for name in ("y", "z", "index"):
        if getattr(data, name).dtype != torch.int64:
            yield Problem.of(name, owner, "int64", getattr(data, name).dtype)


def _value_problems(data: Data, owner: str) -> Iterator[Problem]:
    schema, inputs = data.schema, data.x
    if inputs.dtype == torch.uint8:
        pass  # bytes are finite and within 0..1 whatever they are
    elif not torch.isfinite(inputs).all():
        rows = (~torch.isfinite(inputs)).flatten(1).any(1).sum().item()
        yield Problem.of("x", owner, "finite (fill in or drop missing values)", f"NaN or infinity in {rows} records")
    elif inputs.min() < schema.low or inputs.max() > schema.high:
        span = (round(inputs.min().item(), 6), round(inputs.max().item(), 6))
        yield Problem.of("x", owner, f"within its bounds [{schema.low}, {schema.high}]", span)
    elif schema.modality is Modality.IMAGE:
        yield from _channel_problems(inputs, owner)
    if data.weight is not None and not (torch.isfinite(data.weight) & (data.weight >= 0)).all():
        yield Problem("weight", f"The 'weight' of {owner} must be finite and at least 0.")
    if data.targets is not None and not _are_probabilities(data.targets):
        yield Problem("targets", f"The 'targets' of {owner} must be probabilities: at least 0, each row with sum 1.")
    yield from _label_problems(data, owner)
    if data.index.unique().numel() != len(data):
        yield Problem("index", f"The 'index' of {owner} must name each record once. It has repeated entries.")


def _are_probabilities(rows: Tensor) -> bool:
    return bool((rows >= 0).all() and (rows.sum(1) - 1).abs().max() <= 1e-4)


def _label_problems(data: Data, owner: str) -> Iterator[Problem]:
    yield from _code_problems("y", owner, data.y, len(data.schema.classes), 0)
    for column, attribute in enumerate(data.schema.attributes):
        yield from _code_problems(f"z[{attribute.name}]", owner, data.z[:, column], len(attribute.values), -1)


def _channel_problems(x: Tensor, owner: str) -> Iterator[Problem]:
    """Refuse images that were standardised channel by channel, so that no bound and no epsilon fits all channels.

    Their values lie on both sides of zero and beyond [-1, 1], the widest range around zero that images are scaled to,
    and the channels' ranges differ by more than a hundredth of the whole.
    """
    low, high = x.amin((0, 2, 3)), x.amax((0, 2, 3))
    if len(low) < 2 or low.max() >= 0 or high.min() <= 0 or max(-low.min(), high.max()) <= 1:
        return
    if max(low.max() - low.min(), high.max() - high.min()) > 0.01 * (high.max() - low.min()):
        allowed = (
            "of one range in all channels, since one epsilon and one pair of bounds hold for all (give the pixels, and "
            "standardise them in the model's first layer)"
        )
        ranges = ", ".join(f"{a:.3g}..{b:.3g}" for a, b in zip(low.tolist()[:4], high.tolist()[:4], strict=True))
        yield Problem("x", f"The 'x' of {owner} must be {allowed}. Got {ranges}.")


def _code_problems(name: str, owner: str, codes: Tensor, count: int, lowest: int) -> Iterator[Problem]:
    if codes.min() < lowest or codes.max() >= count:
        allowed = f"codes {lowest}..{count - 1}"
        yield Problem.of(name, owner, allowed, sorted(codes.unique().tolist())[:10])
