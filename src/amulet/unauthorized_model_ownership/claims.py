"""Claims of ownership: statistical tests of whether a suspected model was made from the owner's model or records."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from torch import nn

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, InvalidParameter, MissingInput, Problem
from amulet.core.fitted import Fitted
from amulet.core.metric import Undefined
from amulet.core.probe import Game
from amulet.core.records.data_checks import require_data
from amulet.core.short_repr import short_repr
from amulet.core.spec import Spec
from amulet.core.split import Split
from amulet.core.threat import Access, Target, TrainedModel, opened
from amulet.core.trainable import Defense

Test = Callable[[Target], float]
"""Maps a suspected model to the p-value of the claim that it was made from the owner's: in [0, 1], small if it was."""


@dataclass(frozen=True, eq=False)
class Owner:
    """Everything that the owner of a model holds when it claims that another model was made from it.

    Attributes:
        model: the owner's model, with the artifacts that it keeps from the training, such as a watermark's key.
        records: the records that the model was trained on.
        held_out: records of the same distribution that the model was not trained on, such as validation records.
        seed: of the random choices of the claim.
    """

    model: TrainedModel
    records: Data
    held_out: Data
    seed: int = 0

    __repr__ = short_repr

    @classmethod
    def of(cls, game: Game) -> "Owner":
        """The owner of the model under assessment: its records are the members, and its held-out records are the clean
        validation records.
        """
        held_out = game.dataset.train[game.division.validation].to(game.device)
        return cls(game.target, game.members, held_out, game.seed)


@dataclass(frozen=True)
class Claim(Spec):
    """A way to claim the ownership of suspected models; a subclass writes `test`.

    Attributes:
        needs: the access to the suspected model that the claim needs. A claim may set it for the instance, in
            `problems`. The conformance tests check that the claim uses all of it.
        needs_defense: whether only models with a defense that it `serves` can be claimed.
    """

    needs: ClassVar[Access]
    needs_defense: ClassVar[bool] = False

    @abstractmethod
    def test(self, owner: Owner) -> Test | Undefined:
        """The test of suspected models; what does not depend on the suspect is computed here, once.

        Args:
            owner: the owner with its model and records.

        Returns:
            A function from a suspected model to a p-value, or why this owner cannot make such a claim.
        """

    def demands(self, schema: Schema) -> Iterator[str]:
        """A sentence for each property that the claim needs and the data set lacks; a hook for subclasses."""
        del schema
        yield from ()

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """A sentence for each reason why the records do not suffice; a hook for subclasses."""
        del dataset, split
        yield from ()

    def serves(self, defense: Defense) -> bool:
        """Whether the defense is made for this kind of claim; a hook for subclasses."""
        return isinstance(defense, type(self))

    @final
    def claim(self, suspect: nn.Module, owner: Owner) -> float:
        """The p-value of the claim that a suspected model was made from the owner's model or records.

        Args:
            suspect: any module that maps inputs to one logit for each of the owner's classes; it is not changed.
            owner: the owner with its model and records.

        Returns:
            A p-value in [0, 1]: the probability of evidence as strong as this, or stronger, if the suspect is
            independent.

        Raises:
            InvalidParameter: the suspect does not take the owner's records, or has other classes; the owner holds no
                trained model.
            InvalidData: the owner's records are not valid, or its held-out records are of another kind.
            MissingInput: the owner cannot make such a claim, for instance because its model has no watermark.
        """
        _require_owner(owner)
        test = self.test(owner)
        if isinstance(test, Undefined):
            raise MissingInput(f"{self} cannot be claimed: {test.reason}.")
        with opened(suspect, self.needs, owner.records) as target:
            return test(target)


def _require_owner(owner: Owner) -> None:
    model: object = owner.model
    if not isinstance(model, TrainedModel | Fitted):
        allowed = "a TrainedModel, as TrainedModel.of(fitted, records.index) makes one"
        raise InvalidParameter([Problem.of("model", "Owner", allowed, type(model).__name__)])
    require_data(owner.records, "records", "Owner")
    require_data(owner.held_out, "held_out", "Owner")
    own, held = owner.records.schema, owner.held_out.schema
    if (own.shape, own.classes) != (held.shape, held.classes):
        allowed = f"of records of shape {own.shape} with {len(own.classes)} classes, as 'records' are"
        given = f"shape {held.shape} with {len(held.classes)} classes"
        raise InvalidData([Problem.of("held_out", "Owner", allowed, given)])
