"""P3, data reconstruction: what an adversary made of each class, and what that is compared with."""

from dataclasses import dataclass
from typing import Final, Literal, final

import torch
from torch import Tensor

from amulet.core.outcome import Outcome

Guess = Literal["zeros", "grey", "overall mean"]
"""What somebody without access to the model would say of every class: zeros, mid-grey, or the mean of all records."""

GUESSES: Final[tuple[Guess, ...]] = ("zeros", "grey", "overall mean")
"""The order of the guesses in an outcome."""

TRIVIAL: Final[tuple[Guess, ...]] = ("zeros", "grey")
"""The guesses that need no knowledge of the records at all."""

Reference = Literal["for class means", "for nearest records"]
"""What a guess is taken for, and compared with."""


@final
@dataclass(frozen=True, eq=False)
class ReconstructionOutcome(Outcome):
    """A reconstruction of each class, and of the target's training records of the class those that it is compared with.

    Attributes:
        labels: (k,) codes of the classes that have training records.
        reconstructions: (k, *shape) what the adversary made of each class.
        means: (k, *shape) the mean of the training records of each class.
        nearest: (k, *shape) the training record of the class that is nearest to the reconstruction, in squared error.
        nearest_to_guesses: (k, 3, *shape) the training records of the class that are nearest to the guesses.
        guesses: (3, *shape) zeros, mid-grey and the mean of all training records, the same for all classes.
        data_range: () the largest less the smallest value that an input can have.

    Example:
        >>> from amulet.data_reconstruction.metrics import mse
        >>> made, means = torch.full((2, 3), 0.5), torch.tensor([[0.5, 0.5, 0.5], [0.7, 0.5, 0.3]])
        >>> guesses = torch.stack([torch.zeros(3), torch.full((3,), 0.5), means.mean(0)])
        >>> near = guesses.expand(2, -1, -1)
        >>> found = ReconstructionOutcome(torch.arange(2), made, means, means, near, guesses, torch.tensor(1.0))
        >>> round(mse(found), 4)
        0.0133
    """

    unit = "class"
    truth = ("labels", "means", "nearest_to_guesses", "guesses", "data_range")
    constants = ("guesses", "data_range")
    optional = ()
    labels: Tensor
    reconstructions: Tensor
    means: Tensor
    nearest: Tensor
    nearest_to_guesses: Tensor
    guesses: Tensor
    data_range: Tensor

    def check(self) -> None:
        """All are of one shape, and reconstructions are finite."""
        shapes = {"reconstructions": self.reconstructions.shape[1:], "means": self.means.shape[1:],
                  "nearest": self.nearest.shape[1:], "guesses": self.guesses.shape[1:],
                  "nearest_to_guesses": self.nearest_to_guesses.shape[2:]}  # fmt: skip
        if len(set(shapes.values())) > 1:
            raise ValueError(f"A ReconstructionOutcome holds records of one shape. Got {shapes}.")
        if not torch.isfinite(self.reconstructions).all():
            raise ValueError("Reconstructions must be finite.")

    def guessed(self, guess: Guess, taken: Reference) -> tuple[Tensor, Tensor]:
        """(k, *shape) a guess of every class, and (k, *shape) what it is compared with."""
        place = GUESSES.index(guess)
        references = self.means if taken == "for class means" else self.nearest_to_guesses[:, place]
        return self.guesses[place].expand_as(references), references
