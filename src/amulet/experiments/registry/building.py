"""Builds specs from the plain values of JSON and YAML, and reports every problem with its place in the document."""

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final

from amulet.core.errors import AmuletError, InvalidParameter, Problem, ProblemsError
from amulet.core.spec import Plain, Spec, field_hints
from amulet.core.storage.files import NAMES_FILE
from amulet.core.text import closest, with_article
from amulet.core.user_code.imports import IMPORTED
from amulet.experiments.registry.permission import REGISTERED, Imports
from amulet.experiments.registry.plugins import Kind, find, kind_of

Place = tuple[str | int, ...]
"""The place of a value in a document: the keys and positions that lead to it from the top."""


class _Faulty(Exception):  # noqa: N818
    """A value could not be built. Its problems have been recorded already."""


class Builder:
    """Builds specs and records every problem it finds, so that all are reported together.

    Args:
        imports: what the document may import.
    """

    def __init__(self, imports: Imports = REGISTERED) -> None:
        self.imports = imports
        self.found: list[tuple[Place, str]] = []

    def spec(self, plain: Plain, place: Place = ()) -> Spec:
        """The spec that is written as "Name" or {Name: {field: value}}."""
        name, given, inner = self._named(plain, place)
        try:
            cls = find(name, self.imports)
        except AmuletError as error:
            raise self._fault(place, str(error)) from None
        return self.fill(cls, given, inner)

    def fill(self, cls: type[Spec], given: Mapping[str, Plain], place: Place) -> Spec:
        """A spec of a given class from plain values of its fields."""
        hints, before = field_hints(cls), len(self.found)
        known = [item.name for item in fields(cls)]
        for key in given:
            if key not in known:
                self.note((*place, key), f"{cls.__name__} has no '{key}'.{_suggestion(str(key), known)}")
        for item in fields(cls):
            if item.name not in given and item.default is MISSING and item.default_factory is MISSING:
                self.note(place, f"The '{item.name}' of {cls.__name__} must be given.")
        values = {key: self._value(hints[key], value, (*place, key)) for key, value in given.items() if key in known}
        failed = bool(self.found) and None in values.values()  # a field that was tried and noted before
        if len(self.found) == before and not failed:
            return self.construct(cls, values, place)
        self._check_alone(cls, values, place)
        raise _Faulty

    def attempted(self, plain: Plain, place: Place, kind: type[Spec] = Spec) -> Spec | None:
        """As `spec`, but None if that fails, with the problems recorded, so that the rest is checked too."""
        try:
            built = self.spec(plain, place)
        except _Faulty:
            return None
        if isinstance(built, kind):
            return built
        self.note(place, _misplaced(built, kind))
        return None

    def filled(self, cls: type[Spec], given: Mapping[str, Plain], place: Place) -> Spec | None:
        """As `fill`, but None if that fails, with the problems recorded."""
        try:
            return self.fill(cls, given, place)
        except _Faulty:
            return None

    def made(self, cls: type[Spec], values: Mapping[str, Any], place: Place) -> Spec | None:
        """As `construct`, but None if that fails, with the problems recorded."""
        try:
            return self.construct(cls, values, place)
        except _Faulty:
            return None

    def construct(self, cls: type[Spec], values: Mapping[str, Any], place: Place) -> Spec:
        """An instance of the class with these values of its fields."""
        try:
            return cls(**values)
        except ProblemsError as error:
            for problem in error.problems:
                self.note((*place, problem.parameter) if problem.parameter in values else place, problem.sentence)
            raise _Faulty from None

    def _check_alone(self, cls: type[Spec], values: Mapping[str, Any], place: Place) -> None:
        """Record what is wrong with single values of a spec that cannot be built as a whole."""
        for problem in cls.field_problems({name: value for name, value in values.items() if value is not None}):
            self.note((*place, problem.parameter), problem.sentence)

    def _value(self, hint: Any, plain: Plain, place: Place) -> Any:
        """The value of a field: specs are built, import paths are checked, all else is converted by the class."""
        if _is_marked(hint, IMPORTED) and isinstance(plain, str) and (refused := self.imports.code_refusal(plain)):
            self.note(place, refused)
            return None
        if _is_marked(hint, NAMES_FILE) and isinstance(plain, str) and self.imports.folder is not None:
            return str(self.imports.folder / plain)
        if not _holds_spec(hint) or not isinstance(plain, str | dict | list):
            return [plain] if isinstance(plain, str) and _is_list(hint) else plain
        if isinstance(plain, list) or _is_list(hint):
            return self._items(hint, plain, place)
        kinds = tuple(_specs_in(hint))
        return self.attempted(plain, place, kinds[0] if len(kinds) == 1 else Spec)

    def _items(self, hint: Any, plain: Plain, place: Place) -> tuple[Any, ...] | None:
        """The values of a list. If some cannot be built, only the others, so that these are checked too.

        A single value stands for a list of one, and names with their settings, without the dashes, for a list of them.
        """
        found, inner = len(self.found), _item_of(hint)
        match plain:
            case list():
                placed = [((*place, number), item) for number, item in enumerate(plain)]
            case dict() if len(plain) > 1:
                placed = [((*place, name), {name: given}) for name, given in plain.items()]
            case _:
                placed = [(place, plain)]
        items = tuple(self._value(inner, item, where) for where, item in placed)
        return items if len(self.found) == found else tuple(item for item in items if item is not None) or None

    def _named(self, plain: Plain, place: Place) -> tuple[str, Mapping[str, Plain], Place]:
        match plain:
            case str():
                return plain, {}, place
            case dict() if len(plain) == 1:
                name, given = next(iter(plain.items()))
                if isinstance(given, dict) or given is None:
                    return name, given or {}, (*place, name)
        raise self._fault(
            place, f"Write a name, or a name with its settings, 'Name: {{setting: value}}'. Got {plain!r}."
        )

    def note(self, place: Place, sentence: str) -> None:
        """Record a problem."""
        self.found.append((place, sentence))

    def _fault(self, place: Place, sentence: str) -> _Faulty:
        self.note(place, sentence)
        return _Faulty()


