"""What may come in over the wire, and what is said of what may not.

Owns the texts that every request shares, the reading of JSON, and turning a decoder's complaint
into an error that names the field. An answer never repeats what the sender wrote: it could be a
token in the wrong place.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from bridge.errors import BridgeError, invalid

# Google's refresh and access tokens and client secrets. Whoever puts one into a name by mistake
# would find it in logs and listings; refused, it is nowhere.
_TOKEN: Final = r"(?:1//|ya29\.|GOCSPX-)[A-Za-z0-9_-]{8}"  # noqa: S105 - a pattern
# `$` alone would let a line break through at the end; this form is the same in every dialect.
_END: Final = r"$(?!\n)"


def _without_tokens(others: str) -> str:
    """Return the pattern of texts of these characters, and of those that can begin a token.

    Only where one of those stands is a token looked for: a negative look-ahead over the whole text
    takes twice as long, and every request has three such texts.
    """
    return f"^{others}*(?:(?!{_TOKEN})[1yG]{others}*)*{_END}"


NAME: Final = _without_tokens(r"[^\x00-\x1f\x7f1yG]")
VISIBLE: Final = _without_tokens("[!-02-FH-xz-~]")

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=NAME)]
"""A name of somebody else's making, such as an IdP's user id."""

Word = Annotated[str, Meta(min_length=1, max_length=255, pattern=VISIBLE)]
"""A name of visible ASCII, such as a scope, a client id or an account's `sub`."""

Label = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=_without_tokens("[ -02-FH-xz-~]"))
]
"""A caller's own label for the log."""

T = TypeVar("T")

_PATH: Final = re.compile(r" - at `\$?\.?(?P<path>[^`]*)`$")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>[^`]*)`")
_EXPECTED: Final = re.compile(
    r"Expected `[^`']*`(?:, got `[^`']*`| of length [<>=]+ \d+| [<>=]+ -?[\d.]+)?"
)
_PATTERN: Final = "Expected `str` matching regex "
# A word, or too short to be of use: a token may stand where a name should.
_TELLABLE: Final = re.compile(r"[A-Za-z_]{1,32}|[A-Za-z0-9_.-]{1,11}")


def read_json(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """Return a body as a value of its type.

    Raises:
        BridgeError: `invalid_request`, with the field at fault where there is one.
    """
    try:
        value = decoder.decode(raw)
        repeated = _repeated(raw)
    except msgspec.ValidationError as error:
        raise from_validation(error) from None
    except RecursionError:
        raise invalid("The body is nested too deep.") from None
    except (msgspec.DecodeError, ValueError):
        raise invalid("The body is not JSON in UTF-8.") from None
    if repeated is not None:
        # RFC 8259 section 4: readers differ in which of the two they take, so that a proxy could
        # check the one and we would act on the other.
        raise invalid("A field is given twice.", field=_told("", repeated))
    return value


def from_validation(error: msgspec.ValidationError) -> BridgeError:
    """Return `invalid_request` for what msgspec found."""
    text = str(error)
    path = found["path"] if (found := _PATH.search(text)) else ""
    problem = _PATH.sub("", text)
    if unknown := _UNKNOWN.fullmatch(problem):
        return invalid("This field is not known here.", field=_told(path, unknown["field"]))
    if missing := _MISSING.fullmatch(problem):
        return invalid("This field is missing.", field=_joined(path, missing["field"]))
    return invalid(_what(problem), field=path or None)


def _what(problem: str) -> str:
    if problem.startswith(_PATTERN):
        return "This text is not of the form that this field takes; a token never is."
    # Only what the decoder says of types and bounds; the rest quotes the value.
    if _EXPECTED.fullmatch(problem):
        return f"{problem}."
    return "This value is not one that this field takes."


def _told(path: str, field: str) -> str | None:
    """Return the path of a field of the sender's own naming, or of where it stands."""
    return _joined(path, field) if _TELLABLE.fullmatch(field) else (path or None)


def _joined(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field


def _repeated(raw: bytes) -> str | None:
    """Return a name that an object of this JSON holds twice, or None."""
    # Without a backslash every other piece between quotes is a text, a name or a value. The costly
    # look is only for whoever escapes, or says the same thing twice.
    texts = raw.split(b'"')[1::2]
    if b"\\" not in raw and len(set(texts)) == len(texts):
        return None
    found: list[str] = []

    def look(pairs: Sequence[tuple[str, Any]]) -> None:
        counts = Counter(name for name, _ in pairs)
        found.extend(name for name, count in counts.items() if count > 1)

    # Numbers are passed over: Python would refuse one of 5,000 digits.
    json.loads(raw, object_pairs_hook=look, parse_int=len, parse_float=len)
    return next(iter(found), None)
