"""What is published of each defense and each risk, and what the guideline predicts.

Duddu, Szyller and Asokan 2024, https://arxiv.org/abs/2312.04542, tables 2 and 3.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from amulet.literature.guideline import Direction, Prediction, predict


@dataclass(frozen=True)
class Interaction:
    """One defense and one risk.

    Attributes:
        defense: the family of the defense, one of `DEFENSES`.
        risk: the package of the risk, one of `RISKS`.
        published: what studies found; None if the survey knows none.
        otherwise: under which conditions, or in which studies, the opposite was found; empty if nowhere.
        prediction: what the guideline predicts.
        evidence: for each factor by which studies explain the interaction, the kinds of evidence: "experiment",
            "theory", "conjecture" or "experiment of the survey".
    """

    defense: str
    risk: str
    published: Direction | None
    otherwise: str
    prediction: Prediction
    evidence: Mapping[str, tuple[str, ...]]

    @property
    def signs(self) -> tuple[Direction, ...]:
        """All published directions, the usual one first; empty if there are none."""
        if self.published is None:
            return ()
        return (self.published, self.published.opposite) if self.otherwise else (self.published,)


@cache
def interactions() -> tuple[Interaction, ...]:
    """All 56 interactions, defense by defense."""
    return tuple(_interaction(defense, risk) for defense in DEFENSES for risk in RISKS)


def interaction(defense: str, risk: str) -> Interaction | None:
    """One interaction; None if the survey does not cover the defense or the risk.

    Args:
        defense: the family of the defense, one of `DEFENSES`.
        risk: the package of the risk, one of `RISKS`.

    Example:
        >>> found = interaction("differential_privacy", "evasion")
        >>> found.published.value, found.otherwise, found.prediction.strength.value
        ('increases', 'decreases in one study', 'dominant')
    """
    return next((each for each in interactions() if (each.defense, each.risk) == (defense, risk)), None)


def _interaction(defense: str, risk: str) -> Interaction:
    found = _TABLES["interactions"][defense][risk]
    return Interaction(
        defense=defense,
        risk=risk,
        published=Direction(found["published"]) if found["published"] else None,
        otherwise=found.get("otherwise", ""),
        prediction=predict(_TABLES["defenses"][defense], _TABLES["risks"][risk]),
        evidence={factor: tuple(kinds) for factor, kinds in found.get("evidence", {}).items()},
    )


def read_table(name: str) -> Any:
    """The content of a JSON file of this package."""
    return json.loads(files("amulet.literature").joinpath(name).read_text(encoding="utf-8"))


_TABLES: Final = read_table("interactions.json")

SOURCE: Final = "{authors}: {title}, {venue}, {address}".format(**_TABLES["source"])
"""The survey that the interactions are taken from."""

FACTORS: Final[Mapping[str, str]] = _TABLES["factors"]
"""The factors by their codes: D of the data, O of the objective and the observables, M of the model."""

FACTORS_OF_DEFENSES: Final[Mapping[str, Mapping[str, str]]] = _TABLES["defenses"]
"""By family of defenses, the factors that they change: "+" where a factor grows and "-" where it shrinks."""

FACTORS_OF_RISKS: Final[Mapping[str, Mapping[str, str]]] = _TABLES["risks"]
"""By risk, the factors that it depends on: "+" where a larger one means more risk and "-" where it means less."""

DEFENSES: Final = tuple(_TABLES["defenses"])
"""The families of defenses, as in `amulet.core.trainable.Defense.family`."""

RISKS: Final = tuple(_TABLES["risks"])
"""The risks, by the names of their packages."""
