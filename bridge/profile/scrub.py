"""Tokens inside one text: parameters are taken out, anything else gives way to a mark.

Owns how a text looks afterwards. Knows neither where the text stands nor what it is called.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from bridge.profile.finding import Find, Why, merged, named
from bridge.profile.known import Known
from bridge.profile.names import names_token
from bridge.profile.shapes import mentions, tokens
from bridge.profile.views import views
from bridge.secret import Secret

MARK: Final = "[removed]"
"""Stands where a token stood in a longer text; no rule takes it for a token."""

_PARAMETER: Final = re.compile(
    r"(?P<separator>^|&amp;|\\u0026|[?&#;])"
    r"(?P<name>(?:(?!\\u0026)[^\s=&?#;\"'<>]){1,200})="
    # Equals signs alone are the padding of base64.
    r"(?!=*(?:[\s&#;\"'<>]|$))"
    # A backslash belongs to the value, unless it escapes the quote or the `&` that ends it.
    r"(?P<value>(?:[^\s&#;\"'<>\\]|\\(?!\\{0,8}[\"']|u0026))*)"
)
_NEXT: Final = ("&amp;", "\\u0026", "&", ";")
_REST: Final = re.compile(r"(?:\[removed\]|bearer|dpop|oauth|[^\w\[\]])*", re.IGNORECASE)
_PLAIN: Final = re.compile(
    r"\s*(?:[+-]?[0-9]{1,15}(?:\.[0-9]*)?|true|false|null|none)?\s*", re.IGNORECASE
)
_LAYERS: Final = 4  # of parameters inside parameters; deeper ones are searched, not taken apart


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A text without its tokens.

    Attributes:
        text: what is left; None if nothing but the token was there.
        finds: what was removed; empty if the text is as it was.
    """

    text: str | None
    finds: tuple[Find, ...]


def plain(text: str) -> bool:
    """Tell whether a text is a number or a word of JSON: no token, whatever it is called."""
    return bool(_PLAIN.fullmatch(text))


class Scrubber:
    """Removes tokens from texts, the known ones and those that look like one."""

    __slots__ = ("_known",)

    def __init__(self, known: Collection[Secret | str]) -> None:
        self._known = Known(known)

    def scrub(self, text: str) -> Scrubbed:
        """Return the text without tokens."""
        return self._scrub(text, _LAYERS)

    def tokens(self, text: str) -> list[Find]:
        """Return the known tokens, and what has the shape of one, under any escapes."""
        return self._search(text, prose=False)

    def _scrub(self, text: str, layers: int) -> Scrubbed:
        taken: list[Find] = []
        left = self._without_parameters(text, taken, layers) if layers and "=" in text else text
        marked = self._search(left, prose=True)
        for find in reversed(marked):
            left = left[: find.start] + MARK + left[find.end :]
        finds = (*taken, *marked)
        return Scrubbed(None if finds and _REST.fullmatch(left) else left, finds)

    def _search(self, text: str, *, prose: bool) -> list[Find]:
        finds: list[Find] = []
        for view in views(text):
            found = [*self._known.finds(view.text), *tokens(view.text)]
            if prose:
                found.extend(mentions(view.text))
            finds.extend(
                Find(view.starts[each.start], view.starts[each.end], each.why, each.fingerprint)
                for each in merged(found)
            )
        return merged(finds)

    def _without_parameters(self, text: str, taken: list[Find], layers: int) -> str:
        """Return the text without its dirty parameters; what is removed is added to `taken`."""
        parts: list[str] = []
        at = 0
        first: str | None = None  # what began a list whose first parameter was removed
        for match in _PARAMETER.finditer(text):
            find = self._dirty(match, layers)
            if find is None:
                continue
            between = _rejoined(text[at : match.start()], first)
            adjoins = match.start() == at and match["separator"] in _NEXT
            if not adjoins:
                first = None if match["separator"] in _NEXT else match["separator"]
            parts.append(between)
            taken.append(find)
            at = match.end()
        parts.append(_rejoined(text[at:], first))
        return "".join(parts)

    def _dirty(self, match: re.Match[str], layers: int) -> Find | None:
        name, value = unquote_plus(match["name"]), unquote_plus(match["value"])
        if names_token(name) and not plain(value):
            return Find(*match.span(), Why.NAME, named(value))
        finds = self._scrub(value, layers - 1).finds or self.tokens(name)
        if not finds:
            return None
        return Find(*match.span(), finds[0].why, finds[0].fingerprint)


def _rejoined(rest: str, first: str | None) -> str:
    """Return what follows a removed parameter, begun as the removed one was."""
    joint = next((each for each in _NEXT if rest.startswith(each)), None)
    return rest if first is None or joint is None else first + rest.removeprefix(joint)
