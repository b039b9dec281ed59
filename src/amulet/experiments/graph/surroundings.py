"""Process-wide settings, which are the same for every task whatever earlier tasks have changed.

User code may turn gradients off, set another default type, seed NumPy or change the working directory. Every task
therefore starts with the settings listed here, and changes that it makes to them are undone afterwards.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import numpy as np
import torch
from torch.nn.modules import module as modules

from amulet.core.seeds import all_isolated, derive

AS_BEFORE: Final = object()
"""Stands for: the setting is left as the caller has it, and is only restored after the task."""

HOOKS: Final = tuple(name for name in vars(modules) if name.startswith("_global_") and name.endswith("_hooks"))

PRECISIONS: Final = (
    (
        "fp32_precision",
        *(f"{owner}.fp32_precision" for owner in ("cudnn", "mkldnn", "cuda.matmul", "cudnn.conv", "cudnn.rnn")),
        *(f"mkldnn.{kind}.fp32_precision" for kind in ("matmul", "conv", "rnn")),
    )
    if hasattr(torch.backends, "fp32_precision")
    else ()
)  # torch before 2.9 has one for all
"""Names of torch's settings for the precision of float32 products, general ones before those that default to them."""

_CUDNN: Final = ("cudnn.conv.fp32_precision", "cudnn.rnn.fp32_precision")
_KNOWN_PRECISION: Final = ("highest", *("tf32" if name in _CUDNN else "none" for name in PRECISIONS))
"""The defaults of torch for these precisions."""


@dataclass(frozen=True)
class Setting:
    """A process-wide setting.

    Attributes:
        read, write: functions that get and set its value.
        known: its value at the start of every task.
    """

    read: Callable[[], Any]
    write: Callable[[Any], object]
    known: Any = AS_BEFORE


def _attribute(owner: Any, name: str, known: Any = AS_BEFORE) -> Setting:
    return Setting(lambda: getattr(owner, name), lambda value: setattr(owner, name, value), known)


def _autocast(device: str) -> Setting:
    return Setting(
        lambda: torch.is_autocast_enabled(device), lambda value: torch.set_autocast_enabled(device, value), known=False
    )


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _write_deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


def _write_default_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # None costs nothing at each call of torch


def _hooks() -> list[dict[int, Any]]:
    return [dict(getattr(modules, name)) for name in HOOKS]


def _write_hooks(value: list[dict[int, Any]]) -> None:
    for name, hooks in zip(HOOKS, value, strict=True):
        held = getattr(modules, name)
        held.clear()
        held.update(hooks)


def _precision() -> tuple[str, ...]:
    try:
        general = torch.get_float32_matmul_precision()
    except RuntimeError:  # it is set for single backends, and cannot be told for all
        general = ""
    return general, *(attrgetter(name)(torch.backends) for name in PRECISIONS)


def _write_precision(value: tuple[str, ...]) -> None:
    if value[0]:
        torch.set_float32_matmul_precision(value[0])
    for name, precision in zip(PRECISIONS, value[1:], strict=True):
        owner, _, attribute = name.rpartition(".")
        setattr(attrgetter(owner)(torch.backends) if owner else torch.backends, attribute, precision)


def _folder() -> str | None:
    with suppress(FileNotFoundError):  # it has been removed
        return os.getcwd()  # noqa: PTH109 - as text, which is compared
    return None


def _write_folder(value: str | None) -> None:
    if value is not None:
        os.chdir(value)


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


def _write_environment(value: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(value)


SETTINGS: Final = (
    Setting(torch.is_grad_enabled, torch.set_grad_enabled, known=True),
    Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    Setting(torch.get_default_device, _write_default_device, torch.device("cpu")),
    Setting(torch.get_num_threads, torch.set_num_threads, 1),
    Setting(_deterministic, _write_deterministic, (False, False)),
    Setting(_precision, _write_precision, _KNOWN_PRECISION),
    Setting(torch.is_anomaly_enabled, torch.set_anomaly_enabled, known=False),
    Setting(_hooks, _write_hooks, [{} for _ in HOOKS]),
    _autocast("cpu"),
    _autocast("cuda"),
    _attribute(torch.backends.cudnn, "enabled", known=True),
    _attribute(torch.backends.cudnn, "benchmark", known=False),
    _attribute(torch.backends.cudnn, "deterministic", known=False),
    _attribute(torch.backends.mkldnn, "enabled", known=True),
    Setting(
        np.geterr, lambda value: np.seterr(**value),
        {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"},
    ),
    Setting(_folder, _write_folder),
    Setting(_umask, os.umask),
    Setting(lambda: dict(os.environ), _write_environment),
    Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    _attribute(sys, "stdout"),
    _attribute(sys, "stderr"),
)  # fmt: skip
"""The settings that are set for every task and restored after it, besides the seeds of the global generators and the
filters of warnings. One thread is used, so that numbers do not depend on the number of cores."""


@contextmanager
def known_surroundings(seed: int, device: str = "cpu") -> Iterator[None]:
    """Within the block all settings have the values that every task starts with; afterwards they are restored.

    Args:
        seed: seeds the global generators of Python, NumPy and torch, for code that draws from them.
        device: the device whose generator is seeded besides that of the CPU.
    """
    before = [setting.read() for setting in SETTINGS]
    with (
        warnings.catch_warnings(),
        torch.inference_mode(mode=False),
        all_isolated(derive(seed, "surroundings"), device),
    ):
        for setting, found in zip(SETTINGS, before, strict=True):
            if setting.known is not AS_BEFORE and found != setting.known:
                setting.write(setting.known)
        try:
            yield
        finally:
            for setting, found in zip(SETTINGS, before, strict=True):
                if setting.read() != found:
                    setting.write(found)
