"""What one plug-in is, from its class and docstrings: settings, outcome, source, and how it is called."""

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final

from amulet.core.metric import Metric
from amulet.core.probe import Probe
from amulet.core.spec import Spec
from amulet.core.text import short_number
from amulet.experiments.registry.plugins import Kind, Plugin, short_name

_ARGUMENTS: Final = {
    "model": "model",
    "data": "data.test",
    "members": "data.train",
    "others": "data.test",
    "records": "data.test",
    "victims": "data.train",
}
"""What is given for the parameters of `attack` and `audit` in an example."""
_PLAIN: Final = re.compile(r"\w[\w./ -]*")
"""Texts that need no quotes in YAML."""
_LISTED: Final = {Kind.ATTACK: "attacks", Kind.AUDIT: "audits", Kind.FACTOR: "factors", Kind.METRIC: "metrics"}


@dataclass(frozen=True)
class Entry:
    """One setting of a plug-in, or one field of an outcome.

    Attributes:
        name: its name.
        default: the default as text; empty where there is none.
        meaning: what the docstring says of it; empty if nothing.
    """

    name: str
    default: str
    meaning: str


def about(plugin: Plugin) -> str:
    """The docstring of the class, without its sections."""
    return _paragraphs(plugin.spec)


def source(plugin: Plugin) -> str:
    """The first paragraph of the module's docstring, which names the paper."""
    text = inspect.getdoc(sys.modules[plugin.spec.__module__]) or ""
    return " ".join(text.partition("\n\n")[0].split())


def settings(plugin: Plugin) -> tuple[Entry, ...]:
    """All settings with their defaults."""
    meanings = _documented(plugin.spec)
    return tuple(
        Entry(item.name, "required" if item.default is MISSING else _shown(item.default), meanings.get(item.name, ""))
        for item in fields(plugin.spec)
    )


def outcome(plugin: Plugin) -> tuple[str, tuple[Entry, ...]] | None:
    """The class of outcome that an attack or audit gives, or a metric is computed from, with its fields."""
    if issubclass(plugin.spec, Probe):
        kind = plugin.spec.outcome_type
    elif issubclass(plugin.spec, Metric):
        kind = plugin.spec.outcome_type()
    else:
        return None
    meanings = _documented(kind)
    return kind.__name__, tuple(Entry(item.name, "", meanings.get(item.name, "")) for item in fields(kind))


def example(plugin: Plugin) -> tuple[str, ...]:
    """Lines of YAML that name it, and lines of Python that call it, where it can be called."""
    return (*_yaml(plugin), *_python(plugin))


def _yaml(plugin: Plugin) -> Iterator[str]:
    name = short_name(plugin.spec)
    shown = [f"{name}: ..." for name in _required(plugin)] or [
        f"{item.name}: {_yaml_value(item.default)}" for item in fields(plugin.spec) if _is_simple(item.default)
    ][:2]
    call = f"{name}: {{{', '.join(shown)}}}" if shown else name
    if plugin.kind in _LISTED:
        yield f"{_LISTED[plugin.kind]}:"
        yield f"  - {call}"
    elif plugin.kind in {Kind.DEFENSE, Kind.CONTROL}:
        yield "defenses:"
        yield "  label of the row:"
        yield f"    {call}"
    elif plugin.kind is Kind.DATASET:
        yield f"dataset: {name}" if not shown else f"dataset: {{{call}}}"


def _required(plugin: Plugin) -> tuple[str, ...]:
    """The names of the settings without a default."""
    return tuple(item.name for item in fields(plugin.spec) if item.default is MISSING)


def _python(plugin: Plugin) -> Iterator[str]:
    made = f"{plugin.name}({', '.join(f'{name}=...' for name in _required(plugin))})"
    if plugin.kind in {Kind.ATTACK, Kind.AUDIT, Kind.FACTOR, Kind.DEFENSE, Kind.METRIC, Kind.DATASET}:
        yield ""
        yield f"from {plugin.home} import {plugin.name}"
    if issubclass(plugin.spec, Probe):
        verb = next(
            (verb for verb in ("attack", "audit") if inspect.isfunction(getattr(plugin.spec, verb, None))), None
        )
        if verb is not None:
            parameters = inspect.signature(getattr(plugin.spec, verb)).parameters.values()
            given = [
                p for p in parameters if p.name != "self" and p.default is p.empty and p.kind is not p.KEYWORD_ONLY
            ]
            yield f"outcome = {made}.{verb}({', '.join(_ARGUMENTS.get(p.name, p.name) for p in given)})"
    if plugin.kind is Kind.FACTOR:
        yield f"print({made}.value(outcome))"
    elif plugin.kind is Kind.DEFENSE and hasattr(plugin.spec, "train"):
        yield f"fitted = {made}.train(recipe, data.train, seed=0)"
    elif plugin.kind is Kind.METRIC:
        call = plugin.name if plugin.name != plugin.spec.__name__ else made
        yield f"print({call}(outcome))"
    elif plugin.kind is Kind.DATASET:
        yield f"data = {made}.load()"


def _documented(kind: type) -> dict[str, str]:
    """What the docstrings of a class and its bases say of each attribute, in their sections "Attributes"."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        section = re.search(r"^Attributes:\n((?:[ ]{4}.*\n?|\n)+)", inspect.cleandoc(base.__doc__ or ""), re.MULTILINE)
        for entry in re.findall(
            r"^ {4}(\S[^:\n]*): ((?:.*\n?)(?:^ {8}.*\n?)*)", section[1] if section else "", re.MULTILINE
        ):
            found |= {name.strip(): " ".join(entry[1].split()) for name in entry[0].split(",")}
    return found


def _paragraphs(kind: type) -> str:
    text = inspect.cleandoc(kind.__doc__ or "")
    whole = re.split(r"^(?:Attributes|Args|Raises|Example|Returns):$", text, maxsplit=1, flags=re.MULTILINE)[0]
    return "\n\n".join(" ".join(part.split()) for part in whole.split("\n\n") if part.strip())


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, Spec) else repr(value) if isinstance(value, str) else _short(value)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return short_number(value)
    return f"[{', '.join(map(_shown, value))}]" if isinstance(value, tuple) else str(value)


def _is_simple(value: Any) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _yaml_value(value: Any) -> str:
    match value:
        case float():
            return short_number(value)
        case str() if not _PLAIN.fullmatch(value):
            return f'"{value}"'
        case _:
            return str(value)
