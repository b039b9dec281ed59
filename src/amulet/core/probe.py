"""Probes: attacks and audits, each played as one game that ends in an outcome."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Generic, Self, final

from torch import nn

from amulet.core.curve import Curve
from amulet.core.data import AmuletDataset, Data, Schema, concatenate
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.metric import O, Undefined
from amulet.core.outcome import Outcome
from amulet.core.roles import TARGET, Requests, target_request
from amulet.core.spec import Spec
from amulet.core.split import Division, Draw, Split
from amulet.core.threat import Access, Models, TrainedModel


@dataclass(frozen=True, eq=False)
class Game:
    """All that the challenger of a security game holds: the models, every record, the truth.

    A risk's attack base takes from it what its game needs and hands the adversary its own view only.

    Attributes:
        models: the models that the probe asked for, by role; each is loaded when it is looked up.
        dataset: all records.
        division: who holds which training records.
        seed: of the probe's random choices.
        device: where to compute.
    """

    models: Models
    dataset: AmuletDataset
    division: Division
    seed: int
    device: str = "cpu"

    @cached_property
    def target(self) -> TrainedModel:
        """The model under assessment."""
        return self.models[TARGET][0]

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
    def play(self, game: Game) -> O | Undefined:
        """Run the probe as an assessment does.

        Returns:
            What it found, or why nothing can be said of this model, such as that it carries no watermark.
        """

    def demands(self, schema: Schema) -> Iterator[str]:
        """What this data set lacks for the probe, a sentence each; a hook for subclasses."""
        del schema
        yield from ()

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """What the records themselves lack for the probe, a sentence each; a hook for subclasses."""
        del dataset, split
        yield from ()

    def models(self, split: Split) -> Requests:
        """The models that its game needs, by role: the target trained on the members, unless a subclass says more."""
        return {TARGET: (target_request(split),)}

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """What a model lacks for the role that it plays, a sentence each; a hook for subclasses.

        Asked before anything is trained.

        Args:
            role: a key of `models`.
            model: an untrained model of the structure that the trained one will have.
            some: a few records to try it on.
        """
        del role, model, some
        yield from ()

    @final
    def sources(self, split: Split) -> tuple[DatasetSpec, ...]:
        """The data sets, beside that under assessment, from which records of its models are drawn."""
        requests = (request for asked in self.models(split).values() for request in asked)
        found = (member.source for request in requests for member in request.family)
        return tuple(dict.fromkeys(source for source in found if source is not None))

    def budget(self) -> str | None:
        """The perturbation set, as text, where there is one; None elsewhere.

        Among attacks with the same perturbation set, the lowest robust accuracy is the tightest upper bound.
        """
        return None

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

    def own_models(self, split: Split) -> Requests:
        """The models that the adversary trains itself, by role; a hook for subclasses.

        It finds them in `adversary.models`, and asks for no more than it uses, since each is trained.
        """
        del split
        return {}

    def models(self, split: Split) -> Requests:
        """The target and the adversary's own models."""
        return {TARGET: (target_request(split),), **self.own_models(split)}


@dataclass(frozen=True)
class TamperingAttack(Attack[O]):
    """An attack on the training records, so that its target is trained on what it leaves of them.

    It can also be part of a row, where it prepares the ground for other attacks.
    """

    @abstractmethod
    def tampered(self, draw: Draw) -> Draw:
        """The drawn records after the attack."""


@dataclass(frozen=True)
class Audit(Probe[O]):
    """A probe without an adversary: it reads the model's behaviour on the test set."""
