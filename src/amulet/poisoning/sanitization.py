"""How well a defense that removes training records finds the poison among them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from amulet.core.data import AmuletDataset, Schema
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Audit, Game
from amulet.core.roles import TARGET, Requests
from amulet.core.split import Split
from amulet.poisoning.attacks.badnets import BadNets
from amulet.poisoning.outcome import PoisoningAttack


@final
@dataclass(frozen=True, eq=False)
class SanitizationOutcome(Outcome):
    """The target's training records: which were poisoned, and which its defense removed.

    Attributes:
        poisoned: (n,) bool.
        removed: (n,) bool, all false where no defense removes records.
        index: (n,) the records' identities.
    """

    part = "train"
    truth = ("poisoned", "index")
    poisoned: Tensor
    removed: Tensor
    index: Tensor = LEFT_OUT


@final
@dataclass(frozen=True)
class Sanitization(Audit[SanitizationOutcome]):
    """The training records of a target that an attack poisoned, as its defense left them."""

    risk = "poisoning"
    outcome_type = SanitizationOutcome
    attack: PoisoningAttack = BadNets()

    def demands(self, schema: Schema) -> Iterator[str]:
        """Those of the attack."""
        return self.attack.demands(schema)

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """Those of the attack."""
        return self.attack.data_demands(dataset, split)

    def models(self, split: Split) -> Requests:
        """The target of the attack."""
        return {TARGET: self.attack.models(split)[TARGET]}

    def play(self, game: Game) -> SanitizationOutcome:
        """Compare what the adversary changed with what the defender removed."""
        members = game.dataset.train[game.division.members]
        poison = self.attack.poisoned(members, seed=game.seed).index
        removed = [kept["removed"].cpu() for kept in game.target.artifacts.values() if "removed" in kept]
        gone = torch.cat(removed) if removed else members.index[:0]
        return SanitizationOutcome(torch.isin(members.index, poison), torch.isin(members.index, gone), members.index)