def from_plain(plain: Plain) -> Any:
    """The spec from the plain values that `Spec.plain` gives.

    Raises:
        InvalidParameter: the values describe no spec; every problem is reported with its place.
    """
    return build(lambda builder: builder.spec(plain), lambda place, sentence: f"{dotted(place)}: {sentence}")


def build(make: Callable[[Builder], Spec], tell: Callable[[Place, str], str], imports: Imports = REGISTERED) -> Any:
    """The spec that `make` builds.

    Args:
        make: builds the spec with a builder.
        tell: gives the message of a problem from its place and its sentence.
        imports: what the document may import.

    Raises:
        InvalidParameter: there are problems; all are reported together.
    """
    builder = Builder(imports)
    try:
        made = make(builder)
    except _Faulty:
        made = None
    if builder.found:
        distinct = dict.fromkeys(builder.found)  # the points of a grid share their mistakes
        raise InvalidParameter(Problem(dotted(place), tell(place, sentence)) for place, sentence in distinct)
    return made


def dotted(place: Place) -> str:
    """A place as text, such as "defenses.dp-sgd.0.DPSGD.epsilon"."""
    return ".".join(str(key) for key in place) or "the document"


def _holds_spec(hint: Any) -> bool:
    if isinstance(hint, type):
        return issubclass(hint, Spec)
    return any(_holds_spec(part) for part in _parts(hint))


def _is_list(hint: Any) -> bool:
    """Whether a field holds a list, and no single spec instead of it."""
    return _list_in(hint) is not None


def _item_of(hint: Any) -> Any:
    """The declared type of a list's items; of other fields the type itself."""
    while (listed := _list_in(hint)) is not None:
        hint = typing.get_args(listed)[0]
    return hint


def _list_in(hint: Any) -> Any:
    """The type of the list that a field holds, without its constraints and without None; None if it may hold a spec."""
    if typing.get_origin(hint) is tuple:
        return hint
    parts = [part for part in typing.get_args(hint) if part is not type(None)]
    return _list_in(parts[0]) if _is_annotated(hint) or (_is_union(hint) and len(parts) == 1) else None


def _is_annotated(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Annotated


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in {typing.Union, types.UnionType}


def _specs_in(hint: Any) -> Iterator[type[Spec]]:
    """The classes of specs that a field may hold."""
    plain = typing.get_origin(hint) or hint
    if isinstance(plain, type) and issubclass(plain, Spec):
        yield plain
    else:
        yield from (spec for part in typing.get_args(hint) for spec in _specs_in(part))


_LISTS: Final = {
    Kind.ATTACK: "attacks",
    Kind.AUDIT: "audits",
    Kind.FACTOR: "factors",
    Kind.METRIC: "metrics",
    Kind.DEFENSE: "defenses",
    Kind.CONTROL: "defenses",
}
"""The settings of an experiment under which plug-ins of each kind are listed."""


def _misplaced(built: Spec, wanted: type[Spec]) -> str:
    """The sentence for a spec of another kind than its place asks for."""
    kind = kind_of(type(built))
    listed = (
        f"; list it under '{_LISTS[kind]}'" if kind in _LISTS and _LISTS.get(kind_of(wanted)) != _LISTS[kind] else ""
    )
    return f"This must be {with_article(wanted.__name__)}. {built} is {with_article(kind)}{listed}."


def _is_marked(hint: Any, mark: object) -> bool:
    """Whether a declared type, or a part of it, is annotated with this mark."""
    return mark in getattr(hint, "__metadata__", ()) or any(_is_marked(part, mark) for part in typing.get_args(hint))


def _parts(hint: Any) -> Iterator[Any]:
    origin = typing.get_origin(hint)
    if isinstance(origin, type) and issubclass(origin, Spec):
        yield origin
    yield from typing.get_args(hint)


def _suggestion(key: str, known: list[str]) -> str:
    close = closest(key, known)
    return f" Did you mean '{close}'?" if close else f" It has: {', '.join(known) or 'no settings'}."
