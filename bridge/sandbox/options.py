"""What of Google's behaviour can be set, because nobody could try it or because tests need both.

Owns the names, defaults and checks of the options. Knows nothing of how they are carried out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

Narrowing = Literal["honoured", "ignored", "refused"]
Issuer = Literal["https://accounts.google.com", "accounts.google.com"]

DAY: Final = 86_400
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "narrowing": ("honoured", "ignored", "refused"),
    "id_token_issuer": ("https://accounts.google.com", "accounts.google.com"),
}
_CAN_BE_UNSET: Final = frozenset(
    {"user_refreshes_per_second", "client_refreshes_per_second", "new_grants_per_day"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How this Google behaves.

    Attributes:
        expires_in: an access token's life in seconds.
        refresh_token_cap: live refresh tokens per account and client; one more kills the oldest.
        account_refresh_token_cap: the same over all clients of an account.
        rotate_refresh_tokens: whether a refresh answers a new refresh token and kills the old.
        narrowing: what a refresh with a smaller `scope` does.
        testing_lifetime: seconds an RT lives under publishing status "testing".
        idle_lifetime: seconds without use after which an RT, or a client, dies.
        delete_idle_clients: whether clients die of it too.
        code_lifetime: seconds a code can be redeemed in.
        revoke_delay: seconds between the answer to a revocation and its effect.
        id_token_issuer: which of Google's two forms `iss` takes.
        certs_max_age: the `Cache-Control` of the signing keys, in seconds.
        time_based_access: whether the consent page lets the user choose for how long.
        user_refreshes_per_second: above it, 403 "User Rate Limit Exceeded"; None is no limit.
        client_refreshes_per_second: above it, 429 `rate_limit_exceeded`; None is no limit.
        new_grants_per_day: consents a client may collect in 24 hours; None is no limit.
    """

    expires_in: int = 3599
    refresh_token_cap: int = 100
    account_refresh_token_cap: int = 1000
    rotate_refresh_tokens: bool = False
    narrowing: Narrowing = "honoured"
    testing_lifetime: int = 7 * DAY - 1
    idle_lifetime: int = 183 * DAY
    delete_idle_clients: bool = False
    code_lifetime: int = 600
    revoke_delay: float = 0.0
    id_token_issuer: Issuer = "https://accounts.google.com"  # noqa: S105 - a URL
    certs_max_age: int = 20_000
    time_based_access: bool = False
    user_refreshes_per_second: int | None = None
    client_refreshes_per_second: int | None = None
    new_grants_per_day: int | None = None


def changed(options: SandboxOptions, changes: Mapping[str, object]) -> SandboxOptions:
    """Return `options` with `changes` made.

    Raises:
        ValueError: an option is unknown, or its value of the wrong kind; the text names it.
    """
    merged: dict[str, Any] = asdict(options)
    defaults = {field.name: field.default for field in fields(SandboxOptions)}
    for name, value in changes.items():
        if name not in defaults:
            raise ValueError(f"there is no option {name!r}; there are {', '.join(defaults)}")
        if not _fits(name, value, defaults[name]):
            raise ValueError(f"option {name!r} has a value of the wrong kind")
        merged[name] = value
    return SandboxOptions(**merged)


def _fits(name: str, value: object, default: object) -> bool:
    if name in _CHOICES:
        return value in _CHOICES[name]
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if value is None:
        return name in _CAN_BE_UNSET
    number = (int, float) if isinstance(default, float) else int
    return isinstance(value, number) and value >= 0
