"""What was assessed, read off the plain spec that results carry."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final, Protocol

from amulet.core.spec import Plain
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.numbers import Column
from amulet.experiments.results.results import Results
from amulet.report.words.vocabulary.formats import NOT_GIVEN, setting

_LISTS: Final = {"audits", "attacks", "probes", "defenses"}


class Specified(Protocol):
    """Results that carry the spec of what was asked."""

    @property
    def spec(self) -> Plain:
        """As plain values."""

    @property
    def columns(self) -> Sequence[Column]:
        """What was measured."""


@dataclass(frozen=True)
class Named:
    """A spec by its class and its settings, all of them, as text."""

    name: str
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def given(self) -> "Named":
        """Without the settings that are None."""
        return Named(self.name, tuple(pair for pair in self.settings if pair[1] != NOT_GIVEN))

    def __str__(self) -> str:
        """On one line: "PGD (epsilon 0.05, norm linf)"."""
        shown = ", ".join(f"{name} {value}" for name, value in self.settings)
        return f"{self.name} ({shown})" if shown else self.name


def named(plain: Any) -> Named:
    """From {import path: {field: value}}, without lists that are empty; anything else is its own text."""
    match parts(plain):
        case (name, fields):
            given = ((field, value) for field, value in fields.items() if value not in ([], ()))
            return Named(name, tuple((field.replace("_", " "), _text(value)) for field, value in given))
        case _:
            return Named(setting(plain))


def parts(plain: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Class name and fields of a plain spec; None for what is not one."""
    if not isinstance(plain, Mapping) or len(plain) != 1:
        return None
    ((path, fields),) = plain.items()
    return (str(path).rpartition(".")[2], fields) if isinstance(fields, Mapping) else None


def without_folders(plain: Any) -> Any:
    """A plain value in which each absolute path is the name of its file, for pages that are passed on.

    Example:
        >>> without_folders({"path": "/home/me/loans.csv", "target": "y", "shares": [0.5]})
        {'path': 'loans.csv', 'target': 'y', 'shares': [0.5]}
    """
    match plain:
        case str():
            kind = next((each for each in (PurePosixPath, PureWindowsPath) if each(plain).is_absolute()), None)
            return (kind(plain).name or plain) if kind else plain
        case Mapping():
            return {key: without_folders(value) for key, value in plain.items()}
        case list() | tuple():
            return [without_folders(item) for item in plain]
        case _:
            return plain


def experiment(results: Specified) -> Mapping[str, Any]:
    """The experiment's fields; none where the spec is not an experiment's.

    Specs are not checked when results are read, so fields that are no lists where lists belong are left out.
    """
    found = parts(results.spec)
    fields = found[1] if found else {}
    return {name: value for name, value in fields.items() if name not in _LISTS or isinstance(value, list | tuple)}


def defenses(results: Results) -> dict[str, tuple[Named, ...]]:
    """What each row applies, by label, in order; nothing for the baseline."""
    rows = [found[1] for row in experiment(results).get("defenses", ()) if (found := parts(row))]
    return {BASELINE: ()} | {
        str(row.get("label")): tuple(named(item) for item in applied)
        for row in rows
        if isinstance(applied := row.get("defenses"), list | tuple)
    }


def tampering(results: Results) -> dict[str, Named]:
    """The attack on the training records of each row that has one, by label."""
    rows = [found[1] for row in experiment(results).get("defenses", ()) if (found := parts(row))]
    return {str(row.get("label")): named(attack) for row in rows if parts(attack := row.get("attacked"))}


def probes(results: Specified) -> dict[str, Named]:
    """Each probe of the columns with all its settings, also those that its label leaves out as defaults.

    Labels and the spec list the probes of a class in the same order; where their numbers differ, the label
    is all there is.
    """
    labels, specs = defaultdict(list), defaultdict(list)
    for label in dict.fromkeys(column.probe for column in results.columns):
        labels[label.partition("(")[0]].append(label)
    for plain in (item for field in ("audits", "attacks", "probes") for item in experiment(results).get(field, ())):
        item = named(plain)
        specs[item.name].append(item)
    return {label: item for name in labels for label, item in _paired(labels[name], specs[name])}


def brief(label: str, among: Mapping[str, Named]) -> Named:
    """A probe with the settings alone that its label states, or that tell it from others of its class.

    Of a setting that is a spec itself, such as the claim of an audit, only what the label states is shown.
    """
    full = among[label]
    others = [dict(item.settings) for item in among.values() if item.name == full.name]
    stated = _stated(label)
    told = {name for name, value in full.settings if any(other.get(name) != value for other in others)}
    pairs = (pair for pair in full.settings if pair[0] in stated or pair[0] in told)
    return Named(full.name, tuple((name, _shorter(value, stated.get(name, ""))) for name, value in pairs))


def _stated(label: str) -> dict[str, str]:
    """The settings of a label such as "Ownership(by=DatasetInference(records=80))", by name, those within not."""
    inside = label.partition("(")[2].removesuffix(")")
    ends = [at for at, sign in enumerate(inside) if sign == "," and _closed(inside[:at])]
    starts = [0, *(end + 1 for end in ends)]
    pairs = (inside[start:end].strip().partition("=") for start, end in zip(starts, [*ends, None], strict=True))
    return {name.replace("_", " "): value for name, sign, value in pairs if sign}


def _closed(text: str) -> bool:
    return all(text.count(opening) == text.count(closing) for opening, closing in ("()", "[]", "{}"))


def _shorter(value: str, stated: str) -> str:
    """What the label states of a nested spec, in the form of `Named`; every other value as it is."""
    name, opening, settings = stated.partition("(")
    if not value.startswith(f"{name} (") or not name.isidentifier():
        return value
    shown = [f"{key} {of}" for key, of in _stated(stated).items()]
    return f"{name} ({', '.join(shown)})" if opening and settings else name


def _paired(labels: Sequence[str], specs: Sequence[Named]) -> list[tuple[str, Named]]:
    if len(labels) != len(specs):
        return [(label, Named(label)) for label in labels]
    return list(zip(labels, specs, strict=True))


def _text(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return str(named(value)) if parts(value) else setting(without_folders(value))
