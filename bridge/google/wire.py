"""The JSON that Google sends, read into types; tokens go straight into `Secret`.

Whatever is not of these types is `None` to its reader: a login page of a captive portal, half a
document, a list. Unknown fields are allowed, because Google adds some. Decides nothing.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec

from bridge.secret import Secret

_T = TypeVar("_T")

# Google documents 512 for RTs and 2048 for access tokens; ID tokens grow with the profile. Only
# visible ASCII: backends put these into headers, where a line break would start another header.
_TOKEN: Final = re.compile(r"[!-~]{1,8192}")
# 12 hours is the longest that Google issues anywhere; beyond a day it is a mistake.
LONGEST_EXPIRES_IN: Final = 86_400


class TokenBody(msgspec.Struct, frozen=True):
    """A successful answer of the token endpoint (RFC 6749 section 5.1)."""

    access_token: Secret
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - a scheme, not a password
    scope: str | None = None
    id_token: Secret | None = None
    refresh_token: Secret | None = None
    # Advisory, hence never a reason to refuse the tokens beside it.
    refresh_token_expires_in: Any = None

    @property
    def sound(self) -> bool:
        """Whether the tokens can be used as they are."""
        return (
            bool(self.access_token)
            and 0 < self.expires_in <= LONGEST_EXPIRES_IN
            and self.token_type.lower() == "bearer"
        )

    @property
    def refresh_lifetime(self) -> int | None:
        """`refresh_token_expires_in` where it is a positive whole number."""
        seconds = self.refresh_token_expires_in
        return seconds if type(seconds) is int and seconds > 0 else None


class ErrorBody(msgspec.Struct, frozen=True):
    """A refusal (RFC 6749 section 5.2), with Google's subtype."""

    error: str
    error_subtype: Any = None
    error_description: Any = None


class TokenInfoBody(msgspec.Struct, frozen=True):
    """An answer of tokeninfo, which writes its numbers as strings."""

    aud: str
    exp: int
    scope: str = ""
    sub: str | None = None


def decode(body: bytes, shape: type[_T], *, numbers_as_text: bool = False) -> _T | None:
    """Read `body` as JSON of `shape`; None if it is anything else."""
    try:
        return msgspec.json.decode(body, type=shape, dec_hook=_secret, strict=not numbers_as_text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _secret(kind: type[Any], value: object) -> Secret:
    """Wrap a token. An empty one is told from a missing one by its reader."""
    if kind is not Secret or not isinstance(value, str):
        raise TypeError("a token is a string")
    if value and not _TOKEN.fullmatch(value):
        raise ValueError("a token is visible ASCII of a sane length")
    return Secret(value)


def prepare(shape: type[Any]) -> None:
    """Build now what msgspec must know of a type.

    Done at the first use, by two threads at once, it crashes the process (msgspec 0.22).
    """
    msgspec.json.Decoder(shape, dec_hook=_secret)


for _shape in (TokenBody, ErrorBody, TokenInfoBody):
    prepare(_shape)
