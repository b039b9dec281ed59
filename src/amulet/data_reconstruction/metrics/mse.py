"""Squared error of reconstructed class means. Fredrikson et al. 2015, https://doi.org/10.1145/2810103.2813677."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.data_reconstruction.outcome import ReconstructionOutcome
from amulet.data_reconstruction.similarity import squared_error


@dataclass(frozen=True)
class MSE(Metric[ReconstructionOutcome]):
    """The mean squared difference of each reconstruction from the mean of the training records of its class."""

    low, high, riskier, primary, chance, margin = 0.0, 1.0, "low", True, "trivial_mse", 0.01
    title = "MSE to the class mean"
    phrase = "error of reconstructions"
    meaning = (
        "Mean squared difference of reconstructions from the means of their classes, by the squared range of the data."
    )

    def measure(self, outcome: ReconstructionOutcome) -> float:
        """In [0, 1], as a share of the squared range of the data."""
        return squared_error(outcome, outcome.reconstructions, outcome.means)


mse = MSE()
