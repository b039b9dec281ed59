"""Data, a recipe and games that are small enough for tests."""

from typing import Any

import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.probe import Game, Probe
from amulet.core.seeds import generator
from amulet.core.split import Split
from amulet.core.trainable import Defense
from amulet.datasets.own import from_arrays
from amulet.experiments.planning.memory import game_for
from amulet.experiments.registry.plugins import Kind, plugins
from amulet.models.linear_net import LinearNet
from amulet.training.optimizers import Adam
from amulet.training.recipe import Recipe

FEATURES = 6
TOY_RECIPE = Recipe(LinearNet((16,), norm="group"), epochs=4, batch_size=16, optimizer=Adam(lr=0.01))
"""Trains in a moment, and without layers that mix records."""


def toy_dataset(records: int = 160, seed: int = 0) -> AmuletDataset:
    """Two overlapping classes in [0, 1] with a sensitive attribute `sex`; a fifth of the records is for testing."""
    rng = generator(seed, "toy")
    y = (torch.rand(records, generator=rng) < 0.5).long()
    x = (0.5 + 0.15 * (2 * y[:, None] - 1) + 0.2 * torch.randn(records, FEATURES, generator=rng)).clamp(0, 1)
    sex = torch.where(torch.rand(records, generator=rng) < 0.3 + 0.4 * y, 1, 0)
    cut = records * 4 // 5
    return from_arrays(
        (x[:cut], y[:cut]),
        (x[cut:], y[cut:]),
        sensitive=({"sex": sex[:cut]}, {"sex": sex[cut:]}),
        classes=("denied", "approved"),
        positive="approved",
        bounds=(0.0, 1.0),
        name="toy",
    )


def toy_game(probe: Probe[Any], seed: int = 0) -> Game:
    """A small game of the probe, with the models that it asks for, and with a defense that it examines, if it does."""
    defenses = [plugin.spec() for plugin in plugins() if plugin.kind is Kind.DEFENSE]
    examined = [each for each in defenses if isinstance(each, Defense) and probe.checks(each)]
    return game_for(probe, TOY_RECIPE, toy_dataset(), Split(seed=seed), defenses=examined[:1])
