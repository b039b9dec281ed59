"""How well a defense that removes training records finds the poison among them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from amulet.core.data import AmuletDataset, Schema
from amulet.core.outcome import Outcome
from amulet.core.probe import Audit, Game
from amulet.core.split import Draw, Split
from amulet.poisoning.attacks.badnets import BadNets
from amulet.poisoning.outcome import PoisoningAttack


@final
@dataclass(frozen=True, eq=False)
class SanitizationOutcome(Outcome):
    """The target's training records: which were poisoned, and which its defense removed.

    Attributes:
        poisoned: (n,) bool.
        removed: (n,) bool, all false where no defense removes records.
    """

    poisoned: Tensor
    removed: Tensor


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

    def trained_on(self, draw: Draw) -> Draw:
        """What the attack's own target is trained on, so that it is the same model."""
        return self.attack.trained_on(draw)

    def play(self, game: Game) -> SanitizationOutcome:
        """Compare what the adversary changed with what the defender removed."""
        members = game.dataset.train[game.division.members]
        poison = self.attack.poisoned(members, seed=game.seed).index
        removed = [kept.cpu() for name, kept in game.artifacts.items() if name.partition(".")[0] == "removed"]
        gone = torch.cat(removed) if removed else members.index[:0]
        return SanitizationOutcome(torch.isin(members.index, poison), torch.isin(members.index, gone))
