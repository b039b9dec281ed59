"""S3, claims of ownership: the audit that puts stolen and independent models to a claim."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self, final

from torch import nn

from amulet.core.classifier import classifier_problems
from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.metric import Metric, Undefined
from amulet.core.probe import Audit, Game
from amulet.core.roles import TARGET, Derivation, ModelRequest, Requests, Whose, target_request
from amulet.core.spec import Count, OpenProbability
from amulet.core.split import AuxiliaryDraw, Split, WholeDraw
from amulet.core.threat import opened
from amulet.core.trainable import Defense
from amulet.derivations import Distillation, Extraction, FineTuning, Pruning, Quantization
from amulet.models.linear_net import LinearNet
from amulet.unauthorized_model_ownership.claim_outcome import ClaimOutcome
from amulet.unauthorized_model_ownership.claims import Claim, Owner
from amulet.unauthorized_model_ownership.defenses.dataset_inference import DatasetInference
from amulet.unauthorized_model_ownership.defenses.watermark import WatermarkClaim
from amulet.unauthorized_model_ownership.extraction import INDEPENDENT
from amulet.unauthorized_model_ownership.metrics.rates_of_kinds import ClaimRate, FalseClaimRate

COPY: Final = "copy"
"""The target itself, as somebody has it who stole its file."""

OTHER_DATA: Final = "other data"
"""An independent model that was trained on another data set."""

STUDENT: Final = LinearNet((64, 32), norm="group")
"""The architecture of distilled models unless another is stated."""

THEFTS: Final[tuple[Derivation, ...]] = (
    Extraction(),
    FineTuning(),
    Pruning(),
    Distillation(model=STUDENT),
    Quantization(bits=4),
)


@final
@dataclass(frozen=True)
class Ownership(Audit[ClaimOutcome]):
    """Claims the ownership of models that were made from the target, and of models that were not.

    Suspects are stolen: copies of the target, or models made from it by attackers with the auxiliary records and the
    recipe of the undefended model. Or they are independent: trained on the auxiliary records, each with another seed,
    or on another data set. A claim that holds against stolen models proves nothing if it also holds against independent
    ones, so both are measured.

    Attributes:
        by: the kind of claim.
        thefts: the ways in which stolen models are made from the target, one model each.
        independent: the number of models that are trained on the auxiliary records, each with another seed.
        other: another data set, of records of the same shape and with as many classes, on which as many further
            independent models are trained; None for none.
        level: the largest p-value at which ownership is claimed.
    """

    risk = "unauthorized_model_ownership"
    outcome_type = ClaimOutcome
    by: Claim = WatermarkClaim()
    thefts: tuple[Derivation, ...] = THEFTS
    independent: Count = 4
    other: DatasetSpec | None = None
    level: OpenProbability = 0.01

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """The claims by watermark and by dataset inference, against two kinds of theft."""
        claims: tuple[Claim, ...] = (WatermarkClaim(), *DatasetInference.for_data(dataset, split))
        return tuple(cls(by=claim, thefts=(Extraction(), FineTuning())) for claim in claims)

    def __str__(self) -> str:
        """The class with the kind of claim, even if that is the default."""
        return type(self).__name__ + self.settings(["by"])

    def demands(self, schema: Schema) -> Iterator[str]:
        """Those of the claim."""
        yield from self.by.demands(schema)

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """Those of the claim."""
        yield from self.by.data_demands(dataset, split)

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """A suspect must take the owner's records and have the owner's classes."""
        if role != TARGET:
            for problem in classifier_problems(model, some, owner=f"the {role} suspect"):
                yield problem.sentence

    def models(self, split: Split) -> Requests:
        """The target, and the suspects by kind."""
        own, numbers = AuxiliaryDraw(split), range(self.independent)
        target = target_request(split)
        stolen = {
            name: (ModelRequest(own, Whose.PLAIN, 0, theft, target),)
            for name, theft in zip(self._names_of_thefts(), self.thefts, strict=True)
        }
        found = {
            TARGET: (target,),
            COPY: (target,),
            **stolen,
            INDEPENDENT: tuple(ModelRequest(own, Whose.PLAIN, n) for n in numbers),
        }
        if self.other is not None:
            draw, source = WholeDraw(split), self.other
            found[OTHER_DATA] = tuple(ModelRequest(draw, Whose.PLAIN, n, source=source) for n in numbers)
        return found

    def play(self, game: Game) -> ClaimOutcome | Undefined:
        """Put every suspect to the claim."""
        test = self.by.test(Owner.of(game))
        if isinstance(test, Undefined):
            return test
        found: dict[str, list[float]] = {}
        for role in self.models(Split()):
            for suspect in game.models[role] if role != TARGET else ():
                with opened(suspect.model, self.by.needs, game.test) as target:
                    found.setdefault(role, []).append(test(target))
        return ClaimOutcome.of(found, stolen={COPY, *self._names_of_thefts()}, level=self.level)

    def own_metrics(self) -> tuple[Metric[ClaimOutcome], ...]:
        """How often ownership is claimed of each kind of suspect."""
        others = (INDEPENDENT,) if self.other is None else (INDEPENDENT, OTHER_DATA)
        return (
            *(ClaimRate(name) for name in (COPY, *self._names_of_thefts())),
            *(FalseClaimRate(name) for name in others),
        )

    def checks(self, defense: Defense) -> bool:
        """Whether it is this kind of claim that the defense is made for."""
        return self.by.serves(defense)

    def unserved(self, defenses: Sequence[Defense]) -> Iterator[str]:
        """That nothing can be claimed, where the claim needs a defense that no row has."""
        if self.by.needs_defense and not any(map(self.by.serves, defenses)):
            yield f"{self}: no row has a defense that this claim is made for, so that all its values will be undefined."

    def _names_of_thefts(self) -> tuple[str, ...]:
        """The class of each; a second one of a class is called "Pruning 2"."""
        classes = [type(theft).__name__ for theft in self.thefts]
        counts = [classes[: place + 1].count(name) for place, name in enumerate(classes)]
        return tuple(name if count == 1 else f"{name} {count}" for name, count in zip(classes, counts, strict=True))
