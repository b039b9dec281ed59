"""An empirical lower bound on epsilon from one training run. Steinke et al. 2023, https://arxiv.org/abs/2305.08846."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Annotated, Final, final

import torch
from annotated_types import Interval
from torch import Tensor

from amulet.core.classifier import require_classifier
from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Problem
from amulet.core.fitted import Fact
from amulet.core.model import evaluating, predict
from amulet.core.outcome import Outcome
from amulet.core.probe import Audit, Game
from amulet.core.records.data_checks import require_data
from amulet.core.roles import ModelRequest, Requests, Whose
from amulet.core.spec import OpenProbability
from amulet.core.split import Split
from amulet.core.threat import TrainedModel, require_trained
from amulet.functional.membership.signals import negative_loss
from amulet.membership_inference.canaries import Canaries, CanaryDraw, Labels

AUDITED: Final = "audited"
"""A model that is trained as the row's model is, on the members and on about half of the canaries."""

MOST: Final = 100_000
"""The most canaries, with which no bound of a confidence of 0.95 or more exceeds 11."""

LEAST_CONFIDENCE: Final = 0.95


@final
@dataclass(frozen=True, eq=False)
class PrivacyAuditOutcome(Outcome):
    """For each canary how likely it seems to have been trained on, and whether it was.

    Attributes:
        scores: (m,) float64, higher for canaries that more likely were included.
        included: (m,) bool, the coin of each canary.
        index: (m,) identities of the canaries.
        guesses: (k,) float64, the shares of the canaries that are guessed at, fixed beforehand.
        confidence: float64 number, of the bound.
        delta: float64 number, for which the bound is.
        proven: float64 number, the epsilon that training claims for this delta; infinite if it claims none.
    """

    part = "train"
    truth = ("included", "index")
    constants = ("guesses", "confidence", "delta", "proven")
    scores: Tensor
    included: Tensor
    index: Tensor
    guesses: Tensor
    confidence: Tensor
    delta: Tensor
    proven: Tensor

    def check(self) -> None:
        """Scores must not be NaN."""
        if torch.isnan(self.scores).any():
            raise ValueError("Scores of canaries must not be NaN.")

    def counts(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The numbers of correct and of all guesses, for each share.

        The highest scores are guessed to be of included canaries, as many of the lowest to be of others; of the rest
        nothing is said. Equal scores are ranked by identity, which tells nothing of the coins.
        """
        by_identity = self.index.argsort(stable=True)
        ranked = self.included[by_identity[self.scores[by_identity].argsort(stable=True)]]
        sides = [int(share * len(ranked)) // 2 for share in self.guesses.tolist()]
        right = [int((~ranked[:side]).sum() + ranked[len(ranked) - side :].sum()) for side in sides]
        return tuple(right), tuple(2 * side for side in sides)


@final
@dataclass(frozen=True)
class PrivacyAudit(Audit[PrivacyAuditOutcome]):
    """Trains the row's recipe once more with canaries that are included by fair coins, and guesses the coins.

    Canaries are auxiliary records, by default under a wrong label: nothing but having seen it makes a model give that
    label a high probability. The score of a canary is minus its loss.

    Attributes:
        canaries: how many; all auxiliary records where there are fewer.
        labels: "wrong", or "own" for records as they are, which leak less.
        guesses: the shares of the canaries that are guessed at. The best of them counts, at a confidence that is
            corrected for their number.
        confidence: of the bound.
        delta: for which models without a guarantee are audited. Those with one are audited for the delta of that.
    """

    risk = "membership_inference"
    outcome_type = PrivacyAuditOutcome

    canaries: Annotated[int, Interval(ge=2, le=MOST)] = 1000
    labels: Labels = "wrong"
    guesses: tuple[Annotated[float, Interval(gt=0, le=1)], ...] = (0.25, 0.75)
    confidence: Annotated[float, Interval(ge=LEAST_CONFIDENCE, lt=1)] = 0.95
    delta: OpenProbability = 1e-5

    def problems(self) -> Iterator[Problem]:
        """There must be something to guess."""
        if not self.guesses:
            yield self.problem("guesses", "one share of the canaries or several")

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """There must be records for canaries."""
        if len(split.divide(len(dataset.train)).auxiliary) < 2:
            yield f"{self} needs at least two auxiliary records for canaries. The split leaves fewer."

    def models(self, split: Split) -> Requests:
        """The audited model.

        An attack on the row's training records is left out: a guarantee is about the training, not about what has
        happened to the records before.
        """
        return {AUDITED: (ModelRequest(CanaryDraw(split, self._canaries), Whose.UNTAMPERED),)}

    def play(self, game: Game) -> PrivacyAuditOutcome:
        """Score the canaries, and note what training claims."""
        places = self._canaries.places(game.division.auxiliary, game.seed)
        shown = self._canaries.labelled(game.dataset.train[places], game.seed)
        return self.audit(game.models[AUDITED][0], shown.to(game.device))

    def audit(self, audited: TrainedModel, canaries: Data) -> PrivacyAuditOutcome:
        """Audit a model that was trained on some canaries, each included by an independent fair coin.

        Args:
            audited: with the identities of its training records, and the facts of its training.
            canaries: all canaries, included or not, under the labels they were trained with.

        Raises:
            InvalidParameter: the audited model does not say what it was trained on.
            InvalidData: the canaries are no records.
        """
        require_trained(audited, "audited", type(self).__name__)
        require_data(canaries, "canaries", type(self).__name__)
        return PrivacyAuditOutcome(
            _log_likelihoods(audited, canaries).cpu(),
            audited.trained_on(canaries.index).cpu(),
            canaries.index.cpu(),
            guesses=_number(self.guesses),
            confidence=_number(self.confidence),
            delta=_number(audited.facts.get("delta", self.delta)),
            proven=_number(audited.facts.get("epsilon", inf)),
        )

    @property
    def _canaries(self) -> Canaries:
        return Canaries(self.canaries, self.labels)


def _log_likelihoods(trained: TrainedModel, canaries: Data) -> Tensor:
    """(m,) float64, log p of the probability p of each canary's label, as in `LossThreshold`."""
    require_classifier(trained.model, canaries)
    with evaluating(trained.model):
        return negative_loss(predict(trained.model, canaries), canaries.y).detach()


def _number(value: Fact | tuple[float, ...]) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)
