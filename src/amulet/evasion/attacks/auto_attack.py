"""AutoAttack: four attacks in turn. Croce and Hein 2020, https://arxiv.org/abs/2003.01690, section 5."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, Self, get_args

from torch import Tensor

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.spec import Count, NonNegative
from amulet.core.threat import Access, Adversary
from amulet.evasion.outcome import EvasionAttack
from amulet.evasion.perturbation import (
    Attempt,
    Frozen,
    ball_demands,
    ball_of,
    budget_of,
    free_inputs,
    in_turn,
    on_each_classifier,
)
from amulet.functional.perturbations.apgd import apgd, cross_entropy_of, targeted_dlr
from amulet.functional.perturbations.balls import Ball, Norm
from amulet.functional.perturbations.fab import fab
from amulet.functional.perturbations.pgd import Classifier
from amulet.functional.perturbations.square import square

Part = Literal["apgd-ce", "apgd-t", "fab-t", "square"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)

Search = Callable[[Classifier, Tensor, Tensor, Tensor, Ball], Tensor]
"""(model, x, y, the class to go for where the search has one, ball) -> examples, shaped like x."""

LEAST_CLASSES: Final = 4
"""Below these the targeted difference of logits ratio is not defined."""


@dataclass(frozen=True)
class AutoAttack(EvasionAttack):
    """Auto-PGD on cross-entropy, Auto-PGD and FAB on each of the likeliest wrong classes, Square: the honest measure.

    Each part is given the records that those before it left standing. The defaults are those of the paper's
    standard version. `steps` is of Auto-PGD and FAB, `targets` the number of wrong classes (all, where there
    are fewer), `queries` of Square, `restarts` of Auto-PGD on cross-entropy and of Square. With two or three
    classes the loss of "apgd-t" is not defined, and that part is left out.

    It takes minutes for each thousand records of a model, so it attacks a random sample of `records` of them, the
    same for all models of one seed; None attacks all. The outcome holds the sample, and every metric is over it:
    among 1,000 records the standard error of robust accuracy is at most 1.6 percentage points.
    """

    needs = Access.WEIGHTS
    epsilon: NonNegative = 8 / 255
    norm: Norm = "linf"
    steps: Count = 100
    targets: Count = 9
    queries: Count = 5000
    restarts: Count = 1
    parts: tuple[Part, ...] = PARTS
    frozen: Frozen = ()
    records: Count | None = 1000

    def problems(self) -> Iterator[Problem]:
        """Each part once."""
        if not self.parts or len(set(self.parts)) < len(self.parts):
            yield self.problem("parts", f"some of {', '.join(PARTS)}, each once")

    def demands(self, schema: Schema) -> Iterator[str]:
        """Something must be left with few classes; the ball must fit the inputs."""
        if self.parts == ("apgd-t",) and len(schema.classes) < LEAST_CLASSES:
            yield f"The loss of apgd-t needs at least {LEAST_CLASSES} classes. The data set has {len(schema.classes)}."
        yield from ball_demands(self, schema)

    @property
    def climbs(self) -> bool:
        """Unless it only searches at random."""
        return self.parts != ("square",)

    def free_inputs(self, schema: Schema) -> Tensor | None:
        """All that are not frozen."""
        return free_inputs(self, schema)

    def budget(self) -> str:
        """The ball."""
        return budget_of(self)

    def sample(self) -> int | None:
        """`records`."""
        return self.records

    def briefer(self, share: float) -> Self:
        """With fewer steps and queries."""
        steps, queries = (max(1, round(share * count)) for count in (self.steps, self.queries))
        return replace(self, steps=steps, queries=queries)

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        """Adversarial examples where any part succeeded, the last attempt elsewhere."""
        return in_turn(adversary, victims, lambda: self._attempts(adversary, victims.schema))

    def _attempts(self, adversary: Adversary, schema: Schema) -> Iterator[Attempt]:
        ranks = range(1, min(self.targets, len(schema.classes) - 1) + 1)
        for part in self.parts:
            if part == "fab-t" or (part == "apgd-t" and len(schema.classes) >= LEAST_CLASSES):
                yield from (self._attempt(adversary, self._search(part, adversary), rank) for rank in ranks)
            elif part != "apgd-t":
                yield from [self._attempt(adversary, self._search(part, adversary), 1)] * self.restarts

    def _search(self, part: Part, adversary: Adversary) -> Search:
        match part:
            case "apgd-ce":
                return partial(apgd, loss=cross_entropy_of, steps=self.steps, rng=adversary.rng)
            case "apgd-t":
                return partial(apgd, loss=targeted_dlr, steps=self.steps, rng=adversary.rng)
            case "fab-t":
                return partial(fab, steps=self.steps)
            case "square":
                return lambda model, x, y, _, ball: square(model, x, y, ball, queries=self.queries, rng=adversary.rng)

    def _attempt(self, adversary: Adversary, search: Search, rank: int) -> Attempt:
        def attempt(victims: Data) -> Tensor:
            ball = ball_of(self, victims.schema, victims.x.device)

            def run(model: Classifier, part: Data) -> Tensor:
                towards = adversary.target.logits(part).argsort(1, descending=True)[:, rank]
                return search(model, part.x, part.y, towards, ball)

            return on_each_classifier(adversary.target, victims, run)

        return attempt
