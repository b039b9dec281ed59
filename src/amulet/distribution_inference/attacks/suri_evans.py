"""Which world's models does a model resemble? Suri et al. 2023, https://arxiv.org/abs/2212.07591, KL test."""

from dataclasses import dataclass, replace
from typing import Final, Self

import torch
from torch import Tensor

from amulet.core.dataset import AmuletDataset
from amulet.core.split import Split
from amulet.core.threat import Access, Target, TrainedModel, opened
from amulet.distribution_inference.outcome import DistributionInferenceAttack, Judge, Worlds
from amulet.functional.divergence import kl_divergence, votes_for_second

SPARE: Final = 0.8
"""Of the records with a scarce value, how many a model may use, since splits hold more or fewer of them."""


@dataclass(frozen=True)
class SuriEvans(DistributionInferenceAttack):
    """The KL test: are the predictions of a model closer to those of models of the first, or of the second world?

    For every pair of the adversary's models, one of each world, and for records of either world, the model is judged to
    come from the world of the one whose predictions it is closer to. The score is the share of these judgements for the
    second world, less one half. It depends on the judged model alone.
    """

    needs = Access.PROBABILITIES

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """Of the value that is nearest to one half of the records, with few models, as large as its records allow."""
        del split
        few, (_, larger) = cls(victims=5, shadows=4), cls.ratios
        shares = {
            (attribute.name, value): dataset.train.has(attribute.name, value).double().mean().item()
            for attribute in dataset.schema.attributes
            for value in attribute.values
        }
        scarce = {key: min(share, 1 - share) for key, share in shares.items() if 0 < share < 1}
        if not scarce:
            return (few,)
        attribute, value = max(scarce, key=lambda key: scarce[key])
        size = min(cls.size, round(SPARE * scarce[attribute, value] / larger, 3))
        return (replace(few, attribute=attribute, value=value, size=size),) if size > 0 else (few,)

    def judge(self, worlds: Worlds) -> Judge:
        """Predictions of the adversary's models, with which those of a target are compared."""
        first, second = (
            torch.stack([self._probabilities(model, worlds) for model in models])
            for models in (worlds.first, worlds.second)
        )

        def score(target: Target) -> float:
            own = target.probabilities(worlds.queries)
            divergences = [kl_divergence(group, own) for group in (first, second)]
            votes = [votes_for_second(*(each[:, places].mean(1) for each in divergences)) for places in worlds.halves]
            return torch.stack(votes).mean().item() - 0.5

        return score

    def _probabilities(self, model: TrainedModel, worlds: Worlds) -> Tensor:
        """(n, classes) predictions of one of the adversary's own models."""
        with opened(model.model.to(worlds.queries.y.device), self.needs, worlds.queries) as own:
            return own.probabilities(worlds.queries)
