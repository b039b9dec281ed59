"""Specs: frozen values with a digest over all fields, which identifies them across processes and machines."""

import hashlib
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache, cached_property
from importlib.metadata import version
from typing import Annotated, Any, ClassVar, Final, TypeAlias, get_args, get_type_hints

from annotated_types import Ge, Gt, Interval, MaxLen
from pydantic import AllowInfNan, BeforeValidator, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema

from amulet.core.errors import InvalidParameter, Problem
from amulet.core.text import with_article
from amulet.core.user_code.source import source_digest

Count = Annotated[int, Interval(ge=1, le=10**9)]
Models = Annotated[int, Interval(ge=1, le=10_000)]
Widths = Annotated[tuple[Count, ...], MaxLen(1000)]
NonNegativeInt = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0), AllowInfNan(allow_inf_nan=False)]
NonNegative = Annotated[float, Ge(0), AllowInfNan(allow_inf_nan=False)]
Finite = Annotated[float, AllowInfNan(allow_inf_nan=False)]
Probability = Annotated[float, Interval(ge=0, le=1)]
OpenProbability = Annotated[float, Interval(gt=0, lt=1)]
"""Field types with the range they allow; any `annotated_types` constraint works as well.

A `Count` of what costs time one by one, such as steps, is bounded so that no sum of them overflows; `Models` counts
trained models, each of which is a task of its own, and `Widths` lists one layer of a model each.
"""

Scalar: TypeAlias = bool | int | float | str | None
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"

_PHRASES: Final = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "greater than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "too_long": "at most {max_length} values long",
    "missing": "given",
    "tuple_type": "a list",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
}
_FRACTION: Final = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*/\s*(\d+\.?\d*|\.\d+)\s*")


def _as_pairs(value: Any) -> Any:
    return tuple(sorted(value.items())) if isinstance(value, Mapping) else value


Argument: TypeAlias = Scalar | tuple[Scalar, ...]
Arguments = Annotated[tuple[tuple[str, Argument], ...], BeforeValidator(_as_pairs)]
"""Keyword arguments for code of the user's own; a mapping is accepted and kept in the order of its names."""


