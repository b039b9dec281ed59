"""How much each input contributes to an output of a model. Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365.

The gradient at the record itself is the saliency of Simonyan et al. 2013, https://arxiv.org/abs/1312.6034, with a sign.
"""

from typing import Literal

import torch
from torch import Tensor

from amulet.functional.perturbations.pgd import Classifier

Output = Literal["logit", "probability"]
"""Which output of a class is attributed to the inputs."""


def gradients(model: Classifier, x: Tensor, classes: Tensor, *, output: Output = "logit") -> Tensor:
    """The gradient of one class's output in the inputs.

    The model is called in the mode (training or evaluation) in which it is, and its parameters get no gradients. The
    result can be differentiated with respect to them, unless gradients are disabled where this is called.

    Args:
        model: maps inputs to logits, each record by itself.
        x: (n, *shape) floating.
        classes: (n,) of each record the class whose output is explained.
        output: its logit, or its softmax probability, which is computed in float64 so that no gradient is rounded to
            zero where the model is very sure.

    Returns:
        (n, *shape), of the type of x; 0 where the output does not depend on the input.

    Example:
        >>> model = torch.nn.Linear(2, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> gradients(model, torch.zeros(1, 2), torch.tensor([1])).tolist()
        [[3.0, 4.0]]
    """
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        total = outputs(model(leaf.clone()), classes, output).sum()  # a model may work in place
        if not total.requires_grad:
            return torch.zeros_like(x)
        (found,) = torch.autograd.grad(total, leaf, create_graph=differentiable, materialize_grads=True)
    return found


def integrated_gradients(
    model: Classifier, x: Tensor, classes: Tensor, *, steps: int, reference: float = 0.0, output: Output = "logit"
) -> Tensor:
    """The inputs' difference from a reference times the mean gradient on the straight line between the two.

    Equation 1, by the midpoint rule. The attributions of a record sum to the difference of the output at the record and
    at the reference (completeness, proposition 1), up to the error of the rule, which falls with the square of `steps`
    where the output is smooth.

    Args:
        model: as for `gradients`, and so are the other arguments and what is returned.
        x: (n, *shape).
        classes: (n,).
        steps: points on the line, at least 1; one pass through the model each.
        reference: the value of every input of the record that contributions are counted from.
        output: as for `gradients`.

    Returns:
        (n, *shape).

    Example:
        >>> x = torch.tensor([[1.0, 3.0]])
        >>> square = lambda x: torch.cat([x.square().sum(1, keepdim=True), x[:, :1]], 1)
        >>> integrated_gradients(square, x, torch.tensor([0]), steps=4).tolist()
        [[1.0, 9.0]]
    """
    difference = x - reference
    mean = torch.zeros_like(x)
    for step in range(steps):
        point = reference + (step + 0.5) / steps * difference
        mean = mean + gradients(model, point, classes, output=output) / steps
    return difference * mean


def outputs(logits: Tensor, classes: Tensor, output: Output) -> Tensor:
    """(n,) float64 the logit or the softmax probability of each record's class, from (n, classes) logits.

    Example:
        >>> outputs(torch.zeros(1, 2), torch.tensor([0]), "probability")
        tensor([0.5000], dtype=torch.float64)
    """
    values = logits.double() if output == "logit" else logits.double().softmax(1)
    return values.gather(1, classes[:, None]).squeeze(1)


def log_variances(attributions: Tensor) -> Tensor:
    """The logarithm of the variance of each record's attributions over its inputs.

    Shokri et al. 2021, https://arxiv.org/abs/1907.00164, find that the variance tells members from others.

    Args:
        attributions: (n, *shape).

    Returns:
        (n,) float64, at least log(1e-30), which is also that of a record with a single input.

    Example:
        >>> log_variances(torch.tensor([[1.0, 3.0]])).exp().tolist()
        [1.0]
    """
    found: Tensor = attributions.double().flatten(1).var(1, unbiased=False).clamp_min(1e-30).log()
    return found
