"""Structural similarity without an attack. Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, equation 13."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.data_reconstruction.outcome import TRIVIAL, ReconstructionOutcome
from amulet.data_reconstruction.similarity import similarity


@dataclass(frozen=True)
class TrivialSSIM(Metric[ReconstructionOutcome]):
    """The structural similarity of zeros or of mid-grey and the class means, whichever is larger."""

    low, high, riskier = -1.0, 1.0, None
    title = "SSIM of zeros or grey"
    meaning = "Mean structural similarity of zeros, or of mid-grey if that is larger, and the means of the classes."

    def measure(self, outcome: ReconstructionOutcome) -> float | Undefined:
        """In [-1, 1]; undefined unless the data are images of at least 7 x 7 pixels."""
        found = [similarity(outcome, *outcome.guessed(guess, "for class means")) for guess in TRIVIAL]
        values = [value for value in found if not isinstance(value, Undefined)]
        return max(values) if values else found[0]


trivial_ssim = TrivialSSIM()
