"""The page's one script, with Vega inside, and data that a page can hold safely."""

import gzip
import json
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import vl_convert
from markupsafe import Markup

from amulet.core.text import visible_within

_ESCAPES: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


@dataclass(frozen=True)
class Script:
    """Text for a script element, and the source expression that lets a content security policy run only that."""

    text: Markup
    allowed: str


@cache
def page_script() -> Script:
    """`templates/page.js` with the Vega that is installed; the same for all pages, and seconds in the making."""
    own = files("amulet.report.pages").joinpath("templates/page.js").read_text(encoding="utf-8")
    text = vl_convert.javascript_bundle(own)
    return Script(Markup(text), f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'")  # noqa: S704 - ours


def embedded(data: Any) -> Markup:
    """JSON for a script element: no text in it can end the element, and control characters are shown as escapes."""
    text = json.dumps(visible_within(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))  # noqa: S704 - escaped above


def packed(text: str) -> Markup:
    """Text compressed by gzip, in base64, for pages that would be too large; the script unpacks what it reads."""
    return Markup(b64encode(gzip.compress(text.encode(), mtime=0)).decode())  # noqa: S704 - letters, digits, +, / and =
