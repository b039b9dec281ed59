"""A record falls if any attack breaks it. Carlini et al. 2019, https://arxiv.org/abs/1902.06705, section 4.3."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Self

from torch import Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.roles import ModelRequest, Requests
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary
from amulet.evasion.attacks.pgd import PGD
from amulet.evasion.attacks.transfer import Transfer
from amulet.evasion.outcome import EvasionAttack
from amulet.evasion.perturbation import Attempt, in_turn


@dataclass(frozen=True)
class WorstCase(EvasionAttack):
    """Several attacks, each on the records that those before it left standing; the first that succeeds counts.

    It needs the widest access among its attacks; each of them gets its own, no more.
    """

    needs = Access.WEIGHTS
    attacks: tuple[EvasionAttack, ...] = (PGD(), Transfer())

    def problems(self) -> Iterator[Problem]:
        """At least one attack, and no two that ask for other models in one role."""
        if not self.attacks:
            yield self.problem("attacks", "at least one attack")
            return
        object.__setattr__(self, "needs", reduce(or_, (attack.needs for attack in self.attacks)))
        for role, asked in self._asked(Split()).items():
            longest = max(asked, key=len)
            if any(requests != longest[: len(requests)] for requests in asked):
                yield self.problem("attacks", f"alike in the {role} models that they ask for")

    def demands(self, schema: Schema) -> Iterator[str]:
        """Those of every attack, each once."""
        yield from dict.fromkeys(sentence for attack in self.attacks for sentence in attack.demands(schema))

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """Those of every attack."""
        for attack in self.attacks:
            yield from attack.model_demands(role, model, some)

    def budget(self) -> str | None:
        """That of the attacks, where they share one."""
        budgets = {attack.budget() for attack in self.attacks}
        return budgets.pop() if len(budgets) == 1 else None

    def own_models(self, split: Split) -> Requests:
        """In each role as many as the most demanding attack asks for; all use the same ones."""
        return {role: max(asked, key=len) for role, asked in self._asked(split).items()}

    def sample(self) -> int | None:
        """The smallest sample that one of the attacks makes do with."""
        return min((size for attack in self.attacks if (size := attack.sample()) is not None), default=None)

    def briefer(self, share: float) -> Self:
        """With fewer iterations of every attack."""
        return replace(self, attacks=tuple(attack.briefer(share) for attack in self.attacks))

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        """The first attack that succeeds, record by record; else the last."""
        return in_turn(adversary, victims, lambda: [_by(attack, adversary) for attack in self.attacks])

    def _asked(self, split: Split) -> dict[str, list[tuple[ModelRequest, ...]]]:
        """What the attacks ask for, by role."""
        asked: dict[str, list[tuple[ModelRequest, ...]]] = {}
        for attack in self.attacks:
            for role, requests in attack.own_models(split).items():
                asked.setdefault(role, []).append(requests)
        return asked


def _by(attack: EvasionAttack, adversary: Adversary) -> Attempt:
    """One of the attacks, with its own access and its own models."""
    models = {role: adversary.models[role] for role in attack.own_models(Split()) if role in adversary.models}
    own_view = replace(adversary, target=adversary.target.narrowed(attack.needs), models=models)
    return lambda victims: attack.perturb(own_view, victims)
