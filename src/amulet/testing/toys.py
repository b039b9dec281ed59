"""Data, a recipe and games that are small enough for tests."""

from typing import Any

import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.probe import Attack, Game, Probe
from amulet.core.roles import Derivation
from amulet.core.seeds import generator
from amulet.core.split import Split
from amulet.core.threat import Release
from amulet.core.trainable import Defense, released
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
    """A small game of the probe, with the models that it asks for.

    The target has a defense that the probe examines, or of which it reads what is released, if there is one.
    """
    examined = [each for each in _defenses() if probe.checks(each) or _is_read(each, probe)]
    return game_for(probe, TOY_RECIPE, toy_dataset(), Split(seed=seed), defenses=examined[:1])


def read_by(derivation: Derivation) -> tuple[Release, ...]:
    """What the first defense releases of which a derivation reads something, if there is one."""
    return next((released([each]) for each in _defenses() if _is_read(each, derivation)), ())


def _defenses() -> list[Defense]:
    """All registered ones with their defaults."""
    found = (plugin.spec() for plugin in plugins() if plugin.kind is Kind.DEFENSE)
    return [each for each in found if isinstance(each, Defense)]


def _is_read(defense: Defense, reader: Probe[Any] | Derivation) -> bool:
    """Whether something that a defense releases is read by an attack or a derivation."""
    return isinstance(reader, Attack | Derivation) and any(
        reader.needs.includes(each.kind) for each in released([defense])
    )
