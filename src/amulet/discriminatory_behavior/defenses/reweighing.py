"""Weights that make group and class independent. Kamiran and Calders 2012, https://doi.org/10.1007/s10115-011-0463-8.

Their Algorithm 3, section 4.2.
"""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from amulet.core.data import Data
from amulet.core.measurements.groups import combined_groups, number_of_groups
from amulet.core.trainable import DataUse
from amulet.discriminatory_behavior.defenses.parity import ParityByAttribute
from amulet.training.stages import Prepare, Prepared


@dataclass(frozen=True)
class Reweighing(ParityByAttribute, Prepare):
    """Gives each record the weight P(group) P(class) / P(group, class), as the training records have them.

    In the weighted records group and class are independent. Records of which an attribute is not recorded keep their
    weight, which is 1 unless they have another; weights that records have already are multiplied.

    Attributes:
        attribute: the name of a sensitive attribute, or several names, whose groups are the combinations of values.
    """

    data_use = DataUse.DATASET
    weighs = True

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        """The same records with weights."""
        del rng
        groups, weight = combined_groups(data, self.attribute), data.weight
        weight = torch.ones(len(data), device=data.y.device) if weight is None else weight
        table = torch.zeros(number_of_groups(data.schema, self.attribute), len(data.schema.classes))
        table = table.to(weight).index_put_((groups.clamp_min(0), data.y), weight * (groups >= 0), accumulate=True)
        factors = torch.where(groups >= 0, independence(table)[groups.clamp_min(0), data.y], 1.0)
        return Prepared(replace(data, weight=weight * factors))


def independence(table: Tensor) -> Tensor:
    """What each cell of a table must be multiplied by for its rows and columns to become independent.

    Args:
        table: (rows, columns) of counts or weights; rows and columns keep their sums.

    Returns:
        (rows, columns) row sum times column sum over total times cell; 1 for empty cells, which nothing multiplies.

    Example:
        >>> independence(torch.tensor([[2.0, 3.0], [4.0, 1.0]])).mul(100).round().tolist()
        [[150.0, 67.0], [75.0, 200.0]]
    """
    expected = table.sum(1, keepdim=True) * table.sum(0, keepdim=True) / table.sum()
    return torch.where(table > 0, expected / table, 1.0)
