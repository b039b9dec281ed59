"""The registry: all plug-ins of Amulet and of installed packages, which name them in their `__all__`."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import AmuletError
from amulet.core.metric import Metric
from amulet.core.model import ModelSpec
from amulet.core.probe import Attack, Audit, Probe
from amulet.core.roles import Derivation
from amulet.core.spec import Spec, path_of
from amulet.core.text import closest
from amulet.core.trainable import Defense, Trainable
from amulet.datasets.load import folded
from amulet.experiments.registry.permission import OWN, REGISTERED, Imports, plugin_homes
from amulet.factors.factor import Factor
from amulet.training.augmentation import Augmentation
from amulet.training.placebo import Placebo

_WITHOUT_PLUGINS = {"core", "functional", "statistics", "literature", "experiments", "report", "testing", "cli"}


class Kind(StrEnum):
    """The kinds of plug-ins."""

    ATTACK = "attack"
    AUDIT = "audit"
    FACTOR = "factor"
    DEFENSE = "defense"
    CONTROL = "control"
    METRIC = "metric"
    DATASET = "dataset"
    MODEL = "model"
    RECIPE = "recipe"
    AUGMENTATION = "augmentation"
    DERIVATION = "derivation"
    SETTING = "setting"


_KINDS: tuple[tuple[type, Kind], ...] = (
    (Attack, Kind.ATTACK),
    (Audit, Kind.AUDIT),
    (Factor, Kind.FACTOR),
    (Augmentation, Kind.AUGMENTATION),  # before Defense, which it also is
    (Placebo, Kind.CONTROL),
    (Defense, Kind.DEFENSE),
    (Metric, Kind.METRIC),
    (DatasetSpec, Kind.DATASET),
    (ModelSpec, Kind.MODEL),
    (Trainable, Kind.RECIPE),
    (Derivation, Kind.DERIVATION),
)


@dataclass(frozen=True)
class Plugin:
    """A registered class, which YAML and `amulet list` know by name.

    Attributes:
        name: the name in `__all__`. A metric without settings has the name of its one instance.
        home: the package whose `__all__` has the name.
        spec: the class.
    """

    name: str
    home: str
    spec: type[Spec]

    @property
    def kind(self) -> Kind:
        """The kind of plug-in, decided by the base class."""
        return kind_of(self.spec)

    @property
    def risk(self) -> str:
        """The name of the risk that it belongs to; empty if it belongs to none."""
        parts = self.home.split(".")
        stated = getattr(self.spec, "risk", None)
        return str(
            stated or (parts[1] if parts[0] == "amulet" and parts[-1] in {"attacks", "metrics", "defenses"} else "")
        )

    @property
    def at_home(self) -> bool:
        """Whether its package is of the risk that it belongs to, where other risks may re-export it."""
        return bool(self.risk) and self.risk in self.home.split(".")

    @property
    def names(self) -> tuple[str, ...]:
        """All names by which it can be found, the shortest first."""
        full = (f"{self.home}.{self.name}", path_of(self.spec))
        return (self.name, f"{self.risk}.{self.name}", *full) if self.risk else (self.name, *full)

    @property
    def summary(self) -> str:
        """One line that says what it is and names its paper, from the docstring of its module.

        For kinds of which a module holds several, it is from the docstring of the class.
        """
        own = self.kind in {Kind.SETTING, Kind.AUGMENTATION}
        text = inspect.getdoc(self.spec if own else sys.modules[self.spec.__module__])
        return (text or "").partition("\n")[0]


@cache
def kind_of(spec: type[Spec]) -> Kind:
    """The kind of plug-in that a class is, decided by its base class."""
    return next((kind for base, kind in _KINDS if issubclass(spec, base)), Kind.SETTING)


@cache
def plugins() -> tuple[Plugin, ...]:
    """All plug-ins, each once, in the order of the packages that name them first; those of two risks are at home."""
    found: dict[type[Spec], Plugin] = {}
    for home in _homes():
        for plugin in plugins_of(home):
            held = found.get(plugin.spec)
            if held is None or (plugin.at_home and not held.at_home):
                found[plugin.spec] = plugin
    return tuple(found.values())


def plugins_of(home: str) -> Iterator[Plugin]:
    """The classes of specs among the names in one package's `__all__`, without abstract ones."""
    package = importlib.import_module(home)
    for name in package.__all__:
        value = getattr(package, name)
        spec = type(value) if isinstance(value, Spec) else value
        if isinstance(spec, type) and issubclass(spec, Spec) and not inspect.isabstract(spec):
            yield Plugin(name, home, spec)


