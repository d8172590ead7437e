"""Google's scopes in plain words: one line a scope, gathered by the service that it opens.

Owns the words (`scope_texts.json`) and their order on a page. Knows nothing of who asks for a
scope or who holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Final

import msgspec

_OTHER: Final = "other"


class Service(msgspec.Struct, frozen=True):
    """A Google service, and what an app may do there.

    Attributes:
        key: names its icon; `other` for scopes that the bridge has no words for.
        name: as its users know it.
        lines: what may be done, each a sentence without its subject: "See your tasks".
    """

    key: str
    name: str
    lines: tuple[str, ...]


class _Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`scope_texts.json` as it is written: services in the order of a page."""

    services: Mapping[str, str]
    scopes: Mapping[str, tuple[str, str]]


_TEXTS: Final = msgspec.json.decode(
    files("bridge.web.pages").joinpath("scope_texts.json").read_bytes(), type=_Texts
)


def known() -> frozenset[str]:
    """Return the scopes that have a line of their own."""
    return frozenset(_TEXTS.scopes)


def in_words(scopes: Iterable[str]) -> tuple[Service, ...]:
    """Return what scopes allow, service by service; each line once.

    Args:
        scopes: normalised. One without words is shown as Google spells it: a guess would be worse.
    """
    lines: dict[str, list[str]] = {key: [] for key in (*_TEXTS.services, _OTHER)}
    for scope in sorted(scopes):
        key, line = _TEXTS.scopes.get(scope, (_OTHER, scope))
        if line not in lines[key]:
            lines[key].append(line)
    names = {**_TEXTS.services, _OTHER: "Another Google service"}
    return tuple(Service(key, names[key], tuple(its)) for key, its in lines.items() if its)
