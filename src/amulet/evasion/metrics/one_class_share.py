"""How far the model says one thing only. Zhang et al. 2019, https://arxiv.org/abs/1901.08573, Table 1 ("all-one")."""

from dataclasses import dataclass

import torch

from amulet.core.metric import Metric
from amulet.evasion.outcome import EvasionOutcome


@dataclass(frozen=True)
class OneClassShare(Metric[EvasionOutcome]):
    """Share of the predictions, before and under attack together, that name the class which they name most.

    At 1 the model always names one class: it withstands every attack, and shows nothing of any.
    """

    shows = "one class"
    low, high, riskier = 0.0, 1.0, None
    title = "Share of one class"
    meaning = "Share of the most frequent class among all predictions, with and without the attack."

    def measure(self, outcome: EvasionOutcome) -> float:
        """In 0..1."""
        named = torch.cat([outcome.clean, outcome.adversarial])
        return named.bincount().max().item() / len(named)


one_class_share = OneClassShare()
