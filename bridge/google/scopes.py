"""Google's scopes: one spelling for each, and which of them open which API method.

Owns the comparison of scope sets and the reading of the generated map (`scope_map.json`, written
by `tools/scope_map.py`). Knows nothing of grants, callers or HTTP: it is told what was granted.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from bridge.errors import invalid

_PREFIX: Final = "https://www.googleapis.com/auth/"

# Google grants these two under their long names, whichever was asked for.
_ALIASES: Final[Mapping[str, str]] = {
    "email": _PREFIX + "userinfo.email",
    "profile": _PREFIX + "userinfo.profile",
}

SIGN_IN: Final = frozenset({"openid", *_ALIASES.values()})
"""What a plain sign-in grants; a wider answer by these alone is not wider."""

# A scope-token of RFC 6749 section 3.3: visible ASCII without the quote and the backslash.
_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")

# Scopes under which a method works and yet shows only a part: files opened with this app, calendars
# the user owns, headers without bodies. The map cannot say so; see docs/scopes.md.
NARROWING: Final = SIGN_IN | {
    _PREFIX + name
    for name in (
        "calendar.app.created",
        "calendar.events.freebusy",
        "calendar.events.owned",
        "calendar.events.owned.readonly",
        "calendar.events.public.readonly",
        "contacts.other.readonly",
        "directory.readonly",
        "drive.appdata",
        "drive.file",
        "drive.meet.readonly",
        "drive.photos.readonly",
        "drive.scripts",
        "gmail.addons.current.action.compose",
        "gmail.addons.current.message.action",
        "gmail.addons.current.message.metadata",
        "gmail.addons.current.message.readonly",
        "gmail.metadata",
        "user.addresses.read",
        "user.birthday.read",
        "user.emails.read",
        "user.gender.read",
        "user.organization.read",
        "user.phonenumbers.read",
    )
}
"""Scopes asked for only where no other opens the action."""


# Comparing is quadratic in the length, and no action's id is half as long.
_LONGEST_GUESS: Final = 160


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`scope_map.json` as it is written: actions refer to scopes by their place in the table."""

    apis: dict[str, str]
    scopes: tuple[str, ...]
    actions: dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _ScopeMap:
    """The map as it is asked.

    Attributes:
        actions: an action's id to the scopes of which any one opens it.
        breadth: how many actions a scope opens.
    """

    actions: Mapping[str, frozenset[str]]
    breadth: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a set of granted scopes lacks for a list of actions.

    Attributes:
        missing: the actions that no granted scope opens, each once, in the order given.
        ask: the scopes to ask for, which open what is missing as far as the caller may have it.
        refused: those of `missing` that no scope opens which the caller may have; no consent mends
            them.
    """

    missing: tuple[str, ...]
    ask: frozenset[str]
    refused: tuple[str, ...]

    @property
    def satisfied(self) -> bool:
        """Whether every action is open."""
        return not self.missing


def normalise(scopes: Iterable[str], *, field: str | None = "scopes") -> frozenset[str]:
    """Return the scopes as a set in the spelling that Google answers with.

    Args:
        scopes: scopes in any order, short names allowed.
        field: where they came from, for the error; None for an answer of Google's.

    Raises:
        BridgeError: `invalid_request`, if one is no scope-token (RFC 6749 section 3.3).
    """
    return _normalised(tuple(scopes), field)


# The same few lists of scopes come again and again; a malformed one is not remembered.
@lru_cache(maxsize=256)
def _normalised(scopes: tuple[str, ...], field: str | None) -> frozenset[str]:
    return frozenset(_spelled(scope, _at(field, index)) for index, scope in enumerate(scopes))


@lru_cache(maxsize=256)
def in_order(scopes: frozenset[str]) -> tuple[str, ...]:
    """Return a set of scopes as records keep it."""
    return tuple(sorted(scopes))


def parse(text: str, *, field: str | None = "scope") -> frozenset[str]:
    """Return the normalised scopes of a space separated string (RFC 6749 section 3.3).

    Empty text is the empty set, and doubled spaces are forgiven.

    Raises:
        BridgeError: `invalid_request`, if one is no scope-token; tabs and line ends are none.
    """
    return frozenset(_spelled(scope, field) for scope in text.split(" ") if scope)


def scopes_for(action: str, *, field: str | None = "actions") -> frozenset[str]:
    """Return the scopes of which any single one opens `action`, such as `calendar.events.list`.

    Raises:
        BridgeError: `invalid_request` with the nearest known action, if it is not in the map.
    """
    known = _scope_map().actions
    try:
        return known[action]
    except KeyError:
        near = difflib.get_close_matches(action[:_LONGEST_GUESS], known, n=1)
        hint = f"the nearest is {near[0]}" if near else "name its scopes instead"
        raise invalid(f"The action is not known; {hint}.", field=field) from None


def covering(
    actions: Sequence[str],
    granted: Iterable[str],
    *,
    allowed: Iterable[str] | None = None,
    field: str | None = "actions",
) -> Coverage:
    """Tell whether `granted` opens all `actions`, and what to ask for where it does not.

    What to ask for is chosen one scope at a time, until nothing is missing: first a scope that
    does not narrow results, then the one that opens most of what is missing, then the one that
    opens fewest actions altogether (the least power), then the first by name.

    Args:
        actions: ids such as `gmail.users.messages.list`.
        granted: what the grant holds, in any spelling.
        allowed: what the caller may have at all, None for everything; a scope beyond it neither
            satisfies nor is asked for, else a user would consent to what is then withheld.
        field: where the actions came from, for the error.

    Raises:
        BridgeError: `invalid_request`, if an action is unknown or a scope malformed.
    """
    needs = {name: scopes_for(name, field=_at(field, i)) for i, name in enumerate(actions)}
    if allowed is not None:
        limit = normalise(allowed, field=None)
        needs = {name: any_of & limit for name, any_of in needs.items()}
    held = normalise(granted, field=None)
    missing = {name: any_of for name, any_of in needs.items() if not any_of & held}
    return Coverage(
        missing=tuple(missing),
        ask=_least([any_of for any_of in missing.values() if any_of]),
        refused=tuple(name for name, any_of in missing.items() if not any_of),
    )


def _least(missing: Sequence[frozenset[str]]) -> frozenset[str]:
    breadth = _scope_map().breadth
    chosen: set[str] = set()
    while missing:
        opens = Counter(scope for any_of in missing for scope in any_of)
        ranks = {
            scope: (scope in NARROWING, -count, breadth[scope], scope)
            for scope, count in opens.items()
        }
        best = min(ranks, key=ranks.__getitem__)
        chosen.add(best)
        missing = [any_of for any_of in missing if best not in any_of]
    return frozenset(chosen)


@cache
def _scope_map() -> _ScopeMap:
    raw = files("bridge.google").joinpath("scope_map.json").read_bytes()
    table = msgspec.json.decode(raw, type=_File)
    actions = {
        name: frozenset(table.scopes[index] for index in indices)
        for name, indices in table.actions.items()
    }
    breadth = Counter(scope for any_of in actions.values() for scope in any_of)
    return _ScopeMap(actions=actions, breadth=breadth)


def _spelled(scope: str, field: str | None) -> str:
    if not _SCOPE_TOKEN.fullmatch(scope):
        raise invalid("A scope is empty or holds a character that no scope can hold.", field=field)
    return _ALIASES.get(scope, scope)


def _at(field: str | None, index: int) -> str | None:
    return None if field is None else f"{field}[{index}]"
