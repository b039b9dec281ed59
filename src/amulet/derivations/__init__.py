"""Models made from other models: extracted, distilled, fine-tuned, pruned, quantised. Probes request them by role."""

from amulet.derivations.distillation import Distillation
from amulet.derivations.extraction import Extraction
from amulet.derivations.extraction_with_explanations import ExtractionWithExplanations
from amulet.derivations.fine_tuning import FineTuning
from amulet.derivations.pruning import Pruning
from amulet.derivations.quantization import Quantization

__all__ = ["Distillation", "Extraction", "ExtractionWithExplanations", "FineTuning", "Pruning", "Quantization"]
