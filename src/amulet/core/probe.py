"""Probes: attacks and audits, each played as one game that ends in an outcome."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, Self

from torch import Tensor, nn

from amulet.core.curve import Curve
from amulet.core.data import AmuletDataset, Data, Schema, concatenate
from amulet.core.metric import O
from amulet.core.outcome import Outcome
from amulet.core.spec import Spec
from amulet.core.split import Division, Draw, Split
from amulet.core.threat import Access, Shadow, ShadowRequest


@dataclass(frozen=True, eq=False)
class Game:
    """All that the challenger of a security game holds: the target, every record, the truth.

    A risk's attack base takes from it what its game needs and hands the adversary its own view only. `artifacts`
    are what the target's owner kept of its training.
    """

    target: nn.Module
    dataset: AmuletDataset
    division: Division
    seed: int
    device: str = "cpu"
    shadows: tuple[Shadow, ...] = ()
    artifacts: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def members(self) -> Data:
        """The target's training records."""
        return self.dataset.train[self.division.members].to(self.device)

    @property
    def auxiliary(self) -> Data:
        """The attacker's records, none of them a member."""
        return self.dataset.train[self.division.auxiliary].to(self.device)

    @property
    def pool(self) -> Data:
        """Members and auxiliary records."""
        return concatenate(self.members, self.auxiliary)

    @property
    def test(self) -> Data:
        """Records that nobody has seen."""
        return self.dataset.test.to(self.device)


@dataclass(frozen=True)
class Probe(Spec, Generic[O]):
    """Something that is done to a trained model, giving an outcome.

    Attributes:
        risk: the package of its risk, such as "evasion".
    """

    risk: ClassVar[str]
    outcome_type: ClassVar[type[Outcome]]

    @abstractmethod
    def play(self, game: Game) -> O:
        """Run the probe as the assessment does."""

    def demands(self, schema: Schema) -> Iterator[str]:
        """What this data set lacks for the probe, a sentence each; a hook for subclasses."""
        del schema
        yield from ()

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """What the records themselves lack for the probe, a sentence each; a hook for subclasses."""
        del dataset, split
        yield from ()

    def shadows_wanted(self) -> ShadowRequest:
        """The models that the adversary asks to be trained; none unless a subclass says so."""
        return ShadowRequest(0)

    def budget(self) -> str | None:
        """What it may do, as text, where that can be told: of two attacks of one budget the stronger is the truer."""
        return None

    def trained_on(self, draw: Draw) -> Draw:
        """What its target is trained on, given the members; poisoning tampers with them."""
        return draw

    def traced(self) -> tuple[Self, ...]:
        """The probes whose outcomes make its curve, itself the last; none where it has no curve."""
        return ()

    def curve(self, outcomes: Sequence[O]) -> Curve:
        """The curve through the outcomes of the probes that `traced` names, in their order."""
        raise NotImplementedError(f"{self} has no curve.")


@dataclass(frozen=True)
class Attack(Probe[O]):
    """A probe with an adversary. `needs` is the access it has to its target, no less and no more.

    An attack made of others may set it for the instance, in `problems`.
    """

    needs: ClassVar[Access]


@dataclass(frozen=True)
class Audit(Probe[O]):
    """A probe without an adversary: it reads the model's behaviour on the test set."""
