"""P3: data reconstruction."""

from amulet.core.risk import Risk
from amulet.data_reconstruction.outcome import ReconstructionOutcome
from amulet.data_reconstruction.pictures import side_by_side
from amulet.data_reconstruction.reconstruction import ReconstructionAttack

__all__ = ["RISK", "ReconstructionAttack", "ReconstructionOutcome", "side_by_side"]

RISK = Risk(
    "data_reconstruction",
    "P3",
    "Data reconstruction",
    "An adversary finds out what the training records of the model look like.",
    question="Can training records be rebuilt?",
    short="Reconstr.",
)
