"""The classifier with which an adversary tells the values of an attribute apart, trained in the one training loop."""

from typing import Final

import torch
from torch import Tensor

from amulet.core.data import Attribute, Data, Modality, Schema
from amulet.core.model import probabilities_of
from amulet.core.trainable import Trainable
from amulet.models.linear_net import LinearNet
from amulet.training.optimizers import Adam, OneCycle
from amulet.training.recipe import Recipe

CLASSIFIER: Final = Recipe(
    LinearNet(hidden=(64, 32), norm="none", dropout=0.3),
    epochs=8,
    batch_size=128,
    optimizer=Adam(lr=5e-3, weight_decay=0.1),
    schedule=OneCycle(),
)
"""The default: no worse than larger networks or longer training, from hundreds of records to ten thousands."""

BOUND: Final = 8.0
"""Standardised features are clipped to this many standard deviations."""

SMALLEST: Final = 1e-12
"""Smaller probabilities are raised to this before their logarithm; smaller deviations count as none."""


def features_of(probabilities: Tensor) -> Tensor:
    """(n, 2 classes) probabilities and their logarithms, which tell very confident outputs apart."""
    return torch.cat([probabilities, probabilities.clamp_min(SMALLEST).log()], 1)


def classified(
    classifier: Trainable, known: tuple[Tensor, Tensor], asked: Tensor, attribute: Attribute, *, seed: int
) -> Tensor:
    """The probability of each value, by a classifier trained on records whose values are known.

    Args:
        classifier: how it is trained.
        known: (m, features) and (m,) codes of the values.
        asked: (n, features) of the records in question.
        attribute: its values.
        seed: of the training.

    Returns:
        (n, values) float64, on the CPU.
    """
    features, values = known
    mean, deviation = features.mean(0), features.std(0, unbiased=False)
    scale = torch.where(deviation > SMALLEST, 1 / deviation.clamp_min(SMALLEST), 0)
    fitted, inputs = (((each - mean) * scale).clamp(-BOUND, BOUND) for each in (features, asked))
    schema = Schema(Modality.TABULAR, (features.shape[1],), attribute.values, low=-BOUND, high=BOUND)
    nothing = torch.empty(len(values), 0, dtype=torch.int64, device=values.device)
    data = Data(fitted, values, nothing, torch.arange(len(values), device=values.device), schema)
    model = classifier.fit(data, seed=seed, device=str(features.device)).model
    return probabilities_of(model, inputs)
