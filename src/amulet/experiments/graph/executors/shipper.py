"""Packs jobs for other machines, and marks the store so that these can tell whether they see it."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any
from uuid import uuid4

from amulet.core.processes.shipping import Shipped, software
from amulet.core.storage.files import writing
from amulet.experiments.graph.executors.protocol import Job

CLUSTERS = "clusters"
"""The folder of the store with a folder for each assessment that is computed on a cluster; it is removed at the end."""


@dataclass(frozen=True)
class Shipper:
    """Packs jobs for other machines.

    Attributes:
        name: of the run, which no other has.
        folder: a folder of this run within the store, for what the machines exchange.
    """

    name: str
    folder: Path
    path: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))

    def packed(self, job: Job[Any]) -> bytes:
        """The job, pickled, with what the machine that computes it must have."""
        payload = bytes(ForkingPickler.dumps(job))
        shipped = Shipped(payload, software(), self.path, self.folder / "mark", self.name)
        return bytes(ForkingPickler.dumps(shipped))


@contextmanager
def shipping(store: Path) -> Iterator[Shipper]:
    """A packer of jobs whose results go to a store, and whose folder there lasts as long as the block."""
    name = uuid4().hex
    folder = store / CLUSTERS / name
    with writing(folder):
        folder.mkdir(parents=True)
        (folder / "mark").write_text(name, encoding="utf-8")
    try:
        yield Shipper(name, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
