"""Outcomes: what an attack or audit found, record by record, before any metric."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Outcome:
    """Tensors with one row per record. Each risk has one final subclass whose fields are all tensors.

    Attributes:
        truth: the fields that say what a record is, whatever the model: the same for every model that is
            probed with the same records in the same order.
    """

    truth: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        lengths = {name: len(tensor) for name, tensor in self.tensors().items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"The tensors of {type(self).__name__} must have one length. Got {lengths}.")
        self.check()

    def check(self) -> None:
        """Raise ValueError where shapes or values contradict each other; a hook for subclasses."""

    def strata(self) -> Tensor | None:
        """(n,) codes of the groups of records whose sizes the game fixes; None where all are one sample."""
        return None

    def tensors(self) -> dict[str, Tensor]:
        """All fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The outcome back from what `tensors` gave."""
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
            for name, tensor in part.tensors().items():
                if start == 0:
                    whole[name] = tensor.new_empty(records, *tensor.shape[1:])
                whole[name][start : start + len(part)] = tensor
            start += len(part)
        return cls(**whole)

    def __len__(self) -> int:
        return len(next(iter(self.tensors().values())))

    def __getitem__(self, which: Tensor) -> Self:
        """The outcome of some records only: places, or a mask such as one group's."""
        return replace(self, **{name: tensor[which] for name, tensor in self.tensors().items()})
