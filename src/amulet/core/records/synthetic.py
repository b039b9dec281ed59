"""Synthetic records that are valid for a data set without being of it."""

from math import prod

import torch
from torch import Generator, Tensor

from amulet.core.data import Data, Schema
from amulet.core.records.columns import one_hot_groups
from amulet.core.seeds import generator


def random_inputs(schema: Schema, count: int, rng: Generator) -> Tensor:
    """Uniformly random model inputs within the bounds, with exactly one 1 in each one-hot group.

    Args:
        schema: of the data set.
        count: the number of records.
        rng: the source of the random choices, on the CPU.

    Returns:
        (count, *shape) floating-point inputs.
    """
    inputs = torch.rand(count, *schema.shape, generator=rng) * (schema.high - schema.low) + schema.low
    for places in one_hot_groups(schema).values():
        chosen = torch.randint(len(places), (count,), generator=rng)
        inputs[:, list(places)] = torch.nn.functional.one_hot(chosen, len(places)).to(inputs.dtype)
    return inputs


def different_inputs_of(schema: Schema) -> int | None:
    """How many different records there are if every column is of a one-hot group; None if there is no such limit.

    Example:
        >>> from amulet.core.data import Modality
        >>> names = ("job=none", "job=nurse", "married=no", "married=yes")
        >>> different_inputs_of(Schema(Modality.TABULAR, (4,), ("no", "yes"), features=names))
        4
    """
    groups = one_hot_groups(schema).values()
    return prod(map(len, groups)) if sum(map(len, groups)) == prod(schema.shape) else None


def different_inputs(schema: Schema, count: int, rng: Generator) -> Tensor:
    """As `random_inputs`, no two records alike.

    Args:
        schema: of the data set; of records with one-hot groups alone, at least `count` must be possible.
        count: the number of records.
        rng: the source of the random choices, on the CPU.

    Returns:
        (count, *shape) floating-point inputs.
    """
    drawn = random_inputs(schema, count, rng)
    while len(drawn.unique(dim=0)) < count:
        drawn = torch.cat([drawn, random_inputs(schema, count, rng)])
    groups = drawn.unique(dim=0, return_inverse=True)[1]
    first = torch.full((int(groups.max()) + 1,), len(drawn)).scatter_reduce(0, groups, torch.arange(len(drawn)), "amin")
    return drawn[first.sort().values[:count]]


def unlabelled(x: Tensor, schema: Schema) -> Data:
    """Synthetic records with these inputs.

    They are of the first class, their sensitive attributes are not recorded, and their identities are -1, -2 and so on.
    """
    zeros = torch.zeros(len(x), dtype=torch.int64)
    attributes = torch.full((len(x), len(schema.attributes)), -1)
    return Data(x, zeros, attributes, -1 - torch.arange(len(x)), schema)


def made_up(schema: Schema, count: int) -> Data:
    """Random records of every class, the same every time, to try a model or a step of training on."""
    places = torch.arange(count)
    attributes = torch.zeros(count, len(schema.attributes), dtype=torch.int64)
    inputs = random_inputs(schema, count, generator(0, "probing records"))
    return Data(inputs, places % len(schema.classes), attributes, places, schema)


def one_of_each_class(schema: Schema, device: str | torch.device = "cpu") -> Data:
    """A record of every class, in the order of their codes, for those who look for inputs and have no records.

    All inputs are zero, or what is nearest to it within the bounds; one-hot groups are as they come. Every sensitive
    attribute has its first value.
    """
    count = len(schema.classes)
    inputs = torch.zeros(count, *schema.shape).clamp(schema.low, schema.high)
    attributes = torch.zeros(count, len(schema.attributes), dtype=torch.int64)
    return Data(inputs, torch.arange(count), attributes, -1 - torch.arange(count), schema).to(device)


def as_records(x: Tensor, schema: Schema) -> Tensor:
    """The inputs as records could have them: within the bounds, with one 1 in each one-hot group.

    The 1 is where the group is largest, at the first such place.

    Args:
        x: (n, *shape) inputs.
        schema: of the data set.

    Example:
        >>> from amulet.core.data import Modality
        >>> schema = Schema(Modality.TABULAR, (3,), ("no", "yes"), features=("age", "job=none", "job=nurse"))
        >>> as_records(torch.tensor([[1.5, 0.2, 0.3], [0.5, 0.9, 0.7]]), schema)
        tensor([[1.0000, 0.0000, 1.0000],
                [0.5000, 1.0000, 0.0000]])
    """
    x = x.clamp(schema.low, schema.high)
    for places in map(list, one_hot_groups(schema).values()):
        x[:, places] = torch.nn.functional.one_hot(x[:, places].argmax(1), len(places)).to(x.dtype)
    return x


def stored_as(x: Tensor, kept: torch.dtype) -> Tensor:
    """Model inputs in the type in which a data set stores them, such as bytes for images in 0..1."""
    return (x * 255).round().to(torch.uint8) if kept == torch.uint8 and x.is_floating_point() else x.to(kept)
