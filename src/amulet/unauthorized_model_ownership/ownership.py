"""S3, claims of ownership: the outcome, and the audit that puts stolen and independent models to a claim."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self, final

import torch
from torch import Tensor, nn

from amulet.core.classifier import classifier_problems
from amulet.core.data import AmuletDataset, Data, Schema
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Audit, Game
from amulet.core.roles import TARGET, Derivation, ModelRequest, Requests, Whose, target_request
from amulet.core.spec import Count, OpenProbability
from amulet.core.split import AuxiliaryDraw, Split, WholeDraw
from amulet.core.threat import opened
from amulet.core.trainable import Defense
from amulet.derivations import Distillation, Extraction, FineTuning, Pruning, Quantization
from amulet.models.linear_net import LinearNet
from amulet.unauthorized_model_ownership.claims import Claim, Owner
from amulet.unauthorized_model_ownership.defenses.watermark import WatermarkClaim
from amulet.unauthorized_model_ownership.extraction import INDEPENDENT

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
@dataclass(frozen=True, eq=False)
class ClaimOutcome(Outcome):
    """The p-value of a claim of ownership against each suspected model, and whether the suspect is a stolen one.

    Attributes:
        p: (n,) float64, p-values of the claim that the suspect was made from the owner's model.
        stolen: (n,) bool, whether it was.
        kind: (n,) places in `kinds`, what the suspect is.
        names: the names of the kinds as UTF-8 bytes, separated by line feeds.
        level: (1,) float64, ownership is claimed of suspects with a p-value of at most this.

    Example:
        >>> from amulet.unauthorized_model_ownership.metrics import claim_accuracy
        >>> suspects = {"Pruning": [1e-9, 1e-4], "Extraction": [0.2], "independent": [0.3, 0.6, 0.004]}
        >>> claim_accuracy(ClaimOutcome.of(suspects, stolen={"Pruning", "Extraction"}, level=0.01))
        0.6666666666666666
    """

    unit = "suspect"
    truth = ("stolen", "kind")
    constants = ("names", "level")
    optional = ()

    p: Tensor
    stolen: Tensor
    kind: Tensor
    names: Tensor
    level: Tensor

    @classmethod
    def of(cls, p: Mapping[str, list[float]], *, stolen: set[str], level: float) -> Self:
        """The outcome from the p-values of suspects by kind, and the kinds that are stolen."""
        kinds = [(place, name, value) for place, (name, values) in enumerate(p.items()) for value in values]
        return cls(
            p=torch.tensor([value for _, _, value in kinds], dtype=torch.float64),
            stolen=torch.tensor([name in stolen for _, name, _ in kinds]),
            kind=torch.tensor([place for place, _, _ in kinds]),
            names=torch.tensor(list("\n".join(p).encode()), dtype=torch.uint8),
            level=torch.tensor([level], dtype=torch.float64),
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the kinds of suspects."""
        return tuple(bytes(self.names.tolist()).decode().split("\n"))

    @property
    def claimed(self) -> Tensor:
        """(n,) bool, whether ownership of the suspect is claimed at the level of the outcome."""
        return self.p <= self.level

    def check(self) -> None:
        """P-values lie in [0, 1]."""
        if not ((self.p >= 0) & (self.p <= 1)).all():
            raise ValueError("The p-values of claims must lie in [0, 1].")


@final
@dataclass(frozen=True)
class Ownership(Audit[ClaimOutcome]):
    """Claims the ownership of models that were made from the target, and of models that were not.

    Suspects are stolen from the target, by attackers who train on their own auxiliary records with the recipe of the
    undefended model; or they are independent: trained on the auxiliary records, each with another seed, or on another
    data set. What a claim says of independent models is as important as what it says of stolen ones.

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
        found = {TARGET: (target,), **stolen, INDEPENDENT: tuple(ModelRequest(own, Whose.PLAIN, n) for n in numbers)}
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
        return ClaimOutcome.of(found, stolen=set(self._names_of_thefts()), level=self.level)

    def own_metrics(self) -> tuple[Metric[ClaimOutcome], ...]:
        """How often ownership is claimed of each kind of suspect."""
        others = (INDEPENDENT,) if self.other is None else (INDEPENDENT, OTHER_DATA)
        return (
            *(ClaimRate(name) for name in self._names_of_thefts()),
            *(FalseClaimRate(name) for name in others),
        )

    def checks(self, defense: Defense) -> bool:
        """Whether it is this kind of claim that the defense is made for."""
        return self.by.serves(defense)

    def _names_of_thefts(self) -> tuple[str, ...]:
        """The class of each; a second one of a class is called "Pruning 2"."""
        classes = [type(theft).__name__ for theft in self.thefts]
        counts = [classes[: place + 1].count(name) for place, name in enumerate(classes)]
        return tuple(name if count == 1 else f"{name} {count}" for name, count in zip(classes, counts, strict=True))


@dataclass(frozen=True)
class RateOfKind(Metric[ClaimOutcome]):
    """Share of the suspects of one kind of which ownership is claimed.

    Attributes:
        suspects: the kind of suspects: a derivation such as "Pruning", "independent" or "other data".
    """

    low, high = 0.0, 1.0
    suspects: str = INDEPENDENT

    def __str__(self) -> str:
        """The class with the kind, even if that is the default."""
        return type(self).__name__ + self.settings(["suspects"])

    def measure(self, outcome: ClaimOutcome) -> float | Undefined:
        """In [0, 1]; undefined if there are no such suspects."""
        of_kind = outcome.kind == outcome.kinds.index(self.suspects) if self.suspects in outcome.kinds else None
        if of_kind is None or not of_kind.any():
            return Undefined(f"there are no suspects of the kind '{self.suspects}'")
        return outcome.claimed[of_kind].double().mean().item()


@final
@dataclass(frozen=True)
class ClaimRate(RateOfKind):
    """Share of the stolen models of one kind of which ownership is claimed. Adi et al. 2018,
    https://arxiv.org/abs/1802.04633, section 5.
    """

    riskier = "low"
    title = "Claims that hold:"
    meaning = "Share of the models stolen in this way of which the owner can claim ownership."


@final
@dataclass(frozen=True)
class FalseClaimRate(RateOfKind):
    """Share of the independent models of one kind of which ownership is claimed. Szyller et al. 2023,
    https://arxiv.org/abs/2210.13631.
    """

    riskier = "high"
    title = "False claims:"
    meaning = "Share of the models of others of this kind of which the owner would claim ownership."
