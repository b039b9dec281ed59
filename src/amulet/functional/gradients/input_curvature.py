"""The curvature of the loss in the inputs. Moosavi-Dezfooli et al. 2019, https://arxiv.org/abs/1811.09716."""

from typing import Final

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from amulet.functional.perturbations.balls import unit
from amulet.functional.perturbations.pgd import Classifier

TOGETHER: Final = 256
"""The records whose products are computed at one time."""


def input_curvatures(model: Classifier, x: Tensor, y: Tensor, *, iterations: int, rng: Generator) -> Tensor:
    """The largest curvature of each record's cross-entropy: the eigenvalue of the Hessian with the largest magnitude.

    By power iteration on products of the Hessian, in the inputs, with vectors; the Hessian itself is never formed. The
    magnitude bounds how fast the gradient of the loss changes. What is found approaches it from below.

    The model is called in the mode (training or evaluation) in which it is, and its parameters get no gradients.

    Args:
        model: maps inputs to logits, each record by itself.
        x: (n, *shape) records.
        y: (n,) classes.
        iterations: products for each record; of two classes and a piecewise linear model two suffice.
        rng: draws the first vectors.

    Returns:
        (n,) float64, at least 0; 0 where the loss is linear in the inputs.

    Example:
        >>> x, rng = torch.tensor([[0.0, 0.0]]), Generator().manual_seed(0)  # p = 1/2, and p (1 - p) |w|^2 = 1/4 * 2
        >>> input_curvatures(torch.nn.Identity(), x, torch.tensor([0]), iterations=5, rng=rng)
        tensor([0.5000], dtype=torch.float64)
    """
    parts = zip(x.split(TOGETHER), y.split(TOGETHER), strict=True)
    return torch.cat([_curvatures(model, *part, iterations, rng) for part in parts])


def _curvatures(model: Classifier, x: Tensor, y: Tensor, iterations: int, rng: Generator) -> Tensor:
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        losses = cross_entropy(model(leaf.clone()).double(), y, reduction="sum")
        (gradient,) = torch.autograd.grad(losses, leaf, create_graph=True)
        vector = unit(torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype))
        sizes = x.new_zeros(len(x), dtype=torch.float64)
        for _ in range(iterations if gradient.requires_grad else 0):
            (product,) = torch.autograd.grad(gradient, leaf, vector, retain_graph=True, materialize_grads=True)
            sizes, vector = product.flatten(1).double().norm(dim=1), unit(product)
    return sizes.detach()
