"""Squared error to the nearest training record. Haim et al. 2022, https://arxiv.org/abs/2206.07758."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.data_reconstruction.outcome import ReconstructionOutcome
from amulet.data_reconstruction.similarity import squared_error


@dataclass(frozen=True)
class NearestMSE(Metric[ReconstructionOutcome]):
    """The mean squared difference of each reconstruction from the nearest training record of its class."""

    low, high, riskier, margin = 0.0, 1.0, "low", 0.01
    title = "MSE to the nearest record"
    meaning = "Mean squared difference of reconstructions from the nearest training records of their classes."

    def measure(self, outcome: ReconstructionOutcome) -> float:
        """In [0, 1], as a share of the squared range of the data."""
        return squared_error(outcome, outcome.reconstructions, outcome.nearest)


nearest_mse = NearestMSE()
