"""Where tasks are computed, by address: "local", "dask://host:port" or "slurm:partition=gpu,jobs=64"."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import torch

from amulet.core.errors import InvalidParameter, Problem
from amulet.experiments.graph.executors.dask import dask_slots, on_dask
from amulet.experiments.graph.executors.local import executing, one_gpu_each
from amulet.experiments.graph.executors.protocol import Executor
from amulet.experiments.graph.executors.slurm import on_slurm
from amulet.experiments.graph.executors.slurm_requests import Needs, SlurmOptions

LOCAL: Final = "local"
ALLOWED: Final = '"local", "dask://host:port", "slurm" or "slurm:name=value,..."'


@dataclass(frozen=True)
class Place:
    """Where tasks are computed.

    Attributes:
        address: as given by the user; or an executor of the user's own.
        workers: the number of worker processes on this machine.
        device: where models are trained, "cpu" or a CUDA device.
        time_limit: the seconds that a task may take; None if there is no limit.
    """

    address: str | Executor = LOCAL
    workers: int = 1
    device: str = "cpu"
    time_limit: float | None = None

    @property
    def jobs(self) -> int:
        """How many tasks are computed there at the same time; a cluster of Dask is asked for it."""
        if not isinstance(self.address, str):
            return self.address.slots
        scheme, rest = _parsed(self.address)
        match scheme:
            case "dask":
                return dask_slots(rest)
            case "slurm":
                return slurm_options(rest).jobs
        return self.workers


def check_address(address: str | Executor) -> None:
    """Raise InvalidParameter unless this says where tasks can be computed; nothing is connected to."""
    if not isinstance(address, str):
        if not callable(getattr(address, "submit", None)):
            raise InvalidParameter([Problem.of("on", "assess", f"{ALLOWED}, or an executor", address)])
        return
    scheme, rest = _parsed(address)
    if scheme == "slurm":
        slurm_options(rest)


@contextmanager
def executor_at(place: Place, store: Path, needs: Needs) -> Iterator[Executor]:
    """An executor at some place; its processes end with the block.

    Args:
        place: where.
        store: the folder of the store.
        needs: of the tasks, where an executor has to reserve time and memory for them.

    Raises:
        InvalidParameter: there is no such kind of place.
        WorkersUnusable: it cannot be used.
    """
    if not isinstance(place.address, str):
        yield place.address
        return
    scheme, rest = _parsed(place.address)
    match scheme:
        case "dask":
            with on_dask(rest, store, place.time_limit) as executor:
                yield executor
        case "slurm":
            with on_slurm(slurm_options(rest), needs, store, place.time_limit) as executor:
                yield executor
        case _:
            gpus = torch.cuda.device_count() if place.device == "cuda" else 0
            with executing(place.workers, one_gpu_each(place.device, gpus), place.time_limit) as executor:
                yield executor


def slurm_options(text: str) -> SlurmOptions:
    """The options that follow "slurm:".

    Raises:
        InvalidParameter: there is no such option, or it is no whole number where it must be one.

    Example:
        >>> slurm_options("partition=gpu,time=60")
        SlurmOptions(jobs=32, time=60, mem=0, partition='gpu', account='', qos='', constraint='', cluster='slurm')
    """
    found: dict[str, Any] = {}
    known = {item.name: item.type for item in fields(SlurmOptions)}
    for given in filter(None, text.split(",")):
        name, _, value = given.partition("=")
        if name not in known or not value:
            allowed = f"a list of name=value with the names {', '.join(known)}"
            raise InvalidParameter([Problem.of("on", "assess", f'"slurm:" and {allowed}', f"slurm:{text}")])
        if known[name] is not int:
            found[name] = value
        elif re.fullmatch("[0-9]{1,6}", value) and int(value) > 0:
            found[name] = int(value)
        else:
            raise InvalidParameter([Problem.of(name, "--on slurm", "a whole number above 0", value)])
    options = SlurmOptions(**found)
    if options.cluster not in {"slurm", "local"}:
        raise InvalidParameter([Problem.of("cluster", "--on slurm", '"slurm" or "local"', options.cluster)])
    return options


def _parsed(address: str) -> tuple[str, str]:
    """The kind of place, and what follows it."""
    if address == LOCAL:
        return LOCAL, ""
    if found := re.fullmatch(r"dask://([^/\s]+:[0-9]{1,5})/?", address):
        return "dask", found[1]
    if found := re.fullmatch(r"slurm(?::(.*))?", address):
        return "slurm", found[1] or ""
    raise InvalidParameter([Problem.of("on", "assess", ALLOWED, address)])
