"""Attacks that infer a sensitive attribute."""

from amulet.attribute_inference.attacks.attribute_from_explanations import AttributeFromExplanations
from amulet.attribute_inference.attacks.attribute_from_outputs import AttributeFromOutputs
from amulet.attribute_inference.attacks.attribute_from_outputs_and_record import AttributeFromOutputsAndRecord

__all__ = ["AttributeFromExplanations", "AttributeFromOutputs", "AttributeFromOutputsAndRecord"]
