"""Structural similarity with class means. Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, equation 13."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.data_reconstruction.outcome import ReconstructionOutcome
from amulet.data_reconstruction.similarity import similarity


@dataclass(frozen=True)
class SSIM(Metric[ReconstructionOutcome]):
    """The mean structural similarity of each reconstruction and the mean of the training records of its class."""

    low, high, riskier, chance, shows, margin = -1.0, 1.0, "high", "trivial_ssim", "findings", 0.02
    title = "SSIM with the class mean"
    meaning = "Mean structural similarity of reconstructions and the means of their classes; 1 for equal images."

    def measure(self, outcome: ReconstructionOutcome) -> float | Undefined:
        """In [-1, 1]; undefined unless the data are images of at least 7 x 7 pixels."""
        return similarity(outcome, outcome.reconstructions, outcome.means)


ssim = SSIM()
