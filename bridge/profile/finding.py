"""What counts as found: why a text is a token, where it stands, and how several finds are one.

Owns the vocabulary that the rules share. Knows no rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from bridge.secret import fingerprint

# A lower-case letter or digit beside another class of character; `Ab` is left out, because words
# begin so. Random base64url has one at nearly every second place, prose and slugs have none.
_SWITCH: Final = re.compile(r"(?=[a-z][A-Z0-9]|[A-Z][0-9]|[0-9][A-Za-z])")
_ENOUGH_SWITCHES: Final = 4

_TOKEN68: Final = re.compile(r"[A-Za-z0-9\-._~+/|%]{16,}=*")
_NAMEABLE: Final = 20


class Why(Enum):
    """Why something was removed."""

    NAME = "its name says that it is a token"
    KNOWN = "it holds a token that was captured"
    GOOGLE = "it has the shape of a Google token, code or client secret"
    JWT = "it has the shape of a JWT"
    AUTHORIZATION = "it follows an authorization scheme"


@dataclass(frozen=True, slots=True)
class Find:
    """A token inside a text.

    Attributes:
        start: index of its first character.
        end: index after its last one.
        why: which rule found it.
        fingerprint: the token's public name, None where it could be turned back.
    """

    start: int
    end: int
    why: Why
    fingerprint: str | None = None


def scrambled(text: str) -> bool:
    """Tell whether the characters follow each other as in random base64url or hex."""
    return sum(1 for _ in _SWITCH.finditer(text)) >= _ENOUGH_SWITCHES


def opaque(text: str) -> bool:
    """Tell whether a text can be a token of any issuer: long, one word, and not a mere word."""
    return bool(_TOKEN68.fullmatch(text)) and (
        any(char.isdigit() for char in text) or scrambled(text)
    )


def named(token: str) -> str | None:
    """Return the token's fingerprint, or None if so short or plain a text could be guessed."""
    guessable = len(token) < _NAMEABLE or not token.isascii() or not scrambled(token)
    return None if guessable else fingerprint(token)


def merged(finds: Iterable[Find]) -> list[Find]:
    """Return the finds in order, those that overlap or touch as one; the first one's why stays."""
    whole: list[Find] = []
    for find in sorted(finds, key=lambda each: (each.start, -each.end)):
        if whole and find.start <= whole[-1].end:
            last = whole[-1]
            whole[-1] = replace(
                last,
                end=max(last.end, find.end),
                fingerprint=last.fingerprint or find.fingerprint,
            )
        else:
            whole.append(find)
    return whole
