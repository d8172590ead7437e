from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from urllib.parse import quote

from hypothesis import strategies as st

from bridge.profile import Json


def scramble(seed: int, length: int) -> str:
    """Return base64url text as random as a real token's, the same for the same seed."""
    octets = hashlib.shake_256(str(seed).encode()).digest(length)
    return base64.urlsafe_b64encode(octets).decode()[:length]


def jwt(seed: int) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"k"}').decode().rstrip("=")
    return f"{header}.{scramble(seed, 120)}.{scramble(seed + 1, 86)}"


SHAPES: Mapping[str, Callable[[int], str]] = {
    "refresh": lambda seed: "1//0" + scramble(seed, 99),
    "old refresh": lambda seed: "1/" + scramble(seed, 43),
    "access": lambda seed: "ya29.a0A" + scramble(seed, 180),
    "code": lambda seed: "4/0A" + scramble(seed, 70),
    "id token": jwt,
}

# How a token may be written where its shape alone must be enough.
WRITTEN: Mapping[str, Callable[[str], str]] = {
    "itself": lambda token: token,
    "in a sentence": lambda token: f"the token is {token} today",
    "in quotes": lambda token: f'got "{token}"',
    "in a query": lambda token: f"https://app.example/cb?x=1&t={quote(token, safe='')}&y=2#z",
    "in a query, unescaped": lambda token: f"https://app.example/cb?t={token}",
    "in a fragment": lambda token: f"https://app.example/#x=1&t={token}&y=2",
    "in a query of a query": lambda token: (
        "https://app.example/?next=" + quote(f"https://b.example/?t={quote(token, safe='')}")
    ),
    "in a form": lambda token: f"c=3&t={quote(token)}&d=4",
    "escaped twice": lambda token: quote(quote(token, safe=""), safe=""),
    "in JSON": lambda token: json.dumps({"a": [1, token]}),
    "in JSON, slashes escaped": lambda token: json.dumps({"a": token}).replace("/", "\\/"),
    "in JSON in JSON": lambda token: json.dumps({"a": json.dumps({"b": token})}),
    "in broken JSON": lambda token: json.dumps({"a": token})[:-1],
    "in HTML": lambda token: f"<b>{token.replace('/', '&#x2F;')}</b>",
    "after a scheme": lambda token: f"Bearer {token}",
    "in a header": lambda token: f"Authorization: Bearer {token}\r\nAccept: */*",
}

# How a token may be written where only knowing it can tell.
WRITTEN_IF_KNOWN: Mapping[str, Callable[[str], str]] = {
    **WRITTEN,
    "glued": lambda token: f"abc{token}abc",
    "cut off": lambda token: f"see {token[5:30]}...",
    "base64": lambda token: base64.b64encode(token.encode()).decode(),
    "base64 at offset 1": lambda token: base64.b64encode(f"x{token}yz".encode()).decode(),
    "base64 at offset 2": lambda token: base64.b64encode(f"xx{token}y".encode()).decode(),
    "base64url": lambda token: base64.urlsafe_b64encode(f"??>{token}".encode()).decode(),
    "base64 in a URL": lambda token: "?v=" + quote(base64.b64encode(token.encode()), safe=""),
    "hex": lambda token: token.encode().hex(),
    "hex, upper case": lambda token: token.encode().hex().upper(),
    "every character escaped": lambda token: "".join(f"%{ord(char):02x}" for char in token),
    "every character escaped for JSON": lambda token: "".join(
        f"\\u{ord(char):04X}" for char in token
    ),
}


def forms(token: str) -> list[str]:
    """Return the texts in which the token could be read by someone who looks for it."""
    octets = token.encode()
    return [
        token,
        quote(token, safe=""),
        octets.hex(),
        octets.hex().upper(),
        base64.b64encode(octets).decode().rstrip("=")[:-1],
        base64.b64encode(b"x" + octets).decode().rstrip("=")[2:-1],
        base64.b64encode(b"xx" + octets).decode().rstrip("=")[3:-1],
    ]


def shows(dumped: str, token: str) -> bool:
    """Tell whether any 12 characters of the token stand in `dumped`, in any common encoding."""
    return any(
        form[start : start + size] in dumped
        for form, size in zip(forms(token), (12, 24, 24, 24, 16, 16, 16), strict=True)
        for start in range(len(form) - size + 1)
    )


def dump(profile: Json) -> str:
    return json.dumps(profile, ensure_ascii=False)


# No letters that could make up a token's name or shape: "nothing else changes" needs texts that
# hold none for certain.
_HARMLESS = 'ab5 /.%&=?#"\\{}[]:,\u00e9\u2603\n'

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=_HARMLESS, max_size=20)
    | st.sampled_from(
        [
            "https://app.example/p/a.jpg?size=50&v=1/2#top",
            "4/5/2024",
            "2024-01-01T00:00:00.000Z",
            "a=1&b=2",
            '{"a": 1.10,  "a": 2e400}',
            "1/550e8400-e29b-41d4-a716-446655440000",
            "I lost my refresh token: what now?",
            "someone.long.name@mail.example.com",
        ]
    )
)
_NAMES = st.text(alphabet='abyz_-/~" \u00e9\u2603', max_size=8) | st.sampled_from(
    ["token_type", "expires_in", "scope", "name", "sub"]
)

PROFILES: st.SearchStrategy[Json] = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)
"""Profiles without a token."""

OBJECTS: st.SearchStrategy[dict[str, Json]] = st.dictionaries(_NAMES, PROFILES, max_size=5)
