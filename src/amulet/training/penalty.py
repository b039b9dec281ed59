"""What a penalty does in one training run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Generator, Tensor, nn

from amulet.core.data import Data
from amulet.core.fitted import Fact
from amulet.functional.perturbations.pgd import Classifier
from amulet.training.objectives import Objective


class Penalty(ABC):
    """A term that is added to each record's loss, for one run; it may hold a module and an optimizer of its own.

    For each batch the loop calls `twin` and `learn` once, then `penalize` as often as the update rule asks for losses.
    Random choices of a penalty's own come from the generator it is given, or from one derived from the run's seed.
    """

    def joins(self, objective: Objective) -> None:
        """Told once, before the first batch, to which objective it is added; a hook for subclasses.

        Args:
            objective: fitted to the training records.
        """
        del objective

    def twin(self, model: nn.Module, batch: Data, rng: Generator) -> Tensor | None:
        """Another version of each record to compare it with, shaped like x; None for a penalty that compares nothing.

        The model is in evaluation mode.
        """
        del model, batch, rng
        return None

    def learn(self, logits: Tensor, batch: Data) -> None:
        """Train what the penalty itself holds; nothing else may change its state.

        Args:
            logits: (n, classes) of the batch, by the model in evaluation mode, without gradient.
            batch: the records.
        """
        del logits, batch

    @abstractmethod
    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        """The term of each record.

        Args:
            model: may be called again on other inputs.
            logits: (n, classes) of the batch, with gradient.
            batch: the records; `batch.twins` holds what `twin` gave, if anything.

        Returns:
            (n,), differentiable with respect to the model.
        """

    @property
    def artifacts(self) -> Mapping[str, Tensor]:
        """What the model's owner keeps when the run is over."""
        return {}

    @property
    def facts(self) -> Mapping[str, Fact]:
        """What is known of the run when it is over."""
        return {}
