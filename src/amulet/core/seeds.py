"""Independent random streams from one seed: a name for each, so that drawing from one never moves another."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator


def derive(seed: int, *names: object) -> int:
    """A 63-bit seed for the stream called `names`, the same in every process and on every day."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: object, device: str = "cpu") -> Generator:
    """A generator of its own for the stream called `names`."""
    return Generator(device=device).manual_seed(derive(seed, *names))


@contextmanager
def isolated(seed: int, device: str = "cpu") -> Iterator[None]:
    """Seed torch's global generator inside, and leave it outside as it was."""
    on_gpu = device.startswith("cuda")
    with torch.random.fork_rng(devices=[torch.device(device)] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
