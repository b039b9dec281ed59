"""A model class of the user's own, named by its import path."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from amulet.core.data import Schema
from amulet.core.errors import Problem
from amulet.core.model import ModelSpec
from amulet.core.spec import Arguments
from amulet.core.user_code.imports import ImportPath, UserCode


@dataclass(frozen=True)
class ImportedModel(ModelSpec):
    """An `nn.Module` class (or a function that returns a module), called with `arguments`.

    `path` reads "package.module:Name". The file it lies in, and what that file imports of the user's own,
    enter the digest: edit the model and it is trained anew.
    """

    path: ImportPath
    arguments: Arguments = ()

    def problems(self) -> Iterator[Problem]:
        """Say when nothing can be imported from there."""
        yield from UserCode(self.path).problems("path", type(self).__name__)

    def outside_sources(self) -> Iterator[str]:
        """The model's own source."""
        yield UserCode(self.path).digest

    def build(self, schema: Schema) -> nn.Module:
        """Call the class; the data set's shape is the user's concern, hence not passed on."""
        del schema
        model = UserCode(self.path).call(arguments=dict(self.arguments))
        if not isinstance(model, nn.Module):
            raise TypeError(f"'{self.path}' must give a torch.nn.Module. Got {type(model).__name__}.")
        return model
