"""A record falls if any attack breaks it. Carlini et al. 2019, https://arxiv.org/abs/1902.06705, section 4.3."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.threat import Access, Adversary, ShadowRequest
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
        """At least one attack, all of one kind of shadow models."""
        if not self.attacks:
            yield self.problem("attacks", "at least one attack")
            return
        object.__setattr__(self, "needs", max(attack.needs for attack in self.attacks))
        if len({replace(request, count=1) for request in self._requests()}) > 1:
            yield self.problem("attacks", "alike in the shadow models that they ask for")

    def demands(self, schema: Schema) -> Iterator[str]:
        """Those of every attack, each once."""
        yield from dict.fromkeys(sentence for attack in self.attacks for sentence in attack.demands(schema))

    def budget(self) -> str | None:
        """That of the attacks, where they share one."""
        budgets = {attack.budget() for attack in self.attacks}
        return budgets.pop() if len(budgets) == 1 else None

    def shadows_wanted(self) -> ShadowRequest:
        """As many as the most demanding attack asks for; all use the same ones."""
        return max(self._requests(), key=lambda request: request.count, default=ShadowRequest(0))

    def sample(self) -> int | None:
        """The smallest sample that one of the attacks makes do with."""
        return min((size for attack in self.attacks if (size := attack.sample()) is not None), default=None)

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        """The first attack that succeeds, record by record; else the last."""
        return in_turn(adversary, victims, lambda: [_by(attack, adversary) for attack in self.attacks])

    def _requests(self) -> list[ShadowRequest]:
        wanted = [attack.shadows_wanted() for attack in self.attacks]
        return [request for request in wanted if request.count]


def _by(attack: EvasionAttack, adversary: Adversary) -> Attempt:
    return lambda victims: attack.perturb(replace(adversary, target=adversary.target.narrowed(attack.needs)), victims)
