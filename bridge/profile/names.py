"""Which names say that what they name is a token.

Owns the reading of a member's or parameter's name, however it is spelled: `refresh_token`,
`googleRefreshToken`, `Refresh-Token`, `FEDERATED_REFRESH_TOKEN`, `refreshtoken`. Looks at no value.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_GLUED: Final = re.compile(r"(.*?)(tokens?)(.*)", re.DOTALL)
_TOKEN: Final = frozenset({"token", "tokens"})

# Before `token`: unmistakable, so that it is one whatever follows, except what only tells about it.
_KINDS: Final = ("access", "refresh", "bearer", "oauth", "auth", "authorization", "identity")
_WORD_KINDS: Final = frozenset({"id", "api", "session", "user"})

# Before `token`: places in a list, or a defence of a form. They open nothing at Google.
_HARMLESS_KINDS: Final = frozenset({"page", "sync", "continuation"})
_FORM_DEFENCE: Final = ("csrf", "xsrf")

# After `token`: these are the token still.
_STILL: Final = frozenset(
    {"secret", "secrets", "value", "values", "raw", "jwt", "string", "text", "encrypted", "plain"}
)

_IN_OBJECT: Final = _STILL | {"access", "refresh"}

# Beside `token`, or beside the members of an object of tokens: these only tell about it.
# One a line they would fill two pages, so the formatter leaves them.
# fmt: off
_ABOUT: Final = frozenset({
    "about", "alg", "algorithm", "at", "aud", "audience", "available", "azp", "claims",
    "client", "connection", "count", "created", "date", "email", "enc", "endpoint", "error",
    "exp", "expiration", "expire", "expired", "expires", "expiry", "fingerprint", "format",
    "hash", "hd", "iat", "id", "identifier", "in", "info", "iss", "issued", "issuer", "jti",
    "kid", "length", "lifetime", "limit", "locale", "max", "method", "min", "name", "nbf",
    "nonce", "number", "on", "picture", "policy", "present", "provider", "response", "revoked",
    "rotated", "scope", "scopes", "seconds", "size", "state", "status", "sub", "subject",
    "supported", "time", "timestamp", "ttl", "type", "types", "updated", "uri", "uris", "url",
    "urls", "usage", "use", "used", "user", "valid", "version",
})
# fmt: on

# Other names of what opens an account or fetches a token.
_OTHER: Final = (
    "clientsecret",
    "clientassertion",
    "authcode",
    "authorizationcode",
    "codeverifier",
)


def names_token(name: str) -> bool:
    """Tell whether a text under this name is a token.

    `token_type`, `expires_in`, `tokens_used`, `tokenizer`, `next_page_token` and
    `FEDERATED_TOKEN_EXPIRATION` name none. A claim's namespace (`https://example.com/`) is no part
    of its name.
    """
    words = _words(name)
    last = next((i for i in reversed(range(len(words))) if words[i] in _TOKEN), None)
    if last is None:
        return words[-1:] == ["jwt"] or "".join(words).endswith(_OTHER)
    before, after = words[:last], words[last + 1 :]
    if _ABOUT.intersection(after) or _harmless(before):
        return False
    if not after:
        return True
    return _kind(before) or _STILL.issuperset(word for word in after if not word.isdigit())


def tells_about(name: str) -> bool:
    """Tell whether a member of an object of tokens only describes them (`scope`, `expires_at`)."""
    return not names_token(name) and bool(_ABOUT.intersection(_words(name)))


def names_its_text(name: str) -> bool:
    """Tell whether a member of an object of tokens is the token itself (`value`, `refresh`)."""
    return not _IN_OBJECT.isdisjoint(_words(name)[-1:])


def _harmless(before: list[str]) -> bool:
    joined = "".join(before)
    return any(each in joined for each in _FORM_DEFENCE) or bool(
        _HARMLESS_KINDS.intersection(before[-1:])
    )


def _kind(before: list[str]) -> bool:
    return "".join(before).endswith(_KINDS) or bool(_WORD_KINDS.intersection(before[-1:]))


def _words(name: str) -> list[str]:
    # Compatibility forms (full-width letters and the like) read as the letters they look like.
    plain = unicodedata.normalize("NFKC", name)
    if "://" in plain:
        plain = plain[max(plain.rfind("/"), plain.rfind("#")) + 1 :]
    return [part for word in _WORD.findall(plain) for part in _parts(word.lower())]


def _parts(word: str) -> list[str]:
    glued = _GLUED.fullmatch(word)
    return [part for part in glued.groups() if part] if glued else [word]
