"""A trained model as an architecture and a file of weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import nn

from amulet.core.data import Schema
from amulet.core.errors import AmuletError, InvalidParameter, Problem
from amulet.core.model import ModelSpec
from amulet.core.seeds import isolated
from amulet.core.spec import Spec
from amulet.core.storage.files import StrPath
from amulet.core.user_code.containment import contained, told
from amulet.models.weights import PICKLED, load_weights

SUFFIXES: Final = (".safetensors", *PICKLED)


@dataclass(frozen=True)
class Trained(Spec):
    """A trained model: its architecture, and the file that holds its weights.

    The file is written by `safetensors.torch.save_file` or `torch.save` from the model's `state_dict()`. A file that
    holds anything but tensors is refused, since reading it could run code.

    Attributes:
        model: the architecture.
        weights: the path of the file.
    """

    model: ModelSpec
    weights: str

    def problems(self) -> Iterator[Problem]:
        """The file must have a format that can be read without running code."""
        if Path(self.weights).suffix not in SUFFIXES:
            yield self.problem("weights", f"a file that ends in {', '.join(SUFFIXES)}")

    def load(self, schema: Schema, folder: StrPath) -> nn.Module:
        """The model in evaluation mode, on the CPU.

        Args:
            schema: the schema of the data set that it was trained on.
            folder: the folder that a relative path of the weights starts from.

        Raises:
            InvalidParameter: the architecture cannot be built for these data.
            Unreadable: the file is missing, or does not hold the weights of this architecture.
        """
        try:
            with (
                isolated(0),
                contained(f"The code of {self.model}"),
            ):  # isolated for what a model draws but does not save
                model = self.model.build(schema)
        except AmuletError:
            raise
        except Exception as error:  # noqa: BLE001 - a model of the user's own may raise anything
            sentence = f"The 'model' must be one that can be built for these data. {self.model}: {told(error)}."
            raise InvalidParameter([Problem("model", sentence)]) from None
        load_weights(model, Path(folder) / self.weights)
        return model.eval()
