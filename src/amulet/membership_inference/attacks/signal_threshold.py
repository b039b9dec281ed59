"""Membership by thresholds on one signal, set on a shadow model. Song and Mittal 2021, https://arxiv.org/abs/2003.10595."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from amulet.core.data import Selection
from amulet.core.errors import MissingInput, Problem
from amulet.core.metric import Metric
from amulet.core.roles import SHADOW, Requests, shadow_requests
from amulet.core.spec import Models
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary, Target
from amulet.functional.roc import best_threshold
from amulet.membership_inference.metrics.accuracy_at_threshold import accuracy_at_threshold
from amulet.membership_inference.outcome import MembershipInferenceAttack
from amulet.membership_inference.shadow_answers import shadow_answers
from amulet.membership_inference.signals import Signal, signal_of


@dataclass(frozen=True)
class SignalThreshold(MembershipInferenceAttack):
    """A record is called a member if the target's signal for it reaches a threshold that was set on a shadow model.

    The threshold is the one with the largest balanced accuracy on the shadow model's own members and non-members. The
    score is the signal itself, so `per_class` changes the decisions and not the ranking.

    Attributes:
        signal: "loss", minus the cross-entropy; "correctness", whether the predicted class is right; "confidence", the
            probability of the true class as log odds; "entropy" or "modified entropy", minus that of the probabilities.
        per_class: whether each class has a threshold of its own. A class of which the shadow model has no members, or
            no others, has that of all records.
        shadows: the number of shadow models; thresholds are set on the records of all together.
        defense_known: whether the adversary knows the target's defenses and trains the shadow models with them.
    """

    needs = Access.LOGITS
    signal: Signal = "modified entropy"
    per_class: bool = True
    shadows: Models = 1
    defense_known: bool = True

    def problems(self) -> Iterator[Problem]:
        """None; correctness needs predicted labels alone."""
        if self.signal == "correctness":
            object.__setattr__(self, "needs", Access.LABELS)
        yield from ()

    def own_models(self, split: Split) -> Requests:
        """The shadow models on which thresholds are set."""
        return {SHADOW: shadow_requests(split, self.shadows, defense_known=self.defense_known)}

    def own_metrics(self) -> tuple[Metric[Any], ...]:
        """The accuracy of its decisions, beside the metrics of its ranking."""
        return (accuracy_at_threshold,)

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) the signal."""
        return self._signal(adversary.target, candidates)

    def thresholds(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) the threshold of each candidate's class, or of all."""
        signals, inside = shadow_answers(
            adversary, candidates, self._signal, count=self.shadows, access=self.needs, asker=self
        )
        if inside.all() or not inside.any():
            raise MissingInput(f"{self} needs shadow models that were trained with some of the candidates, not all.")
        common = best_threshold(signals.flatten(), inside.flatten())
        found = signals.new_full((len(candidates),), common)
        for code in candidates.y.unique() if self.per_class else ():
            of_class = candidates.y == code
            known = inside[:, of_class].flatten()
            if known.any() and not known.all():
                found[of_class] = best_threshold(signals[:, of_class].flatten(), known)
        return found

    def _signal(self, target: Target, records: Selection) -> Tensor:
        """(n,) float64, higher for records that are more likely members."""
        if self.signal == "correctness":
            return (target.predictions(records) == records.y).double()
        return signal_of(self.signal, target.logits(records), records.y)
