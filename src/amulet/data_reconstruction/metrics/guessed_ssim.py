"""Structural similarity of a guess. Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, equation 13."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.data_reconstruction.outcome import Guess, ReconstructionOutcome, Reference
from amulet.data_reconstruction.similarity import similarity


@dataclass(frozen=True)
class GuessedSSIM(Metric[ReconstructionOutcome]):
    """The mean structural similarity of one guess for all classes and what reconstructions are compared with.

    Attributes:
        guess: zeros, mid-grey, or the mean of all training records.
        taken: whether it is taken for the class mean, or for the training record of the class that is nearest to it.
    """

    low, high, riskier = -1.0, 1.0, None
    title = "SSIM of guessing"
    meaning = "What the structural similarity is of one image that is guessed for all classes, without the model."
    guess: Guess = "overall mean"
    taken: Reference = "for class means"

    def measure(self, outcome: ReconstructionOutcome) -> float | Undefined:
        """In [-1, 1]; undefined unless the data are images of at least 7 x 7 pixels."""
        return similarity(outcome, *outcome.guessed(self.guess, self.taken))
