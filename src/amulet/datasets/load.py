"""A data set by its name, in one call."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import InvalidParameter, Problem
from amulet.datasets.celeba import CelebA
from amulet.datasets.census import Census
from amulet.datasets.cifar10 import CIFAR10
from amulet.datasets.digits import Digits
from amulet.datasets.fashion_mnist import FashionMNIST
from amulet.datasets.lfw import LFW
from amulet.datasets.mortgages import Mortgages

_BY_NAME: dict[str, type[DatasetSpec]] = {
    cls.__name__.casefold(): cls for cls in (Census, FashionMNIST, CIFAR10, LFW, CelebA, Mortgages, Digits)
}


def load_data(name: str, root: str | Path | None = None, **settings: Any) -> AmuletDataset:
    """Load a data set: `load_data("census", root="data", train_records=10_000, seed=1)`.

    Args:
        name: of its class in `amulet.datasets`, in any case; hyphens and underscores do not count.
        root: the folder that holds one folder a data set; by default $AMULET_DATA, else the user's data folder.
        settings: fields of that class.

    Raises:
        InvalidParameter: no data set has that name, or it has no such setting, or not with that value.
    """
    cls = _BY_NAME.get(folded(name)) if isinstance(name, str) else None
    if cls is None:
        raise InvalidParameter([Problem.of("name", "load_data", f"one of {', '.join(_BY_NAME)}", name)])
    given = settings if root is None else {"root": root, **settings}
    if problems := list(_unknown(cls, given)):
        raise InvalidParameter(problems)
    return cls(**given).load()


def folded(name: str) -> str:
    """A name as it is compared: `fashion-mnist`, `fashion_mnist` and `FashionMNIST` are one."""
    return name.casefold().replace("-", "").replace("_", "")


def _unknown(cls: type[DatasetSpec], given: dict[str, Any]) -> Iterator[Problem]:
    known = [field.name for field in fields(cls)]
    for name in given:
        if name not in known:
            yield Problem(name, f"{cls.__name__} has no '{name}'. It has: {', '.join(known)}.")
