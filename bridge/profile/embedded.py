"""JSON inside a string: read without losing anything, written again after something was removed.

Owns the two values that Python's own types would spoil: a number keeps its digits, and an object
keeps members of the same name, where a parser's choice of one would hide the other's token.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from bridge.errors import invalid

_OPENERS: Final = ("{", "[", '"')


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class Members:
    """An object as it was written: names may repeat."""

    pairs: tuple[tuple[str, object], ...]


def read(text: str, *, field: str) -> object | None:
    """Return the object, array or string that the text is, or None if it is none of them.

    Raises:
        BridgeError: `invalid_request`, if it is nested so deep that the parser gives up.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith(_OPENERS):
        return None
    try:
        value: object = json.loads(
            text.lstrip("\ufeff"),
            object_pairs_hook=lambda pairs: Members(tuple(pairs)),
            parse_int=Numeral,
            parse_float=Numeral,
            parse_constant=Numeral,
        )
    except ValueError:
        return None
    except RecursionError:
        raise invalid("The profile is nested too deep.", field=field) from None
    return value


def write(value: object) -> str:
    """Return a value that `read` gave as compact JSON in ASCII, which any reader takes."""
    if isinstance(value, Members):
        inner = ",".join(f"{json.dumps(name)}:{write(child)}" for name, child in value.pairs)
        return "{" + inner + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(child) for child in value) + "]"
    return value.text if isinstance(value, Numeral) else json.dumps(value)
