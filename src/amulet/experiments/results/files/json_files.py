"""Reads JSON files that Amulet wrote: limits their size and nesting, and checks them against a pydantic model."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from amulet.core.errors import AmuletError
from amulet.core.storage.files import StrPath, read_regular
from amulet.core.text import visible

LARGEST: Final = 1_000_000_000
"""The most bytes of a JSON file; an assessment with 36,600 values and curves has 36 million."""
DEEPEST: Final = 100
"""The most levels of nesting; specifications of experiments have about twenty."""
LARGEST_NUMBER: Final = 2**63
"""A bound on the size of all numbers in a file; results are smaller."""

_M = TypeVar("_M", bound="Written")


class Written(BaseModel):
    """Base class of models of file formats. They convert no types, accept no unknown names and cannot be changed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=True)


def read_text(place: StrPath, remedy: str) -> str:
    """The text of a file that Amulet wrote, of at most `LARGEST` bytes.

    Args:
        place: the file.
        remedy: the sentence that says how to get such a file.

    Raises:
        AmuletError: the file is missing, is too large or is not UTF-8.
        OSError: the file cannot be read.
    """
    path = Path(place)
    try:
        content = read_regular(path, LARGEST + 1)
    except FileNotFoundError:
        raise AmuletError(f"There is no {path.name} in {path.parent}. {remedy}") from None
    if len(content) > LARGEST:
        raise AmuletError(f"{path} must have at most {LARGEST:,} bytes. It has more.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise AmuletError(f"The {path.name} in {path.parent} is not text in UTF-8. {remedy}") from None


def parse_json(text: str, what: str) -> dict[str, Any]:
    """The JSON object that a text holds.

    Raises:
        AmuletError: the text is no JSON object, or has a repeated key, NaN, or more than `DEEPEST` levels of nesting.
    """
    try:
        body = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_infinite)
        problem = None if isinstance(body, dict) else "it must be one JSON object"
        problem = problem or ("it is nested too deeply" if _depth(body) > DEEPEST else None)
    except RecursionError:
        problem = "it is nested too deeply"
    except ValueError as error:
        problem = _brief(str(error), 200)
    if problem:
        raise AmuletError(f"This is not {what}: {problem}.")
    return dict(body)


def checked(model: type[_M], body: Mapping[str, Any], what: str) -> _M:
    """The JSON object as an instance of the model of its format.

    Raises:
        AmuletError: it does not fit; the sentence names the first place that is wrong and counts the others.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        more = f" ({len(details) - 1} more places are wrong)" if len(details) > 1 else ""
        raise AmuletError(f"This is not {what}: {_sentence(details[0])}{more}.") from None
    except RecursionError:
        raise AmuletError(f"This is not {what}: it is nested too deeply.") from None


def check_format(body: dict[str, Any], known: tuple[str | None, int], command: str, what: str) -> None:
    """Refuse an object that states another kind, or another version of the format.

    Args:
        body: the object.
        known: the kind, None for an assessment, and the version that are read.
        command: makes such a file.
        what: the file is to be, for the message.

    Raises:
        AmuletError: it is another one.
    """
    kind, version = body.get("kind"), body.get("format")
    if kind != known[0] or version is None:
        raise AmuletError(f"This is not {what}: it states another kind or no format.")
    if version != known[1] or isinstance(version, bool | float):
        raise AmuletError(
            f"These results were written by another version of Amulet, in format {str(version)[:20]!r}; this one reads "
            f"format {known[1]}. Run `amulet {command}` again."
        )


def _sentence(detail: Mapping[str, Any]) -> str:
    place = _brief(".".join(str(key) for key in detail["loc"]), 100) or "the file"
    if detail["type"] == "value_error":
        return _brief(f"{place}: {str(detail['msg']).removeprefix('Value error, ')}", 250)
    if detail["type"] == "missing":
        return f"'{place}' is missing"
    if detail["type"] == "extra_forbidden":
        return f"'{place}' is not known"
    allowed = _brief(str(detail["msg"]).removeprefix("Input should be "), 120)
    return f"'{place}' must be {allowed}, not {_brief(repr(detail['input']), 80)}"


def _brief(text: str, most: int) -> str:
    return visible(text if len(text) <= most else f"{text[: most - 3]}...").replace("\n", " ").replace("\t", " ")


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key '{twice}' stands twice in one object")
    return found


def _infinite(name: str) -> float:
    """Accept infinity, which occurs in settings and in ranges of metrics, but not NaN, which Amulet never writes."""
    if name == "NaN":
        raise ValueError("it holds NaN, which is no number")
    return math.inf if name == "Infinity" else -math.inf


def _depth(body: Any) -> int:
    """The levels of nesting of lists and objects, counted without recursion."""
    deepest, waiting = 0, [(body, 1)]
    while waiting:
        value, level = waiting.pop()
        if isinstance(value, dict | list):
            deepest = max(deepest, level)
            if level > DEEPEST:
                break
            waiting.extend((item, level + 1) for item in (value.values() if isinstance(value, dict) else value))
    return deepest
