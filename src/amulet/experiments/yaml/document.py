"""Reads a YAML file as plain values, with the types of YAML 1.2 and limits on size and nesting.

https://yaml.org/spec/1.2.2/, section 10.3 (core schema). Each of these is refused in a sentence: anchors and aliases,
tags, merge keys, several documents in one file, keys that are no text, very long texts, and
numbers that YAML 1.1 and 1.2 read differently.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from amulet.core.errors import InvalidParameter, Problem
from amulet.core.spec import Plain
from amulet.core.storage.files import open_regular
from amulet.core.text import visible
from amulet.experiments.registry.building import Place

Lines = dict[Place, int]

LARGEST: Final = 1_000_000
"""The most bytes of a configuration; a thousand rows of defenses have a tenth of that."""
DEEPEST: Final = 30
"""The most levels of nesting; an experiment has about eight."""
LONGEST: Final = 1000
"""The most characters of a name or a text; messages and reports repeat them."""
_WHOLE: Final = 2**63
_WORDS: Final[dict[str, Plain]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NAN: Final = {".nan", ".NaN", ".NAN"}
_TWO_MEANINGS: Final = re.compile(r"[-+]?0[0-9_]+|[-+]?0b[01_]+|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
"""Octal, binary and sexagesimal numbers of YAML 1.1, which are other numbers or text in YAML 1.2."""


def read_document(path: Path) -> tuple[dict[str, Plain], Lines]:
    """The mapping in a YAML file, and the line of every value in it.

    Raises:
        InvalidParameter: the file is too large, is not YAML, or has something that configurations must not have. The
            message names the line.
        OSError: the file cannot be read.
    """
    with open_regular(path) as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        _refuse(path, None, f"A configuration must have at most {LARGEST:,} bytes. This file has more.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(path, content.count(b"\n", 0, error.start) + 1, "This is not YAML: it is not text in UTF-8.")
    reader = _Reader(path)
    try:
        found = reader.document(text)
    except yaml.reader.ReaderError as error:
        character = visible(chr(error.character))
        _refuse(path, text.count("\n", 0, error.position) + 1, f"This is not YAML: it holds the character {character}.")
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark.line + 1 if error.problem_mark else None
        _refuse(path, at, f"This is not YAML: {' '.join(str(error.problem).split())}.")
    if not isinstance(found, dict):
        _refuse(path, None, "This file must hold 'setting: value' lines. Got none.")
    if reader.twice:
        raise InvalidParameter(reader.twice)
    return found, reader.lines


def dump_document(document: Any) -> str:
    """The values as YAML. `read_document`, and any reader of YAML 1.1, gives the same values back."""
    text = yaml.dump(document, Dumper=_Writer, sort_keys=False, allow_unicode=True)
    if visible(text) == text:
        return text
    return yaml.dump(document, Dumper=_Writer, sort_keys=False)  # with escapes for all that is not ASCII


def _refuse(path: Path, line: int | None, sentence: str) -> NoReturn:
    place = f"{path}:{line}" if line else str(path)
    raise InvalidParameter([Problem("document", visible(f"{place}: {sentence}"))])


@dataclass
class _Reader:
    """Builds plain values from the events of the YAML parser, so that no objects are constructed from tags."""

    path: Path
    lines: Lines = field(default_factory=dict)
    twice: list[Problem] = field(default_factory=list)

    def document(self, text: str) -> Any:
        """The value of the document in a text; None if there is no document."""
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        found: list[Any] = []
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if found:
                    self._refuse(event, "A configuration must be one document. This is a second one.")
                found.append(self._value(next(events), events, ()))
        return found[0] if found else None

    def _value(self, event: Any, events: Iterator[Any], place: Place) -> Any:
        self._check(event, place)
        self.lines[place] = _line(event)
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event)
            case yaml.SequenceStartEvent():
                items: list[Any] = []
                while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                    items.append(self._value(inner, events, (*place, len(items))))
                return items
            case _:
                return self._mapping(events, place)

    def _mapping(self, events: Iterator[Any], place: Place) -> dict[str, Any]:
        """A mapping. Keys are taken as text as they are written; a repeated key is a problem."""
        found: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            self._check(event, place)
            if not isinstance(event, yaml.ScalarEvent) or not event.value.strip():
                self._refuse(event, "A key must be a name. This one is a list, a mapping or empty.")
            key = self._text(event)
            if key == "<<" and event.implicit[0]:
                self._refuse(event, "Merge keys ('<<') are not read. Write the settings out.")
            if key in found:
                self.twice.append(Problem(key, visible(f"{self.path}:{_line(event)}: '{key}' stands here twice.")))
            found[key] = self._value(next(events), events, (*place, key))
        return found

    def _check(self, event: Any, place: Place) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._refuse(event, "Anchors and aliases ('&name', '*name') are not read. Write the value out.")
        if event.tag is not None and event.tag != "!":
            self._refuse(event, f"Tags such as '{event.tag[:80]}' are not read. Write the value without it.")
        if len(place) > DEEPEST:
            self._refuse(event, f"Values must be nested at most {DEEPEST} levels deep. This one is deeper.")

    def _scalar(self, event: yaml.ScalarEvent) -> Plain:
        """The value of a scalar by the core schema of YAML 1.2; quoted scalars are text."""
        text = str(event.value)
        if not event.implicit[0]:
            return self._text(event)
        if text in _WORDS:
            return _WORDS[text]
        if _TWO_MEANINGS.fullmatch(text):
            remedy = "Write it in decimal digits without leading zeros, or quote it if it is text."
            self._refuse(event, f"'{text[:40]}' is another number in YAML 1.1 than in YAML 1.2. {remedy}")
        if text in _NAN:
            self._refuse(event, f"A number must be given. '{text}' is none.")
        if _INTEGER.fullmatch(text):
            return self._integer(event)
        return self._float(event) if _FLOAT.fullmatch(text) else self._text(event)

    def _text(self, event: yaml.ScalarEvent) -> str:
        text = str(event.value)
        if len(text) > LONGEST:
            self._refuse(event, f"A text must have at most {LONGEST:,} characters. This one has {len(text):,}.")
        return text

    def _float(self, event: yaml.ScalarEvent) -> float:
        number = float(event.value)
        if math.isinf(number):
            self._refuse(event, f"A number must be at most 1.7e308; write '.inf' for infinite. Got {event.value[:40]}.")
        return number

    def _integer(self, event: yaml.ScalarEvent) -> int:
        text = event.value
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        number = int(text, base) if len(text) <= 70 else _WHOLE  # Python limits how long a text may be
        if not -_WHOLE <= number < _WHOLE:
            shown = text if len(text) <= 40 else f"{text[:37]}..."
            self._refuse(event, f"A whole number must lie between -2^63 and 2^63 - 1. Got {shown}.")
        return number

    def _refuse(self, event: Any, sentence: str) -> NoReturn:
        _refuse(self.path, _line(event), sentence)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Writer(yaml.SafeDumper):
    """Writes YAML without aliases, and quotes text that YAML 1.1 or 1.2 would read as another value."""

    def ignore_aliases(self, data: Any) -> bool:
        """Aliases are never written, since `read_document` refuses them."""
        del data
        return True


for _pattern in (_INTEGER, _FLOAT, _TWO_MEANINGS):
    # Of the writer alone, so that the resolvers of other users of PyYAML stay as they are.
    _Writer.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"^(?:{_pattern.pattern})$"), None)
