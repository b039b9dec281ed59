"""Structural similarity with records. Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, equation 13."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.data_reconstruction.outcome import ReconstructionOutcome
from amulet.data_reconstruction.similarity import similarity


@dataclass(frozen=True)
class NearestSSIM(Metric[ReconstructionOutcome]):
    """The mean structural similarity of each reconstruction and the nearest training record of its class.

    The nearest record is the one with the smallest squared error.
    """

    low, high, riskier, margin = -1.0, 1.0, "high", 0.02
    title = "SSIM with the nearest record"
    meaning = "Mean structural similarity of reconstructions and the nearest training records of their classes."

    def measure(self, outcome: ReconstructionOutcome) -> float | Undefined:
        """In [-1, 1]; undefined unless the data are images of at least 7 x 7 pixels."""
        return similarity(outcome, outcome.reconstructions, outcome.nearest)


nearest_ssim = NearestSSIM()
