"""Examples made on a surrogate, tried on the target. Papernot et al. 2016, https://arxiv.org/abs/1605.07277."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.roles import SURROGATE, TARGET, Requests, surrogate_requests
from amulet.core.spec import Models
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary, TrainedModel, opened
from amulet.evasion.attacks.pgd import PGD
from amulet.evasion.outcome import EvasionAttack
from amulet.evasion.perturbation import Attempt, in_turn


@dataclass(frozen=True)
class Transfer(EvasionAttack):
    """Run the attack `of` on models of one's own and hope that the target falls for the same examples.

    The surrogates are trained on the adversary's own records, with the target's defense if it is known; of the
    target only labels are asked. Each surrogate's examples are tried on the records that still stand.
    """

    needs = Access.LABELS
    of: EvasionAttack = PGD()
    surrogates: Models = 1
    defense_known: bool = True

    def problems(self) -> Iterator[Problem]:
        """The surrogates' attack has no models of its own."""
        if self.of.own_models(Split()):
            yield self.problem("of", "an attack without models of its own")

    def demands(self, schema: Schema) -> Iterator[str]:
        """Those of the attack."""
        yield from self.of.demands(schema)

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """Those of the attack, of the surrogates that it is run on."""
        if role == SURROGATE:
            yield from self.of.model_demands(TARGET, model, some)

    def budget(self) -> str | None:
        """That of the attack."""
        return self.of.budget()

    def own_models(self, split: Split) -> Requests:
        """The surrogates."""
        return {SURROGATE: surrogate_requests(split, self.surrogates, defense_known=self.defense_known)}

    def sample(self) -> int | None:
        """That of the attack."""
        return self.of.sample()

    def ladder(self) -> tuple[tuple[float, Self], ...]:
        """That of the attack."""
        return tuple((epsilon, replace(self, of=weaker)) for epsilon, weaker in self.of.ladder())

    def briefer(self, share: float) -> Self:
        """With fewer iterations of the attack."""
        return replace(self, of=self.of.briefer(share))

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        """The first surrogate's examples where the target falls for them, else the next one's."""
        surrogates = tuple(adversary.own(SURROGATE, self.surrogates, self))
        return in_turn(adversary, victims, lambda: [self._on(surrogate, adversary) for surrogate in surrogates])

    def _on(self, surrogate: TrainedModel, adversary: Adversary) -> Attempt:
        def attempt(victims: Data) -> Tensor:
            with opened(surrogate.model.to(victims.x.device), self.of.needs, victims) as target:
                self.of.require_usable(surrogate.model, victims)
                return self.of.perturb(replace(adversary, target=target, models={}, rehearsing=True), victims)

        return attempt
