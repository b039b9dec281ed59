"""What is published of pairs of defenses in one model.

Duddu, Zhang and Asokan 2024, https://arxiv.org/abs/2411.09776.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from amulet.literature.interactions import read_table

GOALS: Final = {
    "adversarial_training": "evasion robustness",
    "outlier_removal": "poisoning robustness",
    "watermarking": "model watermark",
    "fingerprinting": "fingerprint",
    "differential_privacy": "differential privacy",
    "group_fairness": "group fairness",
    "explanations": "explanations",
}
"""The goal of each family of defenses, in the terms of the study; some goals are reached by other methods as well."""


@dataclass(frozen=True)
class Combination:
    """A pair of defenses that was measured on FashionMNIST and UTKFace.

    Attributes:
        goals: what each of the two is made for.
        stages: where each acts: "pre-training", "in-training" or "post-training".
        effective: whether both still served their goals.
        after_tuning: the same, after the settings were tuned.
        by_stage: whether the simple rule, that defenses of different stages do not conflict, predicted that they would.
        by_method: whether the authors' method predicted that they would.
    """

    goals: tuple[str, str]
    stages: tuple[str, str]
    effective: bool
    after_tuning: bool
    by_stage: bool
    by_method: bool

    def turned(self) -> "Combination":
        """The same pair, the second defense first."""
        return replace(self, goals=self.goals[::-1], stages=self.stages[::-1])


@cache
def combinations() -> tuple[Combination, ...]:
    """All published pairs."""
    found = []
    for pair in _TABLES["pairs"]:
        (first, at_first), (second, at_second) = (each.split(", ") for each in pair["defenses"])
        found.append(
            Combination(
                goals=(first, second),
                stages=(at_first, at_second),
                effective=pair["effective"],
                after_tuning=pair["after_tuning"],
                by_stage=pair["by_stage"],
                by_method=pair["by_method"],
            )
        )
    return tuple(found)


def combinations_of(families: Sequence[str]) -> tuple[Combination, ...]:
    """The published pairs whose goals are those of two families, in their order; empty for other numbers of families.

    Their methods, and the stages at which they act, may differ from those of Amulet.

    Example:
        >>> [(pair.stages, pair.effective) for pair in combinations_of(["adversarial_training", "outlier_removal"])]
        [(('in-training', 'post-training'), False)]
    """
    goals = tuple(GOALS.get(family, "") for family in families)
    if len(goals) != 2 or goals[0] == goals[1]:
        return ()
    turned = (pair if pair.goals == goals else pair.turned() for pair in combinations())
    return tuple(pair for pair in turned if pair.goals == goals)


_TABLES: Final = read_table("combinations.json")

SOURCE: Final = "{authors}: {title}, {venue}, {address}".format(**_TABLES["source"])
"""The study that the combinations are taken from."""
