"""Defenses by which owners of models recognise copies of them."""

from amulet.unauthorized_model_ownership.defenses.dataset_inference import DatasetInference
from amulet.unauthorized_model_ownership.defenses.watermark import Watermark, WatermarkClaim

__all__ = ["DatasetInference", "Watermark", "WatermarkClaim"]
