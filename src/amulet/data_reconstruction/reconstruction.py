"""P3, data reconstruction: the base class of attacks that find out what training records look like."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self, final, get_args

from torch import Tensor, nn

from amulet.core.classifier import few
from amulet.core.data import Data, Schema
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.measurements.image_grid import ImageGrid
from amulet.core.metric import Metric, Undefined
from amulet.core.model import device_of
from amulet.core.probe import Attack, Game
from amulet.core.records.data_checks import require_data
from amulet.core.roles import TARGET
from amulet.core.seeds import generator
from amulet.core.threat import Adversary, Models, opened, without
from amulet.data_reconstruction.metrics.guessed_mse import GuessedMSE
from amulet.data_reconstruction.metrics.guessed_ssim import GuessedSSIM
from amulet.data_reconstruction.outcome import GUESSES, ReconstructionOutcome, Reference
from amulet.data_reconstruction.pictures import image_grid
from amulet.data_reconstruction.references import compared


@dataclass(frozen=True)
class ReconstructionAttack(Attack[ReconstructionOutcome]):
    """Base class of data reconstruction attacks; a subclass writes `reconstruct`.

    The adversary has the model and no records. It makes a record of every class, which the game compares with the
    target's training records of that class.
    """

    risk = "data_reconstruction"
    outcome_type = ReconstructionOutcome
    needs_members = True

    @abstractmethod
    def reconstruct(self, adversary: Adversary) -> Tensor:
        """What the training records of each class look like; to be written by a subclass.

        Args:
            adversary: the target with restricted access, and what is known of the data set: shape, classes, bounds.

        Returns:
            (classes, *shape) inputs within the bounds, in the order of the classes.
        """

    @final
    def own_metrics(self) -> tuple[Metric[ReconstructionOutcome], ...]:
        """Every guess beside the attack, compared with the same."""
        kinds: tuple[Reference, ...] = get_args(Reference)
        return tuple(metric(guess, kind) for metric in (GuessedMSE, GuessedSSIM) for kind in kinds for guess in GUESSES)

    @final
    def exhibited(self) -> tuple[Self, ...]:
        """The attack itself."""
        return (self,)

    @final
    def exhibit(self, outcomes: Sequence[ReconstructionOutcome], schema: Schema) -> ImageGrid | Undefined:
        """The mean image of each class above its reconstruction; nothing for tabular records."""
        return image_grid(outcomes[-1], schema)

    @final
    def attack(
        self, model: nn.Module, members: Data, *, models: Models = MappingProxyType({}), seed: int = 0
    ) -> ReconstructionOutcome:
        """Attack any `nn.Module` that maps inputs to logits, on the device where it lies; it is left as it was.

        Args:
            model: the target.
            members: its training records, which the adversary does not see.
            models: the adversary's own models by role, if the attack requests any; see `experiments.models_for`.
            seed: of the attack's random choices.

        Raises:
            AccessDenied: the attack asked the target for an output that its `needs` does not declare.
            InvalidParameter: the model does not give one logit for each class, or lacks what the attack needs, such as
                input gradients.
            ValueError: the attack left the data's bounds, gave no record for each class, or gave NaN.
        """
        require_data(members, "members", type(self).__name__)
        device = device_of(model)
        with opened(model, self.needs, members) as target:
            lacking = [Problem("model", sentence) for sentence in self.model_demands(TARGET, model, few(members))]
            if lacking:
                raise InvalidParameter(lacking)
            rng = generator(seed, "data reconstruction", device=str(device))
            made = self.reconstruct(Adversary(target, members.schema, rng, without(models, TARGET), seed=seed))
        self._check(made, members)
        return compared(made, members.to(made.device))

    @final
    def play(self, game: Game) -> ReconstructionOutcome:
        """Attack the target, and compare what is found with its training records."""
        return self.attack(game.target.model, game.members, models=game.models, seed=game.seed)

    def _check(self, made: Tensor, members: Data) -> None:
        schema = members.schema
        wanted = (len(schema.classes), *schema.shape)
        if made.shape != wanted:
            raise ValueError(f"{self} must give a record of each class, shape {wanted}. Got {tuple(made.shape)}.")
        if not made.isfinite().all():
            raise ValueError(
                f"{self} gave NaN or infinity, as where the gradient of a model is not finite at the start."
            )
        if not ((made >= schema.low - 1e-6) & (made <= schema.high + 1e-6)).all():
            raise ValueError(f"{self} must stay within the data's bounds [{schema.low}, {schema.high}].")
