"""An audit of defenses that remove training records: how many of the poisoned records they remove."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from amulet.core.data import Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Audit, Game
from amulet.core.roles import TARGET, Requests
from amulet.core.split import Split
from amulet.poisoning.attacks.badnets import BadNets
from amulet.poisoning.outcome import PoisoningAttack


@final
@dataclass(frozen=True, eq=False)
class SanitizationOutcome(Outcome):
    """For each of the target's training records, whether it was poisoned and whether the defense removed it.

    Attributes:
        poisoned: (n,) bool, whether the attack changed the record.
        removed: (n,) bool, whether the defense removed it; all false if no defense removes records.
        index: (n,) identities of the records.
    """

    part = "train"
    truth = ("poisoned", "index")
    poisoned: Tensor
    removed: Tensor
    index: Tensor = LEFT_OUT


@final
@dataclass(frozen=True)
class Sanitization(Audit[SanitizationOutcome]):
    """Compares the training records that an attack poisoned with those that the target's defense removed.

    Attributes:
        attack: the attack that poisons the training records.
    """

    risk = "poisoning"
    outcome_type = SanitizationOutcome
    attack: PoisoningAttack = BadNets()

    def demands(self, schema: Schema) -> Iterator[str]:
        """The demands of the attack."""
        return self.attack.demands(schema)

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """The demands of the attack."""
        return self.attack.data_demands(dataset, split)

    def models(self, split: Split) -> Requests:
        """The target, trained on poisoned records."""
        return {TARGET: self.attack.models(split)[TARGET]}

    def play(self, game: Game) -> SanitizationOutcome:
        """Compare what the adversary changed with what the defender removed."""
        members = game.dataset.train[game.division.members]
        poison = self.attack.poisoned(members, seed=game.seed).index
        removed = [kept["removed"].cpu() for kept in game.target.artifacts.values() if "removed" in kept]
        gone = torch.cat(removed) if removed else members.index[:0]
        return SanitizationOutcome(torch.isin(members.index, poison), torch.isin(members.index, gone), members.index)
