"""Probes: attacks and audits, each a game with trained models that ends in an outcome.

A probe consists of a few methods:

- `demands` and `data_demands` say what the data set must have;
- `models` requests the models that the game needs, by role; an attack adds its own with `own_models`;
- `play` runs the game with the trained models and gives the outcome, from which metrics are computed;
- `exhibited` and `exhibit` are for probes with something to look at behind the number: a curve, or images.

Known methods are made of them as follows.

An evasion attack, such as PGD, needs the target alone, so `models` stays as it is. `play` gives the adversary the
target with restricted access and the test records, and the outcome holds true and predicted classes before and after
the perturbation. `exhibited` gives the same attack with several radii, and `exhibit` the accuracy as a function of
the radius. An attack that transfers adversarial examples from other models requests surrogates in `own_models`.

A membership inference attack, such as LiRA, requests shadow models in `own_models`, trained on complementary halves of
members and auxiliary records. `play` shows the adversary both kinds of records in random order, without saying which
are members, and the outcome holds a score and the true membership of every record. `exhibit` is the ROC.

A poisoning attack, such as BadNets, is a `TamperingAttack`: `tampered` turns the target's training records into
poisoned ones, and `models` requests a target trained on these and a control trained on the original records.
`play` shows both models the test records with and without the trigger. `demands` rejects data sets without the class
that the adversary wants.

An audit, such as that of discriminatory behavior, has no adversary. `demands` requires a sensitive attribute and a
favourable class, `models` requests the target alone, and `play` records its predictions on the test set.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Generic, Self, final

from torch import nn

from amulet.core.data import Data, Schema, concatenate
from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.measurements.curve import Curve
from amulet.core.measurements.image_grid import ImageGrid
from amulet.core.metric import Metric, O, Undefined
from amulet.core.outcome import Outcome
from amulet.core.roles import TARGET, Requests, target_request
from amulet.core.short_repr import short_repr
from amulet.core.spec import Spec
from amulet.core.split import Division, Draw, Split
from amulet.core.threat import Access, Models, TrainedModel
from amulet.core.trainable import Defense, released


@dataclass(frozen=True, eq=False)
class Game:
    """Everything that the challenger of a security game holds: all models, all records, and the truth about them.

    The base class of a risk's attacks takes from it what the game needs, and gives the adversary only its own view.

    Attributes:
        models: the models that the probe requested, by role; each is loaded when it is looked up.
        dataset: all records.
        division: the holders of the training records.
        seed: of the random choices of the probe.
        device: where to compute.
    """

    models: Models
    dataset: AmuletDataset
    division: Division
    seed: int
    device: str = "cpu"

    __repr__ = short_repr

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
        """The test records, on which no model is trained."""
        return self.dataset.test.to(self.device)


@dataclass(frozen=True)
class Probe(Spec, Generic[O]):
    """An attack on a trained model or an audit of it.

    Attributes:
        risk: the package of its risk, such as "evasion".
        outcome_type: the type of its outcomes.
        needs_members: whether the game must know which records the target was trained on.
    """

    risk: ClassVar[str]
    outcome_type: ClassVar[type[Outcome]]
    needs_members: ClassVar[bool] = False

    @abstractmethod
    def play(self, game: Game) -> O | Undefined:
        """Run the probe as an assessment does.

        Returns:
            The outcome, or why there is none for this model, such as that it carries no watermark.
        """

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """The instances that an assessment of whole risks takes, with settings that fit the data set and cost little.

        A hook for subclasses; none by default, since one or two attacks or audits of a risk suffice there. They need
        not be possible: what `demands` and the other checks of a plan find is the reason why one is left out.
        """
        del dataset, split
        return ()

    def demands(self, schema: Schema) -> Iterator[str]:
        """A sentence for each property that the probe needs and the schema lacks; a hook for subclasses."""
        del schema
        yield from ()

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """A sentence for each property that the probe needs and the records lack; a hook for subclasses."""
        del dataset, split
        yield from ()

    def models(self, split: Split) -> Requests:
        """The models that its game needs, by role; by default only the target, trained on the members."""
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
        """The data sets, other than the one under assessment, that its models are trained on."""
        requests = (request for asked in self.models(split).values() for request in asked)
        found = (member.source for request in requests for member in request.family)
        return tuple(dict.fromkeys(source for source in found if source is not None))

    def sample(self) -> int | None:
        """Of how many records, drawn by seed, the game makes do; None for all of them. A hook for subclasses."""
        return None

    def briefer(self, share: float) -> Self:
        """The probe with this share of its iterations, such as steps or queries, at least one of each.

        A hook for subclasses whose time grows with their number. From brief games follows how long a plan takes.
        """
        del share
        return self

    def budget(self) -> str | None:
        """The perturbation set, as text, where there is one; None elsewhere.

        Among attacks with the same perturbation set, the lowest robust accuracy is the tightest upper bound.
        """
        return None

    def own_metrics(self) -> tuple[Metric[O], ...]:
        """Metrics of its outcome whose parameters follow from the probe's own settings; a hook for subclasses.

        They replace the registered metrics of the same classes.
        """
        return ()

    def without_value(self, metric: Metric[O], dataset: AmuletDataset) -> str | None:
        """Why a metric of its outcome has no value on these records, whatever the model; None if it may have one.

        A hook for subclasses. Such metrics are left out of an assessment before anything is trained.

        Args:
            metric: one of its metrics.
            dataset: records that meet `demands`.
        """
        del metric, dataset
        return None

    def checks(self, defense: Defense) -> bool:
        """Whether the probe measures if a defense that claims ownership serves its purpose; a hook for subclasses."""
        del defense
        return False

    def unserved(self, defenses: Sequence[Defense]) -> Iterator[str]:
        """Why it would have no value on rows with these defenses, of all together; a hook for subclasses."""
        del defenses
        yield from ()

    def notices(self, defenses: Sequence[Defense]) -> Iterator[str]:
        """What to know before it is played on rows with these defenses, of all together; a hook for subclasses."""
        del defenses
        yield from ()

    def exhibited(self) -> tuple[Self, ...]:
        """The probes whose outcomes its exhibit is made of, itself the last; empty if it has no exhibit."""
        return ()

    def exhibit(self, outcomes: Sequence[O], schema: Schema) -> Curve | ImageGrid | Undefined:
        """What a report shows behind the probe's numbers: a curve, or images; a hook for subclasses.

        Args:
            outcomes: of the probes that `exhibited` names, in their order.
            schema: of the data set.

        Returns:
            The curve or the images, or why there are none, such as that the records are no images.
        """
        raise NotImplementedError(f"{self} has no exhibit.")


@dataclass(frozen=True)
class Attack(Probe[O]):
    """A probe with an adversary.

    Attributes:
        needs: the access to the target that the threat model grants. The conformance tests check that the attack uses
            all of it. An attack that combines others may set it for the instance, in `problems`. One that reads what a
            defense releases, such as explanations, must also run on targets that release none.
    """

    needs: ClassVar[Access]

    def unserved(self, defenses: Sequence[Defense]) -> Iterator[str]:
        """That no row releases what it reads beside predictions."""
        for part in self.unreleased(defenses):
            then = "can only guess" if self.without_releases() is None else "sees no more than other attacks"
            yield f"{self} reads {part}, and no row releases any, so that it {then}."

    def unreleased(self, defenses: Sequence[Defense]) -> tuple[Access, ...]:
        """What it reads beside predictions and none of these defenses releases."""
        kinds = {release.kind for release in released(defenses)}
        return tuple(part for part in self.needs.parts if part not in Access.WEIGHTS and part not in kinds)

    def without_releases(self) -> "Attack[O] | None":
        """The attack that it is, answer by answer, on targets that release nothing of what it reads.

        A hook for subclasses; by default itself. An assessment that has both runs only one of them there. It holds for
        the class that defines it alone: a subclass, which may answer otherwise, says it again.

        Returns:
            The attack; None if it can only guess there.
        """
        return self

    def own_models(self, split: Split) -> Requests:
        """The models that the adversary trains itself, by role; a hook for subclasses.

        The attack finds them in `adversary.models`. It should request no more than it uses, since all are trained.
        """
        del split
        return {}

    def models(self, split: Split) -> Requests:
        """The target and the adversary's own models."""
        return {TARGET: (target_request(split),), **self.own_models(split)}


@dataclass(frozen=True)
class TamperingAttack(Attack[O]):
    """An attack that changes training records; its target is trained on the changed records.

    It can also be part of a row, so that other attacks are run against a target that was trained on changed records.
    """

    @abstractmethod
    def tampered(self, draw: Draw) -> Draw:
        """The drawn records after the attack."""


@dataclass(frozen=True)
class Audit(Probe[O]):
    """A probe without an adversary: it reads the model's behaviour on the test set."""
