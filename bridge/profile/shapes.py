"""Which texts are tokens by their shape, whatever they are called.

Owns the shapes of Google's tokens, of JWTs and of what follows an authorization scheme. Google
calls its tokens opaque and may change them; the shapes are a net under the names, not a parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bridge.profile.finding import Find, Why, named, opaque, scrambled
from bridge.profile.names import names_token

_REFRESH: Final = re.compile(r"1//[A-Za-z0-9_-]{10,}")
# Refresh tokens before 2020 (`1/`) and authorization codes (`4/`). Not a date, not a path: nothing
# may be joined to it at either end.
_OLD_OR_CODE: Final = re.compile(r"[14]/[A-Za-z0-9_-]{20,}+(?![/A-Za-z0-9_-])")
# A service account's access token is padded with dots; a full stop after a token is not part of it.
_ACCESS: Final = re.compile(r"ya29\.(?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9_.-])|(?<=\.)\.){8,}")
_CLIENT_SECRET: Final = re.compile(r"GOCSPX-[A-Za-z0-9_-]{20,}")
# A JWT's header begins with a brace and a quote, perhaps spaced.
_DOTTED: Final = re.compile(r"[\w.-]{12,}", re.ASCII)
_JOSE_HEADER: Final = re.compile(r"(?:eyJ|eyAi|ewogI|ewoJI)[\w-]{8}", re.ASCII)
_JWS_PARTS: Final = 3
_JWE_PARTS: Final = 5

_SCHEME: Final = re.compile(
    r"\b(?:bearer|dpop)[\s:]+([A-Za-z0-9\-._~+/]{8,}=*)", re.IGNORECASE | re.ASCII
)
_HEADER: Final = re.compile(
    r"authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|dpop|oauth|token)\s+([^\s\"',;\[\]]+)",
    re.IGNORECASE,
)
_SCHEME_ALONE: Final = re.compile(r"\s*(?:bearer|dpop|oauth)\s+([^\s\[\]]{8,})\s*", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(
    r"\s*(?:bearer|basic|digest|dpop|oauth|token)\s+\S.*", re.IGNORECASE | re.DOTALL
)
_ASSIGNED: Final = re.compile(
    r"(?<![\w.-])([A-Za-z][\w.-]{0,80})[\"']?\s{0,8}(?:=>?|:)\s{0,8}[\"']?([\w\-.~+/%|]{16,}=*)",
    re.ASCII,
)

_LONGEST_WORD: Final = 24
_NO_WORD: Final = re.compile(r"[0-9]|[a-z][A-Z]")
_EDGES: Final = frozenset("\"'`=:,;()[]{}<>|&")


def tokens(text: str) -> Iterator[Find]:
    """Yield what has the shape of a token of Google's or of a JWT."""
    for match in _REFRESH.finditer(text):
        if _stands_apart(text, match.start()) or scrambled(match[0]):
            yield _find(match, Why.GOOGLE)
    for match in _OLD_OR_CODE.finditer(text):
        mixed = not (match[0].islower() or match[0].isupper()) and scrambled(match[0])
        if mixed and _stands_apart(text, match.start()):
            yield _find(match, Why.GOOGLE)
    for pattern in (_ACCESS, _CLIENT_SECRET):
        yield from (_find(match, Why.GOOGLE) for match in pattern.finditer(text))
    yield from _jwts(text)


def mentions(text: str) -> Iterator[Find]:
    """Yield what prose, logs and headers give away: `Bearer …`, `refresh_token: …`.

    Only one long word that no sentence holds counts, so that a text *about* tokens stays.
    """
    for match in _SCHEME.finditer(text):
        if opaque(match[1]):
            yield _find(match, Why.AUTHORIZATION, 1)
    alone = _SCHEME_ALONE.fullmatch(text)
    for match in (*_HEADER.finditer(text), *([alone] if alone else [])):
        if _no_word(match[1]):
            yield _find(match, Why.AUTHORIZATION, 1)
    for match in _ASSIGNED.finditer(text):
        if opaque(match[2]) and names_token(match[1]):
            yield _find(match, Why.NAME, 2)


def credentials(name: str, text: str) -> bool:
    """Tell whether this is an Authorization header's value under a name that says so."""
    return name.lower().endswith("authorization") and bool(_CREDENTIALS.fullmatch(text))


def _no_word(text: str) -> bool:
    return len(text) >= _LONGEST_WORD or bool(_NO_WORD.search(text))


def _jwts(text: str) -> Iterator[Find]:
    # Part by part, since one pattern for the whole would read on to the end from every `eyJ`.
    for run in _DOTTED.finditer(text):
        parts = run[0].split(".")
        at = run.start()
        for index, part in enumerate(parts[: 1 - _JWS_PARTS]):
            header = _JOSE_HEADER.search(part)
            if header:
                whole = ".".join(parts[index : index + _JWE_PARTS])[header.start() :]
                start = at + header.start()
                yield Find(start, start + len(whole), Why.JWT, named(whole))
            at += len(part) + 1


def _find(match: re.Match[str], why: Why, group: int = 0) -> Find:
    return Find(match.start(group), match.end(group), why, named(match[group]))


def _stands_apart(text: str, start: int) -> bool:
    return start == 0 or text[start - 1].isspace() or text[start - 1] in _EDGES
