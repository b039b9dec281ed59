"""S3, model extraction: the outcome, and the base class of attacks that make a copy of a model from its answers."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from torch import Tensor, nn

from amulet.core.classifier import require_classifier
from amulet.core.data import Data
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import Problem
from amulet.core.fitted import Fitted
from amulet.core.model import predict
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Attack, Game
from amulet.core.records.data_checks import require_data
from amulet.core.roles import SURROGATE, TARGET, Derivation, ModelRequest, Requests, Whose, target_request
from amulet.core.split import AuxiliaryDraw, Draw, Split
from amulet.core.threat import Release, opened
from amulet.core.trainable import Trainable

INDEPENDENT: Final = "independent"
"""A model that is trained on the attacker's records with their true labels, without any access to the target."""


@final
@dataclass(frozen=True, eq=False)
class ExtractionOutcome(Outcome):
    """The predictions of a model and of its copy for each test record.

    Attributes:
        labels: (n,) true classes.
        target: (n,) classes that the target predicts.
        surrogate: (n,) classes that the copy predicts.
        independent: (n,) classes predicted by a model that was trained on the attacker's records with their true
            labels, without any access to the target; -1 if there is no such model.
        index: (n,) identities of the records.

    Example:
        >>> import torch
        >>> from amulet.unauthorized_model_ownership.metrics import fidelity
        >>> labels, target = torch.tensor([0, 1, 1, 1]), torch.tensor([0, 1, 1, 0])
        >>> fidelity(ExtractionOutcome(labels, target, surrogate=torch.tensor([0, 1, 0, 0])))
        0.75
    """

    truth = ("labels", "index")
    optional = ("independent", "index")

    labels: Tensor
    target: Tensor
    surrogate: Tensor
    independent: Tensor = LEFT_OUT
    index: Tensor = LEFT_OUT

    @property
    def agreed(self) -> Tensor:
        """(n,) bool, whether target and surrogate predict the same class."""
        return self.target == self.surrogate


@dataclass(frozen=True)
class ModelExtractionAttack(Attack[ExtractionOutcome]):
    """Base class of attacks that copy a model; a subclass states how the copy is derived in `method`.

    The copy, called the surrogate, is a model of the task graph: everything else that needs the same stolen model uses
    the same task.

    Attributes:
        recipe: how the surrogate is trained; None for the recipe of the undefended target, since a thief does not
            defend its copy.
    """

    risk = "unauthorized_model_ownership"
    outcome_type = ExtractionOutcome
    recipe: Trainable | None = None

    @property
    @abstractmethod
    def method(self) -> Derivation:
        """How the surrogate is made from the target, with the access that it needs."""

    def draw(self, split: Split) -> Draw:
        """The attacker's records, about which it asks the target; its auxiliary records unless overridden."""
        return AuxiliaryDraw(split)

    def source_of_queries(self) -> DatasetSpec | None:
        """The data set that the attacker's records come from; None for the one under assessment. A hook."""
        return None

    def problems(self) -> Iterator[Problem]:
        """The access is that of the method; a subclass with problems of its own calls this too."""
        object.__setattr__(self, "needs", self.method.needs)
        yield from ()

    @final
    def own_models(self, split: Split) -> Requests:
        """The surrogate, and a model of the same kind that has not seen the target."""
        return {
            SURROGATE: (self.stolen(split),),
            INDEPENDENT: (ModelRequest(AuxiliaryDraw(split), Whose.PLAIN, number=0),),
        }

    @final
    def stolen(self, split: Split) -> ModelRequest:
        """The request for the surrogate, for whatever else needs a stolen model."""
        return ModelRequest(
            self.draw(split),
            self.recipe or Whose.PLAIN,
            number=0,
            derivation=self.method,
            parent=target_request(split),
            source=self.source_of_queries(),
        )

    @final
    def play(self, game: Game) -> ExtractionOutcome:
        """Compare the surrogate with the target on the test records."""
        models = (game.models[role][0].model for role in (TARGET, SURROGATE, INDEPENDENT))
        return compared(game.test, *models)

    @final
    def steal(
        self,
        model: nn.Module,
        records: Data,
        recipe: Trainable,
        *,
        releases: tuple[Release, ...] = (),
        seed: int = 0,
        device: str = "cpu",
    ) -> Fitted:
        """Make a copy of any `nn.Module` that maps inputs to logits.

        Args:
            model: the target; it is not changed.
            records: the attacker's records, whose labels are not used.
            recipe: how the copy is trained, unless the attack has a recipe of its own.
            releases: what the model's defenses release beside its predictions, as `Explanations().releases`.
            seed: of all random choices.
            device: where to compute.

        Raises:
            InvalidParameter: the model does not take the records, or they do not suffice.
        """
        require_data(records, "records", type(self).__name__)
        with opened(model, self.method.needs, records, releases) as target:
            return self.method.derive(target, self.recipe or recipe, records, seed=seed, device=device)


def compared(
    data: Data, target: nn.Module, surrogate: nn.Module, independent: nn.Module | None = None
) -> ExtractionOutcome:
    """The predictions of a model and of its copy on the same records.

    Args:
        data: the records, none of which was used to make the copy.
        target: the model that was copied.
        surrogate: the copy.
        independent: a model of the same kind that has not seen the target, if there is one.

    Raises:
        InvalidParameter: a model does not give one logit for each class of the data.
    """
    require_data(data, "data", "compared")
    return ExtractionOutcome(
        labels=data.y.cpu(),
        target=_predictions(target, data),
        surrogate=_predictions(surrogate, data),
        independent=LEFT_OUT if independent is None else _predictions(independent, data),
        index=data.index.cpu(),
    )


def _predictions(model: nn.Module, data: Data) -> Tensor:
    require_classifier(model, data)
    return predict(model, data).argmax(1).cpu()
