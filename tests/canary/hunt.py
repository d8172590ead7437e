"""The search: every 12-character window of a secret, in every form that it could leak in."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from urllib.parse import quote

WINDOW = 12
# What 12 bytes surely fill, wherever they begin: of 16 or 17 characters the outer may be shared
# with their neighbours.
_BASE64_WINDOW = 15
_HEX_WINDOW = 2 * WINDOW


class Hunt:
    """Looks for windows of some secrets, raw, URL-encoded, in hex, and in base64 at any offset."""

    def __init__(self, secrets: Iterable[str]) -> None:
        every = [secret for secret in secrets if secret]
        assert every
        self._plain = set(_windows((f for s in every for f in (s, *_quoted(s))), WINDOW))
        self._hex = set(_windows((s.encode().hex() for s in every), _HEX_WINDOW))
        self._base64 = set(_windows((f for s in every for f in _encoded(s)), _BASE64_WINDOW))

    def found(self, text: str | bytes) -> list[str]:
        """Return the windows that a text holds."""
        haystack = text.decode("latin-1") if isinstance(text, bytes) else text
        return [
            *_hits(haystack, self._plain, WINDOW),
            *_hits(haystack.lower(), self._hex, _HEX_WINDOW),
            *_hits(haystack, self._base64, _BASE64_WINDOW),
        ]


def _windows(forms: Iterable[str], size: int) -> Iterator[str]:
    for form in forms:
        assert len(form) >= size
        yield from (form[start : start + size] for start in range(len(form) - size + 1))


def _hits(haystack: str, windows: set[str], size: int) -> list[str]:
    ends = range(size, len(haystack) + 1)
    return [haystack[end - size : end] for end in ends if haystack[end - size : end] in windows]


def _quoted(secret: str) -> Iterator[str]:
    yield quote(secret, safe="")
    yield "".join(f"%{byte:02x}" for byte in secret.encode())
    yield "".join(f"%{byte:02X}" for byte in secret.encode())


def _encoded(secret: str) -> Iterator[str]:
    for offset in range(3):
        # The first characters and the last are shared with what stands around the secret.
        whole = base64.b64encode(b"\0" * offset + secret.encode()).decode().rstrip("=")
        inner = whole[offset + 1 if offset else 0 : -1]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
