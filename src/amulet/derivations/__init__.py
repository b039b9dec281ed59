"""Models made from other models: distilled, fine-tuned, pruned, quantised. Attacks and audits ask for them by role."""

from amulet.derivations.distillation import Distillation
from amulet.derivations.fine_tuning import FineTuning
from amulet.derivations.pruning import Pruning
from amulet.derivations.quantization import Quantization

__all__ = ["Distillation", "FineTuning", "Pruning", "Quantization"]
