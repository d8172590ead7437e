"""Tokens that the caller knows, found in any of the ways they are commonly written.

Owns the forms of a known token: as it is, in base64 at each of the three offsets, in hex. Any run
of 12 of its characters counts, so a token that was cut off or glued to other text is found, too.
Percent-encoding and other escapes are undone before (see `views`).
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator
from typing import Final

from bridge.profile.finding import Find, Why, named
from bridge.secret import Secret

_RUN: Final = 12  # characters of the token
_LEAST: Final = 8  # shorter ones would be found in innocent text; they count as a whole text only
_BASE64_RUN: Final = 16  # characters that encode 12
_HEX_RUN: Final = 24


class Known:
    """The known tokens, ready to be looked for."""

    __slots__ = ("_runs", "_short")

    def __init__(self, tokens: Collection[Secret | str]) -> None:
        texts = [each.reveal() if isinstance(each, Secret) else each for each in tokens]
        self._short = frozenset(text for text in texts if 0 < len(text) < _LEAST)
        self._runs: dict[int, dict[str, str | None]] = {}
        for text in texts:
            if len(text) >= _LEAST:
                self._learn(text)

    def finds(self, text: str) -> Iterator[Find]:
        """Yield every run of a known token; runs overlap and are the caller's to merge."""
        if text in self._short:
            yield Find(0, len(text), Why.KNOWN)
        for size, runs in self._runs.items():
            for start in range(len(text) - size + 1):
                part = text[start : start + size]
                if part in runs:
                    yield Find(start, start + size, Why.KNOWN, runs[part])

    def _learn(self, token: str) -> None:
        name = named(token)
        self._learn_form(token, _RUN, name)
        octets = token.encode("utf-8", "surrogatepass")
        for form in (octets.hex(), octets.hex().upper()):
            self._learn_form(form, _HEX_RUN, name)
        for form in _base64_forms(octets):
            self._learn_form(form, _BASE64_RUN, name)

    def _learn_form(self, form: str, run: int, name: str | None) -> None:
        size = min(run, len(form))
        runs = self._runs.setdefault(size, {})
        runs.update((form[i : i + size], name) for i in range(len(form) - size + 1))


def _base64_forms(octets: bytes) -> Iterator[str]:
    """Yield the part of the token's base64 that does not depend on what stands around it."""
    for offset in range(3):
        length = (offset + len(octets)) // 3 * 3
        padded = (bytes(offset) + octets)[:length]
        core = slice((offset * 8 + 5) // 6, None)
        yield base64.b64encode(padded).decode()[core]
        yield base64.urlsafe_b64encode(padded).decode()[core]