def probe_classes() -> tuple[type[Probe[Any]], ...]:
    """The classes of all registered attacks and audits."""
    return tuple(plugin.spec for plugin in plugins() if issubclass(plugin.spec, Attack | Audit))


def factor_classes() -> tuple[type[Factor], ...]:
    """The classes of all registered factors."""
    return tuple(plugin.spec for plugin in plugins() if issubclass(plugin.spec, Factor))


def risk_names() -> tuple[str, ...]:
    """The risks of all registered attacks and audits, by the names of their packages."""
    return tuple(dict.fromkeys(spec.risk for spec in probe_classes()))


def find(name: str, imports: Imports = REGISTERED) -> type[Spec]:
    """The class that a name in YAML means: a plug-in's name, or an import path.

    Args:
        name: the name of a plug-in, or an import path.
        imports: what may be imported besides plug-ins.

    Raises:
        AmuletError: there is nothing of this name, there are several, or it may not be imported.
    """
    matches = [plugin for plugin in plugins() if name in plugin.names] or _datasets(name)
    if len(matches) == 1:
        return matches[0].spec
    if matches:
        longer = " or ".join(plugin.names[1] for plugin in matches)
        raise AmuletError(f"'{name}' could be more than one thing. Write {longer}.")
    return _imported(name, imports)


def find_plugin(name: str) -> Plugin:
    """The plug-in of a name; raises AmuletError as `find`."""
    spec = find(name)
    return next(plugin for plugin in plugins() if plugin.spec is spec)


def metrics_for(probe: Probe[Any], listed: Sequence[Metric[Any]]) -> tuple[Metric[Any], ...]:
    """The metrics to compute from a probe's outcome: those listed, and registered ones of other classes."""
    fitting = [metric for metric in listed if metric.outcome_type() is probe.outcome_type]
    fitting += [metric for metric in probe.own_metrics() if metric not in fitting]
    replaced = {type(metric) for metric in fitting}
    registered = [plugin.spec for plugin in plugins() if plugin.kind is Kind.METRIC]
    usual = [spec for spec in registered if issubclass(spec, Metric) and spec.everywhere and spec not in replaced]
    defaults = [metric for spec in usual for metric in spec.defaults()]
    return (*(metric for metric in defaults if metric.outcome_type() is probe.outcome_type), *fitting)


def short_name(spec: type[Spec]) -> str:
    """The shortest name by which `find` finds the class."""
    for plugin in plugins():
        if plugin.spec is spec:
            return next(name for name in plugin.names if sum(name in other.names for other in plugins()) == 1)
    return path_of(spec)


def _homes() -> Iterator[str]:
    for module in pkgutil.iter_modules(importlib.import_module(OWN).__path__):
        if module.ispkg and module.name not in _WITHOUT_PLUGINS:
            package = importlib.import_module(f"amulet.{module.name}")
            parts = {part.name for part in pkgutil.iter_modules(package.__path__) if part.ispkg}
            yield from (f"amulet.{module.name}.{part}" for part in ("attacks", "defenses", "metrics") if part in parts)
            yield f"amulet.{module.name}"
    yield from plugin_homes()


def _datasets(name: str) -> list[Plugin]:
    """The data set of a name, whose case does not matter, as in `load_data`."""
    return [plugin for plugin in plugins() if plugin.kind is Kind.DATASET and folded(plugin.name) == folded(name)]


def _imported(name: str, imports: Imports) -> type[Spec]:
    module, _, attribute = name.replace(":", ".").rpartition(".")
    refused = imports.refusal(module, attribute) if module and module.partition(".")[0] != OWN else None
    try:
        found = getattr(importlib.import_module(module), attribute) if module and not refused else None
    except (Exception, SystemExit):  # noqa: BLE001 - a user's module may raise anything when imported
        found = None
    if isinstance(found, Spec):
        return type(found)
    if isinstance(found, type) and issubclass(found, Spec):
        return found
    names = [each for plugin in plugins() for each in plugin.names]
    if (called := name.partition("(")[0].strip()) in names and called != name:
        raise AmuletError(f"'{name}' is no name. Write the settings behind it, '{called}: {{setting: value}}'.")
    close = closest(name, names)
    hint = f" Did you mean '{close}'?" if close else ""
    if refused:
        raise AmuletError(f"{refused}{hint}")
    raise AmuletError(f"Nothing goes by the name '{name}'.{hint} `amulet list` shows what there is.")
