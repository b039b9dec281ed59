"""Weights of a trained model from a file that cannot run code."""

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from amulet.core.data import Schema
from amulet.core.errors import AmuletError, Problem
from amulet.core.model import ModelSpec
from amulet.core.seeds import isolated
from amulet.core.spec import Spec

SUFFIXES: Final = (".safetensors", ".pt", ".pth")


class Unreadable(AmuletError):  # noqa: N818
    """A file that does not hold a model's weights, and why."""


@dataclass(frozen=True)
class Trained(Spec):
    """A model whose weights lie in a file: what `safetensors.torch.save_file` or `torch.save` made of its
    `state_dict()`. A file that holds more than tensors is refused, since reading it could run code.
    """

    model: ModelSpec
    weights: str

    def problems(self) -> Iterator[Problem]:
        """Only formats that are read without running code."""
        if Path(self.weights).suffix not in SUFFIXES:
            yield self.problem("weights", f"a file that ends in {', '.join(SUFFIXES)}")

    def load(self, schema: Schema, folder: Path) -> nn.Module:
        """The model in evaluation mode, on the CPU.

        Args:
            schema: of the data set it was trained on.
            folder: from where the path of the weights counts.

        Raises:
            Unreadable: the file is missing, or holds something else than the weights of this architecture.
        """
        place = folder / self.weights
        tensors = _tensors(place)
        with isolated(0):  # for what a model draws but does not save
            model = self.model.build(schema)
        try:
            model.load_state_dict(tensors)
        except RuntimeError as error:
            reasons = "; ".join(line.strip().rstrip(".") for line in str(error).splitlines()[1:])
            raise Unreadable(f"{place} does not hold the weights of {self.model}: {reasons}.") from None
        return model.eval()


def _tensors(place: Path) -> Mapping[str, Tensor]:
    try:
        read = load_file(place) if place.suffix == ".safetensors" else _unpickled(place)
    except FileNotFoundError:
        raise Unreadable(f"There is no file {place}.") from None
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise Unreadable(f"{place} cannot be read as {place.suffix[1:]} ({reason}).") from None
    if not isinstance(read, Mapping) or not all(isinstance(value, Tensor) for value in read.values()):
        held = f"the keys {', '.join(map(str, read))}" if isinstance(read, Mapping) else f"a {type(read).__name__}"
        raise Unreadable(f"{place} must hold a state dict, tensors by name. It holds {held}.")
    return read


def _unpickled(place: Path) -> object:
    """Tensors and plain values only."""
    try:
        return torch.load(place, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise Unreadable(
            f"{place} holds more than tensors, and reading it could run code. "
            "Save the weights alone: torch.save(model.state_dict(), path)."
        ) from None
