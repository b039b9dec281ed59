"""P1 membership inference: was a record in the training data? Its outcome and the base of its attacks."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from types import MappingProxyType
from typing import Final, Self, final

import torch
from torch import Tensor, nn

from amulet.core.curve import Curve
from amulet.core.data import Data, Selection, concatenate, require_data
from amulet.core.model import device_of
from amulet.core.outcome import Outcome
from amulet.core.probe import Attack, Game
from amulet.core.roles import TARGET
from amulet.core.seeds import generator
from amulet.core.threat import Adversary, Models, opened, without
from amulet.functional.roc import roc, tpr_at

ROC_POINTS: Final = 60
"""Rates at which a curve is kept, evenly spaced on a log scale from one record among the others to all."""


@final
@dataclass(frozen=True, eq=False)
class MembershipOutcome(Outcome):
    """How much the adversary takes each record for a member, and whether it is one.

    Attributes:
        scores: (n,) float64, higher means member.
        members: (n,) bool.
        index: (n,) the records' identities, to compare attacks record by record.
    """

    part = "train"
    truth = ("members", "index")
    scores: Tensor
    members: Tensor
    index: Tensor

    def check(self) -> None:
        """Scores must be numbers."""
        if torch.isnan(self.scores).any():
            raise ValueError("Membership scores must not be NaN.")

    def strata(self) -> Tensor:
        """Members and others: how many there are of each is up to the game."""
        return self.members.long()

    @property
    def one_sided(self) -> bool:
        """Whether there are no members or no others, so that no rate can be read off."""
        return bool(self.members.all() or not self.members.any())


@dataclass(frozen=True)
class MembershipInferenceAttack(Attack[MembershipOutcome]):
    """Base of membership inference attacks: a subclass writes `score`.

    The game is Carlini et al. 2022, Definition 1, played for every record of the pool at once.
    """

    risk = "membership_inference"
    outcome_type = MembershipOutcome

    @abstractmethod
    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) how much each candidate looks like a member; higher means member.

        Ask the target about `candidates` itself, which copies them batch by batch; `candidates.x` copies all.
        """

    @final
    def traced(self) -> tuple[Self, ...]:
        """One game is enough."""
        return (self,)

    @final
    def curve(self, outcomes: Sequence[MembershipOutcome]) -> Curve:
        """The ROC, to be read on log scales (section IV): what is found of members without accusing many others."""
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
        self, model: nn.Module, members: Data, others: Data, *, models: Models = MappingProxyType({}), seed: int = 0
    ) -> MembershipOutcome:
        """Attack any `nn.Module`, given records it was trained on and others; the adversary sees them shuffled.

        Args:
            model: maps inputs to logits; left as it was.
            members: records the model was trained on.
            others: records of the same distribution it was not trained on.
            models: the adversary's own models by role, where the attack asks for some; see `experiments.models_for`.
            seed: of the order in which the adversary sees the candidates, and of its own randomness.

        Raises:
            MissingInput: the attack needs models of its own and got too few.
            AccessDenied: the attack asked for more than it declared.
        """
        require_data(members, "members", type(self).__name__)
        require_data(others, "others", type(self).__name__)
        pool = concatenate(members, others)
        return self._attack(model, Selection(pool, torch.arange(len(pool))), len(members), models, seed)

    @final
    def play(self, game: Game) -> MembershipOutcome:
        """Members against auxiliary records; a record that a defense dropped in training is still a member."""
        members, others = game.division.members, game.division.auxiliary
        pool = Selection(game.dataset.train, torch.cat([members, others]))
        return self._attack(game.target.model, pool, len(members), game.models, game.seed)

    def _attack(self, model: nn.Module, pool: Selection, members: int, models: Models, seed: int) -> MembershipOutcome:
        """The first `members` records of the pool are those that the model was trained on."""
        device = device_of(model)
        order = torch.randperm(len(pool), generator=generator(seed, "candidates"))
        candidates = Selection(pool.data.to(device), pool.places[order].to(device))
        with opened(model, self.needs) as target:
            rng = generator(seed, "membership inference", device=str(device))
            scores = self.score(
                Adversary(target, pool.schema, rng, without(models, TARGET), seed=seed), candidates
            ).detach()
        if scores.shape != (len(pool),):
            raise ValueError(f"{self} must give one score a record, shape {(len(pool),)}. Got {tuple(scores.shape)}.")
        return MembershipOutcome(scores.double().cpu(), order < members, candidates.index.cpu())
