"""A data set: its training and test records, and the digest that identifies them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from amulet.core.data import Data, Schema
from amulet.core.errors import InvalidData, Problem
from amulet.core.records.data_checks import problems_of, require_data
from amulet.core.short_repr import described
from amulet.core.text import is_line, visible


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

    def __repr__(self) -> str:
        """Its name, how many records it has, and of which kind."""
        counts = f"{len(self.train):,} training and {len(self.test):,} test records"
        name, records = visible(self.name), visible(self.schema.in_short)
        return f"AmuletDataset({name}: {counts} of {records}, x={described(self.train.x[0])} each)"

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


def require_dataset(value: object, parameter: str, owner: object) -> None:
    """The one check where somebody hands over a data set.

    Raises:
        InvalidData: it is something else.
    """
    if not isinstance(value, AmuletDataset):
        allowed = "an AmuletDataset (amulet.datasets.from_arrays makes one)"
        raise InvalidData([Problem.of(parameter, str(owner), allowed, type(value).__name__)])
