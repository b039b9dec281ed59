"""S1 evasion: records moved a little so that the model errs. Its outcome and the base of its attacks."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Self, final

import torch
from torch import Generator, Tensor, nn

from amulet.core.classifier import few, needs_gradients
from amulet.core.data import Data, Schema, Selection
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.measurements.curve import Curve
from amulet.core.model import device_of, predict
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Attack, Game
from amulet.core.records.data_checks import require_data
from amulet.core.roles import TARGET
from amulet.core.seeds import generator
from amulet.core.threat import Access, Adversary, Models, opened, without


@final
@dataclass(frozen=True, eq=False)
class EvasionOutcome(Outcome):
    """What the model made of each record before and after the attack.

    Attributes:
        labels: (n,) true classes.
        clean: (n,) predicted classes of the records as they are.
        adversarial: (n,) predicted classes of the adversarial examples.
        size: (n,) largest change of any input.
        noisy: (n,) predicted classes under random noise of the same Euclidean length; see `noise_like`.
        index: (n,) the records' identities.
    """

    truth = ("labels", "index")
    labels: Tensor
    clean: Tensor
    adversarial: Tensor
    size: Tensor
    noisy: Tensor
    index: Tensor = LEFT_OUT

    @property
    def correct(self) -> Tensor:
        """(n,) bool, classified correctly as they are."""
        return self.clean == self.labels

    @property
    def withstood(self) -> Tensor:
        """(n,) bool, classified correctly both as they are and as adversarial examples."""
        return self.correct & (self.adversarial == self.labels)


@dataclass(frozen=True)
class EvasionAttack(Attack[EvasionOutcome]):
    """Base of evasion attacks: a subclass writes `perturb`, and `ladder` if its strength has a number.

    Attributes:
        together: whether `perturb` must see all victims at once, as a perturbation common to all does. Otherwise it
            is given them in batches, so that a test set of images need not fit into memory as floating numbers.
    """

    version: ClassVar[int] = 3
    risk = "evasion"
    outcome_type = EvasionOutcome
    together: ClassVar[bool] = False

    @abstractmethod
    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        """Adversarial examples, shaped like `victims.x`, given the true labels, within the data's bounds."""

    def ladder(self) -> tuple[tuple[float, Self], ...]:
        """Weaker forms of the attack by epsilon, ascending, itself the last; none where it has no epsilon."""
        return ()

    @final
    def exhibited(self) -> tuple[Self, ...]:
        """Every step of the ladder."""
        return tuple(attack for _, attack in self.ladder())

    @final
    def exhibit(self, outcomes: Sequence[EvasionOutcome], schema: Schema) -> Curve:
        """The security curve: robust accuracy over epsilon, from clean accuracy at zero."""
        del schema
        accuracies = [outcome.correct.double().mean().item() for outcome in outcomes[:1]]
        accuracies += [outcome.withstood.double().mean().item() for outcome in outcomes]
        epsilons = (0.0, *(epsilon for epsilon, _ in self.ladder()))
        return Curve("Security curve", "epsilon", "robust accuracy", epsilons, tuple(accuracies))

    @final
    def attack(
        self, model: nn.Module, data: Data, *, models: Models = MappingProxyType({}), seed: int = 0
    ) -> EvasionOutcome:
        """Attack any `nn.Module` that maps inputs to logits, on the device where it lies; it is left as it was.

        Args:
            model: the target.
            data: the records to change.
            models: the adversary's own models by role, where the attack asks for some; see `experiments.models_for`.
            seed: of the attack's own randomness.

        Raises:
            AccessDenied: the attack asked for more than it declared.
            MissingInput: it asked for models of its own and got too few.
            InvalidParameter: the data lack something that its settings name, the model does not give one logit for
                each class, or it lacks the input gradients that the attack climbs along.
            ValueError: the attack left the data's bounds or changed their shape.
        """
        require_data(data, "data", type(self).__name__)
        lacking = [Problem(str(self), sentence) for sentence in self.demands(data.schema)]
        if lacking:
            raise InvalidParameter(lacking)
        with opened(model, self.needs, data) as target:
            self.require_usable(model, data)
            rngs = [generator(seed, name, device=str(device_of(model))) for name in ("evasion", "evasion noise")]
            adversary = Adversary(target, data.schema, rngs[0], without(models, TARGET), seed=seed)
            parts = (
                self._attacked(model, victims.to(device_of(model)), adversary, rngs[1])
                for victims in self._victims(data, seed)
            )
            return EvasionOutcome.joined(parts, self._count(data))

    @property
    def climbs(self) -> bool:
        """Whether it follows the gradient of its target with respect to the inputs; not unless a subclass says so."""
        return False

    def free_inputs(self, schema: Schema) -> Tensor | None:
        """Mask shaped like one record of the inputs that it may change; None for all, unless a subclass says so."""
        del schema
        return None

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """Input gradients, of the target that it climbs on."""
        if self.climbs and role == TARGET:
            yield from needs_gradients(str(self), model, some, self.free_inputs(some.schema))

    @final
    def require_usable(self, model: nn.Module, data: Data) -> None:
        """Raise InvalidParameter where a model lacks what the attack needs of its target."""
        lacking = tuple(self.model_demands(TARGET, model, few(data)))
        if lacking:
            raise InvalidParameter([Problem("model", sentence) for sentence in lacking])

    @final
    def play(self, game: Game) -> EvasionOutcome:
        """The victims are the test records, or a sample of them."""
        return self.attack(game.target.model, game.test, models=game.models, seed=game.seed)

    def _moved(self, adversary: Adversary, victims: Data) -> Tensor:
        """What the attack finds on the target and, for records that it leaves standing, on each model underneath.

        A stage that finishes a model may hide gradients without making it robust. Whoever holds the weights attacks
        the models below it too, and keeps what the target falls for.
        """
        moved = self.perturb(adversary, victims).detach()
        self._check(moved, victims)
        target = adversary.target
        for below in target.layers[1:] if target.access.includes(Access.WEIGHTS) else ():
            standing = target.predictions(replace(victims, x=moved)) == victims.y
            if not standing.any():
                break
            left = victims[standing]
            other = self.perturb(replace(adversary, target=below, rehearsing=True), left).detach()
            self._check(other, left)
            falls = target.predictions(replace(left, x=other)) != left.y
            moved[standing] = torch.where(falls.view(-1, *[1] * (other.dim() - 1)), other, moved[standing])
        return moved

    def _victims(self, data: Data, seed: int) -> Iterator[Data]:
        """The records to change, drawn by seed where the attack makes do with a sample, in batches."""
        count = self._count(data)
        places = torch.arange(len(data))
        if count < len(data):
            places = torch.randperm(len(data), generator=generator(seed, "victims"))[:count].sort().values
        chosen = Selection(data, places.to(data.y.device))
        yield from [data.at(chosen.places).as_inputs()] if self.together else chosen.batches()

    def _count(self, data: Data) -> int:
        return min(self.sample() or len(data), len(data))

    def _attacked(self, model: nn.Module, victims: Data, adversary: Adversary, noise: Generator) -> EvasionOutcome:
        moved = self._moved(adversary, victims)
        noisy = noise_like(moved, victims, noise)
        return EvasionOutcome(
            labels=victims.y,
            clean=predict(model, victims).argmax(1),
            adversarial=predict(model, replace(victims, x=moved)).argmax(1),
            size=(moved - victims.x).flatten(1).abs().amax(1),
            noisy=predict(model, replace(victims, x=noisy)).argmax(1),
            index=victims.index,
        ).cpu()

    def _check(self, moved: Tensor, victims: Data) -> None:
        low, high = victims.schema.low, victims.schema.high
        if moved.shape != victims.x.shape:
            raise ValueError(f"{self} must keep the shape {tuple(victims.x.shape)}. Got {tuple(moved.shape)}.")
        if not ((moved >= low - 1e-6) & (moved <= high + 1e-6)).all():
            raise ValueError(f"{self} must stay within the data's bounds [{low}, {high}].")


def noise_like(moved: Tensor, victims: Data, rng: Generator) -> Tensor:
    """Each record under random noise as long as what an attack did to it, within the bounds; shaped like x.

    Every feature that the attack changed in any record moves by the root mean square of the record's changes,
    up or down at random. So the noise is no longer than the attack's step in either norm.
    """
    step = moved - victims.x
    touched = (step != 0).any(0, keepdim=True).expand_as(step)
    squares = step.square().flatten(1).sum(1) / touched[:1].sum().clamp_min(1)
    signs = torch.randint(2, step.shape, generator=rng, device=step.device) * 2 - 1
    noise = touched * signs * squares.sqrt().view(-1, *[1] * (step.dim() - 1))
    return (victims.x + noise).clamp(victims.schema.low, victims.schema.high)
