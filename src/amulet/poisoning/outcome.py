"""S2, poisoning: the outcome, and the base class of attacks that plant a backdoor through the training records."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Generator, Tensor, nn

from amulet.core.classifier import require_classifier
from amulet.core.data import Data, Schema, batch_size, certain
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, Problem
from amulet.core.model import device_of
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Game, TamperingAttack
from amulet.core.records.data_checks import require_data
from amulet.core.records.synthetic import stored_as
from amulet.core.roles import CONTROL, TARGET, ModelRequest, Requests, Whose
from amulet.core.seeds import generator
from amulet.core.split import Draw, MemberDraw, Split
from amulet.core.threat import Access, Target, opened


@final
@dataclass(frozen=True, eq=False)
class PoisoningOutcome(Outcome):
    """The predictions of the model for each record with and without the trigger.

    Attributes:
        labels: (n,) true classes.
        clean: (n,) predicted classes of the records as they are.
        triggered: (n,) predicted classes of the records with the trigger.
        target: (n,) the class that the adversary wants for triggered records, the same in every row.
        control: (n,) predicted classes of the triggered records by a model that was trained on records that were not
            poisoned; -1 if there is no such model.
        index: (n,) identities of the records.

    Example:
        >>> from amulet.poisoning.metrics import poisoned_accuracy
        >>> labels, target = torch.tensor([0, 1, 1, 1]), torch.zeros(4, dtype=torch.int64)
        >>> poisoned_accuracy(PoisoningOutcome(labels, labels, torch.tensor([0, 0, 1, 0]), target))
        0.6666666666666666
    """

    truth = ("labels", "target", "index")
    optional = ("control", "index")

    labels: Tensor
    clean: Tensor
    triggered: Tensor
    target: Tensor
    control: Tensor = LEFT_OUT
    index: Tensor = LEFT_OUT

    @property
    def others(self) -> Tensor:
        """(n,) bool, the records of other classes than the adversary's, whose predictions the attack aims to change."""
        return self.labels != self.target


