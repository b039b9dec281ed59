"""Defenses by which owners of models recognise copies of them."""

from amulet.unauthorized_model_ownership.defenses.watermark import Watermark, WatermarkClaim

__all__ = ["Watermark", "WatermarkClaim"]
