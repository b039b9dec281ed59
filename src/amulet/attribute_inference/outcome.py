"""The outcome of attribute inference: what was inferred of each record, with the model and without it."""

from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from amulet.core.outcome import LEFT_OUT, Outcome

NO_IMPUTATION: Final = torch.tensor(False)
"""The default of `imputed`."""


@final
@dataclass(frozen=True, eq=False)
class AttributeOutcome(Outcome):
    """The true and the inferred value of one sensitive attribute for each record under attack.

    The baseline is the same adversary without the model.

    Attributes:
        values: (n,) true codes 0..k-1; -1 where the value is not recorded. All metrics leave such records out.
        scores: (n, k) float64 score of each value, higher where it is more likely.
        guesses: (n,) the inferred codes, decided by thresholds that were chosen on the adversary's records.
        baseline_scores: (n, k) float64 scores of the baseline.
        baseline_guesses: (n,) the codes that the baseline infers.
        imputed: () bool, whether the baseline imputes the value from the rest of the record. If not, it is the value
            that is most frequent among the adversary's records.
        index: (n,) identities of the records.

    Example:
        >>> from amulet.attribute_inference.metrics import balanced_accuracy
        >>> values, guesses = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1])
        >>> scores = torch.nn.functional.one_hot(guesses).double()
        >>> balanced_accuracy(AttributeOutcome(values, scores, guesses, torch.full((4, 2), 0.5), torch.zeros(4).long()))
        0.75
    """

    truth = ("values", "index")
    constants = ("imputed",)
    values: Tensor
    scores: Tensor
    guesses: Tensor
    baseline_scores: Tensor
    baseline_guesses: Tensor
    imputed: Tensor = NO_IMPUTATION
    index: Tensor = LEFT_OUT

    def check(self) -> None:
        """Scores must not be NaN."""
        if self.scores.isnan().any() or self.baseline_scores.isnan().any():
            raise ValueError("Scores of attribute values must not be NaN.")

    @property
    def recorded(self) -> Tensor:
        """(n,) bool, whether the value is recorded."""
        return self.values >= 0

    @property
    def unrecorded(self) -> int:
        """The number of records that all metrics leave out."""
        return int((~self.recorded).sum())
