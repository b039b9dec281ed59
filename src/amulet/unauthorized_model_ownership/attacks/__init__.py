"""Attacks that copy a model."""

from amulet.unauthorized_model_ownership.attacks.knockoff_nets import KnockoffNets
from amulet.unauthorized_model_ownership.attacks.model_extraction import ModelExtraction
from amulet.unauthorized_model_ownership.attacks.model_extraction_with_explanations import (
    ModelExtractionWithExplanations,
)

__all__ = ["KnockoffNets", "ModelExtraction", "ModelExtractionWithExplanations"]
