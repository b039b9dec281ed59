"""The check that every plug-in must pass, and the functions that the other checks share."""

import inspect
import pickle
import re
import sys

import torch
from torch import Tensor, nn

from amulet.core.spec import Spec


def check_spec(spec: Spec, *, paper: bool) -> None:
    """Check that a plug-in is a frozen dataclass that can be constructed without arguments and pickled.

    Args:
        spec: the plug-in.
        paper: whether the docstring of its module must also name the address of a paper.

    Raises:
        AssertionError: it does not.
    """
    cls = type(spec)
    params = cls.__dict__.get("__dataclass_params__")  # not that of a base, which knows nothing of the fields
    require(
        params is not None and params.frozen, f"{cls.__name__} must be a frozen dataclass (@dataclass(frozen=True))"
    )
    require(isinstance(cls(), cls), f"{cls.__name__} must be constructible without arguments")
    copied = pickle.loads(pickle.dumps(spec))  # noqa: S301 - our own bytes
    require(copied == spec and copied.digest == spec.digest, f"{cls.__name__} must survive pickling")
    if paper:
        text = inspect.getdoc(sys.modules[cls.__module__]) or ""
        require(
            bool(re.search(r"https?://", text)),
            f"The docstring of {cls.__module__} must name its paper's address",
        )


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """Copies of all weights and buffers, and the flags `training` and `requires_grad` of every part, by name."""
    flags = {f"{name}.training": torch.tensor(module.training) for name, module in model.named_modules()}
    grads = {f"{name}.requires_grad": torch.tensor(p.requires_grad) for name, p in model.named_parameters()}
    return {**{name: tensor.clone() for name, tensor in model.state_dict().items()}, **flags, **grads}


def agree(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether both hold tensors of the same names, shapes and, up to rounding, values."""

    def close(a: Tensor, b: Tensor) -> bool:
        return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-6)

    return first.keys() == second.keys() and all(close(first[name], second[name]) for name in first)


def require(kept: bool, promise: str) -> None:
    """Raise AssertionError with the promise as its message unless it was kept."""
    if not kept:
        raise AssertionError(f"{promise}.")