@dataclass(frozen=True)
class PoisoningAttack(TamperingAttack[PoisoningOutcome]):
    """Base class of attacks that plant a backdoor in a model through its training records.

    A subclass writes `poison` and `trigger` and has a field `label`. The target is trained on `Poisoned` records, with
    its defenses.
    """

    risk = "poisoning"
    outcome_type = PoisoningOutcome
    needs = Access.LABELS

    @property
    @abstractmethod
    def label(self) -> int:
        """The code of the class that the model should predict for triggered records; a field of the subclass."""

    @abstractmethod
    def poison(self, data: Data, rng: Generator) -> Data:
        """The poisoned records, each with the identity of the record of `data` that it replaces."""

    @abstractmethod
    def trigger(self, x: Tensor, schema: Schema) -> Tensor:
        """The floating-point inputs (n, *shape) with the trigger, within the bounds; every record must change."""

    def unfit(self, schema: Schema) -> Iterator[str]:
        """A sentence for each reason why the attack cannot be used on such records; a hook for subclasses."""
        del schema
        yield from ()

    @final
    def demands(self, schema: Schema) -> Iterator[str]:
        """The adversary's class must exist, and the requirements of the subclass must be met."""
        if not 0 <= self.label < len(schema.classes):
            yield Problem.of("label", str(self), f"a class code 0..{len(schema.classes) - 1}", self.label).sentence
        yield from self.unfit(schema)

    @final
    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """The trigger must change every record, so that the attack is no mere label flip; enough records must exist."""
        if tuple(self.demands(dataset.schema)):
            return
        unchanged = [
            *self._unchanged(_in_batches(dataset.train), "training"),
            *self._unchanged(_in_batches(dataset.test), "test"),
        ]
        yield from unchanged
        if not unchanged:
            try:
                self.poisoned(MemberDraw(split).take(dataset.train), seed=split.seed)
            except InvalidData as error:
                yield from (problem.sentence for problem in error.problems)

    @final
    def tampered(self, draw: Draw) -> Draw:
        """The draw with some of its records poisoned."""
        return Poisoned(draw, self)

    @final
    def models(self, split: Split) -> Requests:
        """The target, trained on poisoned records, and a control trained on the records as they are."""
        clean = MemberDraw(split)
        return {
            TARGET: (ModelRequest(self.tampered(clean)),),
            CONTROL: (ModelRequest(clean, Whose.UNTAMPERED),),
        }

    @final
    def poisoned(self, data: Data, *, seed: int) -> Data:
        """The tampered records alone, each under the identity of the record that it replaces.

        Raises:
            InvalidData: the attack does not fit the data, or its trigger leaves a record unchanged.
        """
        self._check(data)
        rng = generator(seed, "poisoning")  # on the CPU, so that the same records are poisoned on every device
        tampered = self.poison(data, rng)
        places = _replaced_places(tampered, data)
        if len(places.unique()) < len(places):
            raise ValueError(f"{self} must replace each record once.")
        self._require_changed(_in_batches(data[places]))
        kept = replace(tampered, x=stored_as(tampered.x, data.x.dtype))
        if kept.targets is None:
            return kept
        relabelled = (kept.y != data.y[places])[:, None]  # what is learned of these is the class that they now have
        return replace(kept, targets=torch.where(relabelled, certain(kept).to(kept.targets.dtype), kept.targets))

    @final
    def tamper(self, data: Data, *, seed: int = 0) -> Data:
        """The records with the tampered ones in the places of those that they replace.

        Raises:
            InvalidData: the attack does not fit the data, or its trigger leaves a record unchanged.
        """
        tampered = self.poisoned(data, seed=seed)
        places = _replaced_places(tampered, data)
        changed = {name: old.index_copy(0, places, tampered.tensors()[name]) for name, old in data.tensors().items()}
        return replace(data, **changed)  # type: ignore[arg-type]

    @final
    def attack(self, model: nn.Module, data: Data, *, control: nn.Module | None = None) -> PoisoningOutcome:
        """Show any `nn.Module` that maps inputs to logits the records without and with the trigger.

        Args:
            model: trained on records that the attack tampered with; left as it was.
            data: the records to show.
            control: a model like it, trained on records that nobody tampered with.

        Raises:
            InvalidData: the attack does not fit the data, or its trigger leaves a record unchanged.
            InvalidParameter: a model does not give one logit for each class.
        """
        self._check(data)
        self._require_changed(data.batches())
        if control is not None:
            require_classifier(control, data)
        with opened(model, self.needs, data) as target:
            parts = (self._shown(target, shown, control) for shown in data.to(device_of(model)).batches())
            return PoisoningOutcome.joined(parts, len(data))

    @final
    def play(self, game: Game) -> PoisoningOutcome:
        """The test records are shown to the target, and those with the trigger to the control."""
        return self.attack(game.target.model, game.test, control=game.models[CONTROL][0].model)

    def _shown(self, target: Target, shown: Data, control: nn.Module | None) -> PoisoningOutcome:
        triggered = replace(shown, x=self._triggered(shown))
        return PoisoningOutcome(
            labels=shown.y,
            clean=target.predictions(shown),
            triggered=target.predictions(triggered),
            target=torch.full_like(shown.y, self.label),
            control=torch.full_like(shown.y, -1) if control is None else self._predictions_by(control, triggered),
            index=shown.index,
        ).cpu()

    def _predictions_by(self, control: nn.Module, triggered: Data) -> Tensor:
        with opened(control, self.needs) as target:
            return target.predictions(triggered)

    def _check(self, data: Data) -> None:
        require_data(data, "data", type(self).__name__)
        problems = [Problem(str(self), sentence) for sentence in self.demands(data.schema)]
        if problems:
            raise InvalidData(problems)

    def _require_changed(self, parts: Iterable[Data]) -> None:
        problems = [Problem(str(self), sentence) for sentence in self._unchanged(parts, "given")]
        if problems:
            raise InvalidData(problems)

    def _unchanged(self, parts: Iterable[Data], name: str) -> Iterator[str]:
        changed = torch.cat([self._changed(part) for part in parts])
        same = int((~changed).sum())
        if same:
            yield (
                f"The trigger of {self} must change every record. "
                f"It leaves {same} of the {len(changed)} {name} records "
                "as they are."
            )

    def _changed(self, data: Data) -> Tensor:
        """(n,) bool, whether the trigger changes each record, in the precision of the data set."""
        before = data.x
        return (stored_as(self._triggered(data.as_inputs()), before.dtype) != before).flatten(1).any(1)

    def _triggered(self, data: Data) -> Tensor:
        x, schema = self.trigger(data.x, data.schema), data.schema
        if x.shape != data.x.shape:
            raise ValueError(f"{self} must keep the shape {tuple(data.x.shape)}. Got {tuple(x.shape)}.")
        if not ((x >= schema.low - 1e-6) & (x <= schema.high + 1e-6)).all():
            raise ValueError(f"{self} must stay within the data's bounds [{schema.low}, {schema.high}].")
        return x


@final
@dataclass(frozen=True)
class Poisoned(Draw):
    """A draw with some of its records poisoned, before any defense is applied to them.

    Attributes:
        drawn: the draw of the unchanged records.
        attack: the attack that poisons some of them.
    """

    drawn: Draw
    attack: PoisoningAttack

    @property
    def origin(self) -> Split:
        """The split of the draw."""
        return self.drawn.origin

    @property
    def tampering(self) -> PoisoningAttack:
        """The attack."""
        return self.attack

    def choose(self, data: Data) -> Tensor:
        """The positions of the unchanged draw, since poisoned records replace records."""
        return self.drawn.choose(data)

    def data_problems(self, data: Data) -> Iterator[Problem]:
        """The problems of the unchanged draw."""
        yield from self.drawn.data_problems(data)

    def take(self, data: Data) -> Data:
        """The drawn records, some of them poisoned; the seed of the split decides which."""
        return self.attack.tamper(self.drawn.take(data), seed=self.origin.seed)


def _in_batches(data: Data) -> Iterator[Data]:
    for places in torch.arange(len(data), device=data.x.device).split(batch_size(data.schema.shape)):
        yield data[places]


def _replaced_places(tampered: Data, data: Data) -> Tensor:
    """(k,) positions of the records that the poisoned ones replace."""
    order = data.index.argsort()
    found = torch.searchsorted(data.index[order], tampered.index).clamp_max(len(data) - 1)
    places = order[found]
    if not torch.equal(data.index[places], tampered.index):
        raise ValueError("A poisoned record must have the identity of a record that it replaces.")
    return places
