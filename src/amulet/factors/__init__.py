"""Factors that may explain interactions: properties of a model that are measured beside its risks."""

from amulet.factors.boundary_distance import BoundaryDistance
from amulet.factors.factor import Factor, FactorOutcome
from amulet.factors.generalisation_gap import GeneralisationGap
from amulet.factors.group_distinguishability import GroupDistinguishability
from amulet.factors.loss_curvature import LossCurvature
from amulet.factors.member_distinguishability import MemberDistinguishability
from amulet.factors.memorization import Memorization

__all__ = [
    "BoundaryDistance",
    "Factor",
    "FactorOutcome",
    "GeneralisationGap",
    "GroupDistinguishability",
    "LossCurvature",
    "MemberDistinguishability",
    "Memorization",
]
