"""Outcomes: the results of an attack or audit for every case, from which metrics are computed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Final, Literal, Self

import torch
from torch import Tensor

from amulet.core.measurements.group_rates import GroupRates
from amulet.core.short_repr import described

Unit = Literal["record", "class", "suspect", "model"]
"""What one case of an outcome is: a record, a class, a suspected model, or a model."""

Part = Literal["train", "test"]
"""The part of a data set that records belong to."""

LEFT_OUT: Final = torch.empty(0, dtype=torch.int64)
"""The default of an optional field; it is replaced by -1 for every case."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """The results of an attack or audit, as tensors with one row per case.

    Each risk has one final subclass, whose fields are all tensors.

    Attributes:
        unit: what a case is. If it is a record, the outcome has a field `index` with the (n,) identities of the records
            (`Data.index`). Metrics can then be measured by sensitive group, and records can be resampled for
            confidence intervals.
        part: the part of the data set that the records belong to, if cases are records.
        truth: the fields that do not depend on the model, such as true labels. They are equal for all models that are
            probed with the same cases in the same order.
        constants: the fields that hold one value for all cases, such as a bound of the data.
        compares_groups: whether its metrics are gaps between the groups of a sensitive attribute.
        optional: the fields that may be omitted where an outcome is constructed by hand; they are then -1 for every
            case.
    """

    unit: ClassVar[Unit] = "record"
    part: ClassVar[Part] = "test"
    truth: ClassVar[tuple[str, ...]] = ()
    constants: ClassVar[tuple[str, ...]] = ()
    compares_groups: ClassVar[bool] = False
    optional: ClassVar[tuple[str, ...]] = ("index",)

    def __init_subclass__(cls) -> None:
        """Give every subclass the short `repr`, since `dataclass` would write a long one into each."""
        if "__repr__" not in vars(cls):
            cls.__repr__ = Outcome.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        """Its kind, the number of its cases, and the type and shape of every field."""
        unit = self.unit if len(self) == 1 else {"class": "classes"}.get(self.unit, f"{self.unit}s")
        held = ", ".join(f"{name}={described(tensor)}" for name, tensor in self.tensors().items())
        return f"{type(self).__name__}({len(self):,} {unit}: {held})"

    def __post_init__(self) -> None:
        for name in self.optional:
            if getattr(self, name, None) is LEFT_OUT:
                object.__setattr__(self, name, torch.full((len(self),), -1))
        lengths = {name: len(tensor) for name, tensor in self._by_case().items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"The tensors of {type(self).__name__} must have one length. Got {lengths}.")
        self.check()

    def check(self) -> None:
        """Raise ValueError where shapes or values contradict each other; a hook for subclasses."""

    def strata(self) -> Tensor | None:
        """(n,) codes of groups of cases whose sizes are fixed by design; None if all cases are one sample."""
        return None

    def tensors(self) -> dict[str, Tensor]:
        """All fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The outcome with these fields, as `tensors` gives them."""
        return cls(**tensors)

    def cpu(self) -> Self:
        """The same outcome in main memory."""
        return replace(self, **{name: tensor.cpu() for name, tensor in self.tensors().items()})

    @classmethod
    def joined(cls, parts: Iterable[Self], records: int) -> Self:
        """The outcomes of several records after one another, at least one part, as one outcome.

        They are written into one tensor each: kept small ones between large ones that come and go, as batches of
        images do, they would keep memory from being used again.
        """
        whole: dict[str, Tensor] = {}
        start = 0
        for part in parts:
            for name, tensor in part._by_case().items():  # noqa: SLF001 - of the same class
                if start == 0:
                    whole[name] = tensor.new_empty(records, *tensor.shape[1:])
                whole[name][start : start + len(part)] = tensor
            start += len(part)
        constants = {name: getattr(part, name) for name in cls.constants}
        return cls(**whole, **constants)

    def __len__(self) -> int:
        return len(next(iter(self._by_case().values())))

    def __getitem__(self, which: Tensor) -> Self:
        """The outcome of some of the cases, selected by their positions or by a bool mask."""
        return replace(self, **{name: tensor[which] for name, tensor in self._by_case().items()})

    def resample(self, places: Tensor) -> Self:
        """The outcome of as many cases, drawn with replacement.

        What was decided from all cases, such as which groups are large enough to be compared, stays as it was; a hook
        for outcomes with such decisions.

        Args:
            places: (n,) positions of the cases that were drawn.
        """
        return self[places]

    def group_rates(self) -> GroupRates | None:
        """The rates that its metrics compare between groups; None if it `compares_groups` by no rates, or not at all.

        A hook for subclasses.
        """
        return None

    def _by_case(self) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in self.tensors().items() if name not in self.constants}
