"""Values that must not print, and the fingerprints that stand in for them.

Owns the one type that carries a token, a client secret or a key through the program, and the one
way to name a token in a log. Knows nothing of encryption.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, NoReturn

_HIDDEN: Final = "Secret(***)"


class Secret:
    """A text that shows itself only to `reveal`.

    `str`, `repr`, `format`, f-strings and tracebacks with locals print `Secret(***)`, and pickling
    is refused: a pickle is a copy nobody looks after.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself; the caller answers for where it goes."""
        return self._text

    def __repr__(self) -> str:
        return _HIDDEN

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, _spec: str) -> str:
        return _HIDDEN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Constant time: an answer's timing must not tell how many characters were right.
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


def fingerprint(token: Secret | str) -> str:
    """Return a short public name of a token: `fp_` and 16 hex digits of its SHA-256.

    Google's tokens hold far more than 64 bits of randomness, so the fingerprint cannot be turned
    back; backends compute the same to report a token as `rejected`.
    """
    text = token.reveal() if isinstance(token, Secret) else token
    return "fp_" + hashlib.sha256(text.encode()).hexdigest()[:16]
