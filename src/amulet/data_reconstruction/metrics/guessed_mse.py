"""Squared error of a guess, beside that of Fredrikson et al. 2015, https://doi.org/10.1145/2810103.2813677."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.data_reconstruction.outcome import Guess, ReconstructionOutcome, Reference
from amulet.data_reconstruction.similarity import squared_error


@dataclass(frozen=True)
class GuessedMSE(Metric[ReconstructionOutcome]):
    """The mean squared difference of one guess for all classes from what reconstructions are compared with.

    Attributes:
        guess: zeros, mid-grey, or the mean of all training records.
        taken: whether it is taken for the class mean, or for the training record of the class that is nearest to it.
    """

    low, high, riskier, margin = 0.0, 1.0, None, 0.01
    title = "MSE of guessing"
    meaning = "What the mean squared difference is of one record that is guessed for all classes, without the model."
    guess: Guess = "overall mean"
    taken: Reference = "for class means"

    def measure(self, outcome: ReconstructionOutcome) -> float:
        """In [0, 1], as a share of the squared range of the data."""
        return squared_error(outcome, *outcome.guessed(self.guess, self.taken))
