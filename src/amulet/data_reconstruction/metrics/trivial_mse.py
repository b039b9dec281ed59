"""Squared error without an attack, such as that of Fredrikson et al. 2015, https://doi.org/10.1145/2810103.2813677."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.data_reconstruction.outcome import TRIVIAL, ReconstructionOutcome
from amulet.data_reconstruction.similarity import squared_error


@dataclass(frozen=True)
class TrivialMSE(Metric[ReconstructionOutcome]):
    """The squared error of zeros or of mid-grey to the class means, whichever is smaller."""

    low, high, riskier, margin = 0.0, 1.0, None, 0.01
    title = "MSE of zeros or grey"
    meaning = "Mean squared difference of zeros, or of mid-grey if that is smaller, from the means of the classes."

    def measure(self, outcome: ReconstructionOutcome) -> float:
        """In [0, 1], as a share of the squared range of the data."""
        return min(squared_error(outcome, *outcome.guessed(guess, "for class means")) for guess in TRIVIAL)


trivial_mse = TrivialMSE()
