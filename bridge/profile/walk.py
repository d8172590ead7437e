"""The walk through a profile: which members stay, which go, and the list of what went.

Owns the rules by structure and the bounds of the walk. How one text is searched is `scrub`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, TypeAlias, cast

from bridge.errors import BridgeError, invalid
from bridge.profile import embedded
from bridge.profile.embedded import Members, Numeral
from bridge.profile.finding import Find, Why, named, opaque
from bridge.profile.names import names_its_text, names_token, tells_about
from bridge.profile.scrub import MARK, Scrubber, plain
from bridge.profile.shapes import credentials
from bridge.secret import Secret

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH: Final = 64
"""Levels of objects, arrays and JSON inside strings, together."""

MAX_SIZE: Final = 262_144
"""Characters of all names and texts, plus one for each value."""

_MAX_EMBEDDED: Final = 5  # strings of JSON inside strings of JSON
_MAX_PASSES: Final = 5

# A list of attributes or headers: {"name": "refresh_token", "value": "…"}.
_LABELS: Final = ("name", "key", "type", "attribute", "claim")
_LABELLED: Final = frozenset({"value", "values", "val", "content"})


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that was removed.

    Attributes:
        path: where it stood, as a JSON pointer (RFC 6901) that goes on into JSON inside strings; a
            name that is a token itself reads `[removed]`.
        why: which rule removed it.
        fingerprint: the token's public name; None where a guess could turn it back.
    """

    path: str
    why: Why
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Stripped:
    """A profile that a client may see.

    Attributes:
        profile: the profile without tokens; the same objects where nothing was removed.
        removed: what was removed, in the order of the profile.
    """

    profile: Json
    removed: tuple[Removal, ...]


def strip(
    profile: Json, *, known: Collection[Secret | str] = (), field: str = "profile"
) -> Stripped:
    """Return the profile without any token, and the list of what was removed.

    Stripping a stripped profile changes nothing.

    Args:
        profile: any JSON value; it is not changed itself.
        known: tokens that must not appear in any form, such as those just captured.
        field: what the sender calls the profile, for errors.

    Raises:
        BridgeError: `invalid_request`, if the profile is nested too deep, too large or no JSON.
    """
    scrubber = Scrubber(known)
    value: object = profile
    removed: list[Removal] = []
    # What is left may show what was hidden before, as when a removed part stood between two others.
    for _ in range(_MAX_PASSES):
        walk = _Walk(scrubber, field)
        value = walk.value(value, _Place())
        if value is _GONE:
            value = None
        if not walk.removed:
            return Stripped(profile=cast("Json", value), removed=tuple(removed))
        removed.extend(walk.removed)
    raise invalid("Tokens are hidden in the profile too many times over.", field=field)


class _Gone(Enum):
    GONE = "gone"


_GONE: Final = _Gone.GONE


class _Held(Enum):
    """What the names on the way to a value say of it."""

    NOTHING = 0
    AMONG_TOKENS = 1
    IS_TOKEN = 2


@dataclass(frozen=True, slots=True)
class _Place:
    path: tuple[str, ...] = ()
    embedded: int = 0
    held: _Held = _Held.NOTHING

    def below(self, segment: str, held: _Held) -> _Place:
        return replace(self, path=(*self.path, segment), held=held)


@dataclass(slots=True)
class _Walk:
    scrubber: Scrubber
    called: str
    removed: list[Removal] = field(default_factory=list)
    size: int = 0

    def value(self, value: object, place: _Place) -> object:
        self._spend(1, place)
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, dict):
            pairs = list(value.items())
            kept = self._pairs(pairs, place)
            return value if _same(pairs, kept) else dict(kept)
        if isinstance(value, Members):
            kept = self._pairs(value.pairs, place)
            return value if _same(value.pairs, kept) else Members(tuple(kept))
        if isinstance(value, list):
            return self._list(value, place)
        if value is None or isinstance(value, int | float | Numeral):
            return value
        raise invalid("The profile holds something that is not JSON.", field=self.called)

    def _pairs(
        self, pairs: Sequence[tuple[object, object]], place: _Place
    ) -> list[tuple[str, object]]:
        labelled = any(
            isinstance(key, str)
            and key.lower() in _LABELS
            and isinstance(child, str)
            and names_token(child)
            for key, child in pairs
        )
        kept: list[tuple[str, object]] = []
        for key, child in pairs:
            if not isinstance(key, str):
                raise invalid("The profile holds a name that is not a string.", field=self.called)
            self._spend(len(key), place)
            finds = self.scrubber.tokens(key)
            if finds:
                self._remove(finds, place.below(MARK, _Held.NOTHING))
                continue
            held = _held(key, child, place, labelled=labelled)
            after = self.value(child, place.below(key, held))
            if after is not _GONE:
                kept.append((key, after))
        return kept

    def _list(self, value: list[object], place: _Place) -> object:
        after = [
            self.value(child, place.below(str(index), place.held))
            for index, child in enumerate(value)
        ]
        if all(new is old for new, old in zip(after, value, strict=True)):
            return value
        return [child for child in after if child is not _GONE]

    def _text(self, text: str, place: _Place) -> object:
        self._spend(len(text), place)
        inner = embedded.read(text, field=self.called)
        if inner is not None:
            return self._embedded(text, inner, place)
        named_so = place.held is _Held.IS_TOKEN and not plain(text)
        if named_so or (place.held is _Held.AMONG_TOKENS and opaque(text)):
            return self._remove([Find(0, len(text), Why.NAME, named(text))], place)
        scrubbed = self.scrubber.scrub(text)
        if not scrubbed.finds:
            return text
        self._remove(scrubbed.finds, place)
        return _GONE if scrubbed.text is None else scrubbed.text

    def _embedded(self, text: str, inner: object, place: _Place) -> object:
        if place.embedded == _MAX_EMBEDDED:
            raise self._too_deep()
        after = self.value(inner, replace(place, embedded=place.embedded + 1))
        if after is _GONE:
            return _GONE
        written = text if after is inner else embedded.write(after)
        # Taken as JSON it is clean; taken as a mere text it must be, too.
        finds = self.scrubber.tokens(written)
        return self._remove(finds, place) if finds else written

    def _remove(self, finds: Iterable[Find], place: _Place) -> object:
        path = "".join("/" + each.replace("~", "~0").replace("/", "~1") for each in place.path)
        for find in finds:
            # A long path to many tokens would be a small profile with an enormous list.
            self._spend(len(path), place)
            self.removed.append(Removal(path, find.why, find.fingerprint))
        return _GONE

    def _spend(self, size: int, place: _Place) -> None:
        self.size += size
        if self.size > MAX_SIZE:
            raise invalid(f"The profile is larger than {MAX_SIZE} characters.", field=self.called)
        if len(place.path) + place.embedded > MAX_DEPTH:
            raise self._too_deep()

    def _too_deep(self) -> BridgeError:
        return invalid("The profile is nested too deep.", field=self.called)


def _held(key: str, child: object, place: _Place, *, labelled: bool) -> _Held:
    if names_token(key) or (labelled and key.lower() in _LABELLED):
        return _Held.IS_TOKEN
    if isinstance(child, str) and credentials(key, child):
        return _Held.IS_TOKEN
    if place.held is _Held.NOTHING or tells_about(key):
        return _Held.NOTHING
    return _Held.IS_TOKEN if names_its_text(key) else _Held.AMONG_TOKENS


def _same(before: Sequence[tuple[object, object]], after: Sequence[tuple[str, object]]) -> bool:
    return len(before) == len(after) and all(
        new[1] is old[1] for new, old in zip(after, before, strict=True)
    )
