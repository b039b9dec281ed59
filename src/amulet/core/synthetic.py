"""Synthetic records that are valid for a data set without being of it."""

import torch
from torch import Generator, Tensor

from amulet.core.columns import one_hot_groups
from amulet.core.data import Data, Schema
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


def stored_as(x: Tensor, kept: torch.dtype) -> Tensor:
    """Model inputs in the type in which a data set stores them, such as bytes for images in 0..1."""
    return (x * 255).round().to(torch.uint8) if kept == torch.uint8 and x.is_floating_point() else x.to(kept)
