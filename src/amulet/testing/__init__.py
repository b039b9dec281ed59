"""The conformance kit: what every plug-in promises, checked. For Amulet's own and for third parties' alike.

    from amulet.testing import check_attack
    def test_my_attack() -> None:
        check_attack(MyAttack())

Each check raises AssertionError with one sentence that says what was promised and what happened.
"""

from amulet.testing.defenses import check_defense
from amulet.testing.derivations import check_derivation
from amulet.testing.factors import check_factor
from amulet.testing.metrics import check_metric
from amulet.testing.probes import check_attack, check_audit, check_with_attributes
from amulet.testing.promises import check_spec
from amulet.testing.toys import FEATURES, TOY_RECIPE, toy_dataset, toy_game

__all__ = [
    "FEATURES",
    "TOY_RECIPE",
    "check_attack",
    "check_audit",
    "check_defense",
    "check_derivation",
    "check_factor",
    "check_metric",
    "check_spec",
    "check_with_attributes",
    "toy_dataset",
    "toy_game",
]
