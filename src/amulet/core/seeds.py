"""Independent random streams from one seed. Each has a name; drawing from one does not affect another."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Generator


def derive(seed: int, *names: object) -> int:
    """The seed of a named random stream.

    Args:
        seed: the common seed.
        names: the name of the stream, in one or more parts.

    Returns:
        63 bits, which depend on nothing but the arguments.

    Example:
        >>> derive(0, "split") == derive(0, "split"), derive(0, "split") == derive(0, "order")
        (True, False)
    """
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: object, device: str = "cpu") -> Generator:
    """A new random generator for the named stream; see `derive`."""
    return Generator(device=device).manual_seed(derive(seed, *names))


@contextmanager
def isolated(seed: int, device: str = "cpu") -> Iterator[None]:
    """A context with torch's global generator seeded; afterwards the generator is in the state it had before."""
    on_gpu = device.startswith("cuda")
    with torch.random.fork_rng(devices=[torch.device(device)] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def all_isolated(seed: int, device: str = "cpu") -> Iterator[None]:
    """As `isolated`, for the global generators of Python and NumPy as well."""
    ours, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002 - the global one is meant
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        with isolated(seed, device):
            yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)  # noqa: NPY002