@dataclass(frozen=True)
class Spec(ABC):  # noqa: B024 - its subclasses are abstract by methods of their own
    """Base class of all settings that results depend on: models, recipes, attacks, metrics, tasks.

    Subclasses are frozen dataclasses. A field holds None, a bool, int, float, str, Enum, Spec, Content or a
    tuple of these. It is converted to its declared type, so that epsilon=1 and epsilon=1.0 are equal.

    Attributes:
        version: part of the digest; to be increased whenever equal fields give other results than before.
        packages: names of installed packages, other than torch, that results depend on; their releases are part of the
            digest.

    Raises:
        InvalidParameter: fields have values that are not allowed; the message lists every one.
    """

    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        problems = list(self._coerce()) or list(self.problems())
        if problems:
            raise InvalidParameter(problems)

    def _coerce(self) -> Iterator[Problem]:
        for name in _field_types(type(self)):
            try:
                object.__setattr__(self, name, _validated(type(self), name, getattr(self, name)))
            except InvalidParameter as error:
                yield from error.problems

    @classmethod
    def field_problems(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """The problems of values for single fields, each checked by itself."""
        for name, value in given.items():
            try:
                _validated(cls, name, value)
            except InvalidParameter as error:
                yield from error.problems

    def problems(self) -> Iterable[Problem]:
        """The problems of the fields in combination; a hook for subclasses."""
        return ()

    def problem(self, parameter: str, allowed: str) -> Problem:
        """A problem with one of the fields; `allowed` completes the sentence "must be ...". See `Problem.of`."""
        return Problem.of(parameter, type(self).__name__, allowed, getattr(self, parameter))

    @cached_property
    def digest(self) -> str:
        """64 hexadecimal digits: SHA-256 over the class, its version, source if outside Amulet, packages and fields."""
        identity = {
            "spec": path_of(type(self)),
            "version": self.version,
            "source": source_digest(type(self).__module__),
            "also": [*self.outside_sources(), *(f"{name}=={version(name)}" for name in self.packages)],
            "fields": {field.name: _reference(getattr(self, field.name)) for field in fields(self)},
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """The fields without cached properties. The digest is computed anew where the spec is unpickled."""
        derived = {name for name in self.__dict__ if isinstance(getattr(type(self), name, None), cached_property)}
        return {name: value for name, value in self.__dict__.items() if name not in derived}

    def outside_sources(self) -> Iterable[str]:
        """Digests of code that the fields refer to by import path; a hook for subclasses."""
        return ()

    def plain(self) -> dict[str, Plain]:
        """The spec in the types of JSON and YAML: {import path: {field: value}}."""
        return {path_of(type(self)): {field.name: plain_value(getattr(self, field.name)) for field in fields(self)}}

    def __str__(self) -> str:
        """The class's name with the fields that differ from their defaults, for tables and messages."""
        return type(self).__name__ + self.settings(self.changed())

    def changed(self, *always: str) -> tuple[str, ...]:
        """The names of the fields that differ from their defaults, after some that are named in any case."""
        differing = (field.name for field in fields(self) if getattr(self, field.name) != field.default)
        return tuple(dict.fromkeys([*always, *differing]))

    def settings(self, names: Iterable[str]) -> str:
        """The named fields as "(epsilon=0.05, steps=10)"; an empty string if there are none."""
        shown = ", ".join(f"{name}={_shown(getattr(self, name))}" for name in names)
        return f"({shown})" if shown else ""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Only the class of a nested Spec is checked, since its fields were checked when it was constructed."""
        del source, handler
        return core_schema.is_instance_schema(cls)


class Content(ABC):
    """A field of a Spec that is not a plain value, such as a trained model; its digest is computed from its bytes."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """64 hexadecimal digits, computed from the whole content."""

    def __eq__(self, other: object) -> bool:
        """Whether the digests are equal."""
        return isinstance(other, Content) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the cached digest, as for a Spec."""
        return {name: value for name, value in self.__dict__.items() if name != "digest"}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Only the class is checked, as for a Spec."""
        del source, handler
        return core_schema.is_instance_schema(cls)


def path_of(cls: type) -> str:
    """The import path of a class, such as "amulet.core.spec.Spec"."""
    return f"{cls.__module__}.{cls.__qualname__}"


@cache
def field_hints(cls: type[Spec]) -> dict[str, Any]:
    """The declared type of each field, with its constraints."""
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in fields(cls)}


@dataclass(frozen=True)
class _FieldType:
    """What is known of a field's declared type, once for all values of it.

    Attributes:
        adapter: converts values to it.
        takes_bools: whether it is one of truth values, which are otherwise no numbers.
        takes_fractions: whether it is one of numbers and of no text, so that a text such as "8/255" is a number.
    """

    adapter: TypeAdapter[Any]
    takes_bools: bool
    takes_fractions: bool

    @classmethod
    def of(cls, hint: Any) -> "_FieldType":
        return cls(TypeAdapter(hint), _admits(hint, bool), _admits(hint, float) and not _admits(hint, str))


@cache
def _field_types(cls: type[Spec]) -> dict[str, _FieldType]:
    return {name: _FieldType.of(hint) for name, hint in field_hints(cls).items()}


def _validated(cls: type[Spec], name: str, boxed: Any) -> Any:
    """The value of a field, converted to its declared type; InvalidParameter if that is not possible."""
    declared, value = _field_types(cls)[name], _unboxed(boxed)
    if not declared.takes_bools and _holds_bool(value):
        raise InvalidParameter([Problem.of(name, cls.__name__, "a number, not a truth value", value)])
    if declared.takes_fractions:
        value = _divided(value)
    try:
        return _without_negative_zero(declared.adapter.validate_python(value))
    except ValidationError as error:
        raise InvalidParameter(_sentences(error, name, cls.__name__)) from None


def _admits(hint: Any, kind: type) -> bool:
    return hint is kind or any(_admits(part, kind) for part in get_args(hint))


def _unboxed(value: Any) -> Any:
    """NumPy and torch scalars as Python numbers."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def _divided(value: Any) -> Any:
    """Fractions that are written as text, such as "8/255", as numbers, also inside lists."""
    if isinstance(value, list | tuple):
        return tuple(_divided(item) for item in value)
    fraction = _FRACTION.fullmatch(value) if isinstance(value, str) else None
    return float(fraction[1]) / float(fraction[2]) if fraction and float(fraction[2]) else value


def _holds_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, list | tuple) and any(_holds_bool(item) for item in value))


def _without_negative_zero(value: Any) -> Any:
    """0.0 in place of -0.0, since the two are equal and must have one digest."""
    if isinstance(value, tuple):
        return tuple(_without_negative_zero(item) for item in value)
    return value + 0.0 if isinstance(value, float) else value


def _sentences(error: ValidationError, name: str, owner: str) -> Iterator[Problem]:
    details = error.errors(include_url=False)
    for detail in details[:1] if len({d["type"] for d in details}) > 1 else details:
        phrase = _PHRASES.get(detail["type"], detail["msg"].removeprefix("Input should be "))
        bounds = {key: _bound(value) for key, value in detail.get("ctx", {}).items()}
        yield Problem.of(name, owner, phrase.format(**bounds), detail["input"])


def _bound(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def _reference(value: Any) -> Plain:
    match value:
        case Spec() | Content():
            return {"digest": value.digest}
        case Enum():
            return str(value.value)
        case tuple():
            return [_reference(item) for item in value]
        case float() if math.isinf(value):
            return str(value)  # "inf", since JSON has no such number; it is converted back on reading
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"A Spec cannot hold {with_article(type(value).__name__)}.")


def plain_value(value: Any) -> Plain:
    """The value of a field in the types of JSON and YAML."""
    match value:
        case Spec():
            return value.plain()
        case tuple():
            return [plain_value(item) for item in value]
        case _:
            return _reference(value)


def _shown(value: Any) -> str:
    match value:
        case Spec():
            return str(value)
        case float():
            return f"{value:.6g}"
        case tuple():
            return "[" + ", ".join(_shown(item) for item in value) + "]"
        case Enum():
            return str(value.value)
        case _:
            return str(value)
