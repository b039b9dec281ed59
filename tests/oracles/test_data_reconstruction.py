"""Data reconstruction against plain loops, finite differences, a closed form, and real records."""

import os

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from amulet.core.metric import Metric
from amulet.core.model import ModelSpec
from amulet.data_reconstruction import ReconstructionOutcome, metrics
from amulet.data_reconstruction.attacks import ModelInversion, RegularizedInversion
from amulet.data_reconstruction.outcome import GUESSES
from amulet.datasets import FashionMNIST
from amulet.functional.inversion import denoised, inverted
from amulet.functional.perturbations.pgd import input_gradient
from amulet.functional.ssim import ssim
from amulet.models import LinearNet, SimpleCNN
from amulet.training import Adam, Recipe

needs_data = pytest.mark.skipif("AMULET_DATA" not in os.environ, reason="needs the files of $AMULET_DATA")
FEW = FashionMNIST(train_records=1500, test_records=100)


def similarity_of_windows(a: NDArray[np.float64], b: NDArray[np.float64], data_range: float) -> float:
    """One channel by the definition: every 7 x 7 window that lies within the image, one after the other."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    found = []
    for top in range(a.shape[0] - 6):
        for left in range(a.shape[1] - 6):
            u, v = (image[top : top + 7, left : left + 7].ravel() for image in (a, b))
            covariance = np.cov(u, v, ddof=1)
            found.append(
                (2 * u.mean() * v.mean() + c1) * (2 * covariance[0, 1] + c2)
                / ((u.mean() ** 2 + v.mean() ** 2 + c1) * (covariance[0, 0] + covariance[1, 1] + c2))
            )  # fmt: skip
    return float(np.mean(found))


@pytest.mark.parametrize(("shape", "data_range"), [((1, 7, 7), 1.0), ((3, 9, 12), 255.0), ((1, 28, 28), 2.0)])
def test_structural_similarity_is_that_of_a_loop_over_windows(shape: tuple[int, ...], data_range: float) -> None:
    rng = np.random.default_rng(0)
    first = data_range * rng.random((2, *shape))
    second = (0.6 * first + 0.4 * data_range * rng.random((2, *shape))).clip(0, data_range)
    expected = [
        np.mean([similarity_of_windows(a, b, data_range) for a, b in zip(*images, strict=True)])
        for images in zip(first, second, strict=True)
    ]
    found = ssim(torch.from_numpy(first), torch.from_numpy(second), data_range)
    assert found.numpy() == pytest.approx(expected, abs=1e-10)


SCIKIT_IMAGE: dict[tuple[tuple[int, ...], float], float] = {
    ((1, 7, 7), 1.0): 0.8704656984858057,
    ((1, 28, 28), 1.0): 0.791321899852811,
    ((3, 9, 12), 255.0): 0.8231871905766724,
    ((3, 32, 32), 2.0): 0.7926840964606771,
    ((1, 8, 30), 1.0): 0.836043150576898,
}
"""What structural_similarity(..., data_range=..., channel_axis=0) of scikit-image 0.26.0 gives, with NumPy 2.4.6."""


@pytest.mark.parametrize(("shape", "data_range"), SCIKIT_IMAGE)
def test_structural_similarity_is_that_of_scikit_image(shape: tuple[int, ...], data_range: float) -> None:
    places = np.arange(np.prod(shape), dtype=np.float64)
    first = (data_range * (np.sin(places * places / 7) + 1) / 2).reshape(shape)
    second = 0.6 * first + 0.4 * (data_range * (np.cos(places * 1.7) + 1) / 2).reshape(shape)
    found = ssim(torch.from_numpy(first)[None], torch.from_numpy(second)[None], data_range)
    assert found.item() == pytest.approx(SCIKIT_IMAGE[shape, data_range], abs=1e-12)


@pytest.mark.usefixtures("double")
def test_the_gradient_of_the_loss_is_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))
    x, y = torch.rand(4, 6), torch.arange(4)

    @torch.no_grad()
    def loss(inputs: Tensor) -> Tensor:
        logits: Tensor = model(inputs)
        others = [torch.cat([row[:label], row[label + 1 :]]).logsumexp(0) for label, row in enumerate(logits)]
        return torch.stack(others) - logits.diagonal()

    found, step = input_gradient(model, x, y), 1e-6
    for place in range(6):
        shift = torch.zeros(6)
        shift[place] = step
        expected = (loss(x + shift) - loss(x - shift)) / (2 * step)
        assert torch.allclose(found[:, place], expected, atol=1e-8)


def test_a_linear_model_of_two_classes_is_inverted_to_the_corner_that_its_weights_point_to() -> None:
    """The optimum is known: an input is high where its weight for the class is larger than that for the other."""
    weights = torch.randn(2, 30, generator=Generator().manual_seed(0))
    found = inverted(
        lambda x: x @ weights.T, torch.arange(2), torch.zeros(2, 30), steps=300, step_size=0.5, bounds=(-1.0, 2.0)
    )
    ahead = weights[0] > weights[1]
    assert torch.equal(found, torch.where(torch.stack([ahead, ~ahead]), 2.0, -1.0))


def test_denoising_is_a_mean_over_neighbours() -> None:
    images = torch.rand(2, 3, 9, 8, generator=Generator().manual_seed(0))
    weights = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    expected = [
        [(padded[:, :, top : top + 5, left : left + 5] * weights).sum((2, 3)) for left in range(8)] for top in range(9)
    ]
    assert torch.allclose(denoised(images), torch.from_numpy(np.array(expected)).permute(2, 3, 0, 1).float(), atol=1e-6)


@needs_data
@pytest.mark.parametrize(
    "architecture",
    [LinearNet((64,), norm="group"), SimpleCNN((16, 32), 64, norm="group")],
    ids=lambda spec: type(spec).__name__,
)
def test_garments_are_reconstructed_better_than_guessed(architecture: ModelSpec) -> None:
    """Both attacks beat zeros and grey. The one with a prior is nearer to training records than all else."""
    data = FEW.load().train
    model = Recipe(architecture, epochs=6, batch_size=32, optimizer=Adam(lr=3e-3)).fit(data, seed=1).model
    plain, regularized = (attack.attack(model, data) for attack in (ModelInversion(), RegularizedInversion()))
    for found in (plain, regularized):
        assert value(metrics.mse, found) < 0.75 * value(metrics.trivial_mse, found)
        assert value(metrics.ssim, found) > value(metrics.trivial_ssim, found) + 0.03
    guessed = [value(metrics.GuessedMSE(guess, "for nearest records"), plain) for guess in GUESSES]
    nearest = value(metrics.nearest_mse, regularized)
    assert nearest < 0.8 * value(metrics.nearest_mse, plain)
    assert nearest < 0.9 * min(guessed)


def value(metric: Metric[ReconstructionOutcome], found: ReconstructionOutcome) -> float:
    number = metric(found)
    assert isinstance(number, float)
    return number
