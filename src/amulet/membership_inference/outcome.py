"""P1, membership inference: the outcome, and the base class of attacks that infer which records were trained on."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log10
from types import MappingProxyType
from typing import Final, Self, final

import torch
from torch import Tensor, nn

from amulet.core.data import Data, Schema, Selection, concatenate
from amulet.core.errors import InvalidData, Problem
from amulet.core.measurements.curve import Curve
from amulet.core.model import device_of
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Attack, Game
from amulet.core.records.data_checks import require_apart, require_data, require_own_identities
from amulet.core.roles import TARGET
from amulet.core.seeds import generator
from amulet.core.threat import Adversary, Models, Release, TrainedModel, opened, without
from amulet.functional.roc import roc, tpr_at

ROC_POINTS: Final = 60
"""The number of false positive rates of a curve, evenly spaced on a log scale from one non-member to all."""


@final
@dataclass(frozen=True, eq=False)
class MembershipOutcome(Outcome):
    """The adversary's membership score of each record, and whether the record is a member.

    Attributes:
        scores: (n,) float64, higher for records that are more likely members.
        members: (n,) bool, whether the record is one of the target's training records.
        index: (n,) identities of the records, by which attacks can be compared record by record.
        accused: (n,) int64, 1 for records that the attack calls members and 0 for others, decided without knowing the
            target's members; -1 for all records if it does not decide.

    Example:
        >>> from amulet.membership_inference.metrics import auc
        >>> scores, members = torch.tensor([0.9, 0.8, 0.7, 0.1]), torch.tensor([True, False, True, False])
        >>> auc(MembershipOutcome(scores, members, index=torch.arange(4)))
        0.75
    """

    part = "train"
    truth = ("members", "index")
    optional = ("index", "accused")
    scores: Tensor
    members: Tensor
    index: Tensor = LEFT_OUT
    accused: Tensor = LEFT_OUT

    def check(self) -> None:
        """Scores must not be NaN, and an attack decides on all records or on none."""
        if torch.isnan(self.scores).any():
            raise ValueError("Membership scores must not be NaN.")
        codes = set(self.accused.unique().tolist())
        if not (codes <= {0, 1} or codes == {-1}):
            raise ValueError(f"'accused' must be 0 or 1, or -1 for all records. Got {sorted(codes)}.")

    def strata(self) -> Tensor:
        """1 for members and 0 for others, since the game fixes the number of each."""
        return self.members.long()

    @property
    def decided(self) -> bool:
        """Whether the attack says which records are members, instead of only ranking them."""
        return bool((self.accused >= 0).all())

    @property
    def one_sided(self) -> bool:
        """Whether there are only members or only others, so that an error rate is undefined."""
        return bool(self.members.all() or not self.members.any())


@dataclass(frozen=True)
class MembershipInferenceAttack(Attack[MembershipOutcome]):
    """Base class of membership inference attacks; a subclass writes `score`, and `thresholds` if it sets any.

    The game is that of Carlini et al. 2022, Definition 1, for all members and auxiliary records at once.
    """

    risk = "membership_inference"
    outcome_type = MembershipOutcome
    needs_members = True

    @abstractmethod
    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """The membership score of each candidate; to be written by a subclass.

        Args:
            adversary: the target with restricted access, and what the attack requested.
            candidates: members and others in random order. Give the target the selection itself, which is copied in
                batches; `candidates.x` copies all records at once.

        Returns:
            (n,) scores, higher for records that are more likely members.
        """

    def thresholds(self, adversary: Adversary, candidates: Selection) -> Tensor | None:
        """The score from which on each candidate is called a member; a hook for subclasses.

        Args:
            adversary: as for `score`.
            candidates: as for `score`.

        Returns:
            (n,) thresholds, or None for attacks that only rank the candidates.
        """
        del adversary, candidates
        return None

    @final
    def exhibited(self) -> tuple[Self, ...]:
        """The attack itself, since one outcome contains the whole ROC."""
        return (self,)

    @final
    def exhibit(self, outcomes: Sequence[MembershipOutcome], schema: Schema) -> Curve:
        """The ROC on log scales, which show the true positive rate at low false positive rates (section IV)."""
        del schema
        outcome = outcomes[-1]
        found: tuple[Tensor, Tensor] = torch.empty(0), torch.empty(0)
        if not outcome.one_sided:
            fewest = 1 / int((~outcome.members).sum())
            rates = torch.logspace(log10(fewest), 0, ROC_POINTS, dtype=torch.float64)
            found = rates, tpr_at(rates, *roc(outcome.scores, outcome.members))
        x, y = (tuple(values.tolist()) for values in found)
        return Curve("ROC of the attack", "false positive rate", "true positive rate", x, y, scale="log")

    @final
    def attack(
        self,
        model: nn.Module,
        members: Data,
        others: Data,
        *,
        models: Models = MappingProxyType({}),
        releases: tuple[Release, ...] = (),
        seed: int = 0,
    ) -> MembershipOutcome:
        """Attack any `nn.Module`, given its training records and others; the adversary sees them in random order.

        Args:
            model: maps inputs to logits; it is not changed.
            members: records that the model was trained on.
            others: records of the same distribution that it was not trained on.
            models: the adversary's own models by role, if the attack requests any; see `experiments.models_for`.
            releases: what the model's defenses release beside its predictions, as `Explanations().releases`.
            seed: of the order of the candidates and of the random choices of the attack.

        Raises:
            InvalidData: the others are of another data set, among the members, or have identities of members.
            MissingInput: there are fewer models than the attack needs.
            AccessDenied: the attack asked the target for an output that its `needs` does not declare.
            InvalidParameter: the model does not give one logit for each class.
        """
        require_data(members, "members", type(self).__name__)
        require_data(others, "others", type(self).__name__)
        for require in (require_apart, require_own_identities):
            require(("members", members), ("others", others), type(self).__name__)
        order = _shuffled(len(members) + len(others), seed)
        pool = concatenate(*(replace(each, weight=None, targets=None) for each in (members, others)))
        pool = pool.at(order.to(members.y.device))  # so that neither places nor weights tell who is a member
        target = TrainedModel(model, members.index, releases=releases)
        return self._attack(target, Selection(pool, torch.arange(len(pool))), order < len(members), models, seed)

    @final
    def play(self, game: Game) -> MembershipOutcome:
        """Attack the target with members and auxiliary records; members that a defense removed still are members."""
        members, others = game.division.members, game.division.auxiliary
        order = _shuffled(len(members) + len(others), game.seed)
        pool = Selection(game.dataset.train, torch.cat([members, others])[order])
        return self._attack(game.target, pool, order < len(members), game.models, game.seed)

    def _attack(
        self, attacked: TrainedModel, pool: Selection, members: Tensor, models: Models, seed: int
    ) -> MembershipOutcome:
        """The truth `members` says which records of the shuffled pool the model was trained on."""
        with opened(attacked.model, self.needs, pool, attacked.releases) as target:
            device = device_of(attacked.model)
            candidates = Selection(pool.data.to(device), pool.places.to(device))
            rng = generator(seed, "membership inference", device=str(device))
            adversary = Adversary(target, pool.schema, rng, without(models, TARGET), seed=seed)
            scores = self.score(adversary, candidates).detach()
            thresholds = self.thresholds(adversary, candidates)
        if scores.shape != (len(pool),):
            raise ValueError(f"{self} must give one score a record, shape {(len(pool),)}. Got {tuple(scores.shape)}.")
        if unscored := int(scores.isnan().sum()):
            remedy = "Does a model give a class a logit of minus infinity? Raise such logits to a finite number."
            raise InvalidData(
                [Problem("model", f"{self} has no score for {unscored} of {len(pool)} records. {remedy}")]
            )
        accused = LEFT_OUT if thresholds is None else (scores >= thresholds.detach()).long().cpu()
        return MembershipOutcome(scores.double().cpu(), members, candidates.index.cpu(), accused)


def _shuffled(count: int, seed: int) -> Tensor:
    """(count,) places among members followed by others, in the order in which the adversary sees them."""
    return torch.randperm(count, generator=generator(seed, "candidates"))
