"""Defenses against unauthorized model ownership."""

from amulet.unauthorized_model_ownership.defenses.dataset_inference import DatasetInference

__all__ = ["DatasetInference"]
