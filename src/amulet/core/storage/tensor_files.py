"""Tensors written to files."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def write_tensors(place: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors, from where they lie.

    Raises:
        OSError: as the system tells it, which safetensors wraps into an error of its own.
    """
    try:
        save_file(dict(tensors), place)
    except SafetensorError as error:
        found = re.search(r"os error (\d+)", str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1])), str(place)) from error
