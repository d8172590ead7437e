"""The words of the program as types: grant, account, refresh token, access token, caller.

All are frozen values without behaviour beyond reading themselves. Refresh tokens appear here only
sealed; the vault alone turns one into a `Secret`. Times are Unix seconds, scopes are normalised
and sorted. The field order of a record's type is its format on disk: only ever append, with a
default.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from bridge.secret import Secret, fingerprint

UNKNOWN_TIME: Final = 0  # an RT whose time nobody told is older than every other


class State(StrEnum):
    """What can be done with a grant."""

    MISSING = "missing"
    UNVERIFIED = "unverified"
    ACTIVE = "active"
    REAUTH_REQUIRED = "reauth_required"
    BLOCKED = "blocked"
    REVOKING = "revoking"
    REVOKED = "revoked"
    # Not a state that anybody is shown: what is left of a forgotten grant, so that a late message
    # cannot bring it back. It expires.
    FORGOTTEN = "forgotten"


class Source(StrEnum):
    """The way a refresh token came in."""

    CAPTURE = "capture"
    IMPORT = "import"
    CONSENT = "consent"
    ROTATION = "rotation"


class Record(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Base of what is sealed and stored."""


class Account(Record, frozen=True):
    """A Google account: `sub` is its identity, the rest are labels."""

    sub: str
    email: str | None = None
    hosted_domain: str | None = None


class RefreshToken(Record, frozen=True):
    """A refresh token as the vault keeps it.

    Attributes:
        sealed: the token under a record key, bound to tenant, partition and mark.
        mark: the keyed hash by which it is known again.
        risc_prefix, risc_sha512: keyed hashes of the names that Google's security events use.
        time: the ID token's `iat`, else when the IdP obtained it, else UNKNOWN_TIME.
        source: the way it came in.
        scopes: proven by a refresh; None until then.
        verdict: why Google refuses it for now though it is not dead; None if it does not.
        lifetime: Google's `refresh_token_expires_in` in seconds, if it came with one.
        account_proven: an ID token signed by Google came with it.
    """

    sealed: bytes
    mark: bytes
    risc_prefix: bytes
    risc_sha512: bytes
    time: int
    source: Source
    scopes: tuple[str, ...] | None = None
    verdict: str | None = None
    lifetime: int | None = None
    account_proven: bool = False


class AccessToken(Record, frozen=True):
    """A cached access token.

    Attributes:
        token: the token.
        scopes: what it was asked for; None stands for all that the grant holds.
        issued_at, expires_at: Unix seconds.
    """

    token: Secret
    scopes: tuple[str, ...] | None
    issued_at: int
    expires_at: int

    def fingerprint_is(self, rejected: str | None) -> bool:
        """Tell whether this is the token that a backend reports as rejected."""
        return rejected is not None and fingerprint(self.token) == rejected


class Failure(Record, frozen=True):
    """A failed refresh, shared with all who would repeat it.

    Attributes:
        code, public, reason, retry_after: the error they get.
        scopes: the scope set whose refresh failed; None for all of the grant's.
        epoch: the grant's epoch then; later ones are not concerned.
        until: Unix seconds after which somebody may try again.
    """

    code: str
    public: str
    reason: str | None
    retry_after: int | None
    scopes: tuple[str, ...] | None
    epoch: int
    until: int


class Grant(Record, frozen=True):
    """What an account consented to for a client, bound to a subject.

    Attributes:
        id: what callers can pin; names the partition and the record in it.
        tenant, subject, account, client_id: whose it is; they never change.
        state, reason: what can be done with it, and why.
        epoch: grows when the refresh token that serves changes, and when the state does.
        live: the refresh token that serves.
        spare: another proven one, tried before the grant is declared dead.
        candidates: unproven ones, the newest first.
        seen: marks of every refresh token the grant ever held.
        access: cached access tokens.
        failure: the last failed refresh, while it is shared.
        fence: the lease's fence of the refresh that wrote last.
        consents: how many refresh tokens were captured; Google keeps the newest 100 alive.
        revoked_at: Google's time of the last revocation; older refresh tokens stay out.
        forgotten_at: when it was last forgotten; the same holds.
        created_at, changed_at, refreshed_at: its beginning, last change of state, last success.
    """

    id: str
    tenant: str
    subject: str
    account: Account
    client_id: str
    state: State = State.MISSING
    reason: str | None = None
    epoch: int = 0
    live: RefreshToken | None = None
    spare: RefreshToken | None = None
    candidates: tuple[RefreshToken, ...] = ()
    seen: tuple[bytes, ...] = ()
    access: tuple[AccessToken, ...] = ()
    failure: Failure | None = None
    fence: int = 0
    consents: int = 0
    revoked_at: int | None = None
    forgotten_at: int | None = None
    created_at: int = 0
    changed_at: int = 0
    refreshed_at: int | None = None

    @property
    def granted(self) -> tuple[str, ...]:
        """The proven scopes of the refresh token that serves."""
        return (self.live.scopes or ()) if self.live else ()

    @property
    def tokens(self) -> tuple[RefreshToken, ...]:
        """Every refresh token it holds."""
        return tuple(t for t in (*self.candidates, self.live, self.spare) if t is not None)


class CallerKey(Record, frozen=True):
    """One key of a caller: a backend, admin or IdP that authenticates to the bridge.

    Attributes:
        id: the public half of the key.
        digest: the SHA-256 of its secret half.
        name: the caller's; what logs and audit call it. Its keys share it, two at most.
        tenants: names, or `*` for all.
        scopes: Google scopes it may be given, normalised, or `*` for all.
        permissions: what it may do.
        created_at, expires_at: Unix seconds; None is never.
    """

    id: str
    digest: bytes
    name: str
    tenants: tuple[str, ...]
    scopes: tuple[str, ...]
    permissions: tuple[str, ...]
    created_at: int
    expires_at: int | None = None


class Unbound(Record, frozen=True):
    """What a login brought before anybody said whose login it was.

    Attributes:
        login: the keyed hash of tenant and login id.
        account: as the IdP told it, or as Google signed it.
        client_id: the client whose login it was.
        token: the refresh token, if one came.
        id_token: the sealed ID token while Google's keys could not be had to check it.
        verified: an ID token that Google signed names this account and client.
        time: when the login was: the ID token's `iat`, else as the IdP told it, else UNKNOWN_TIME.
    """

    login: str
    account: Account
    client_id: str
    token: RefreshToken | None
    id_token: bytes | None
    verified: bool
    time: int = UNKNOWN_TIME


class Binding(Record, frozen=True):
    """Whose a login is, said before or after its capture."""

    login: str
    account_sub: str
    subject: str


class Farewell(Record, frozen=True):
    """A subject that left, or unlinked an account: nothing from before comes back."""

    subject: str
    at: int


class Recorded(Record, frozen=True):
    """The answer to a hook message, given again to its repetition."""

    answer: bytes


class Need(Record, frozen=True):
    """A backend asked in vain."""

    subject: str
    client_id: str
    scopes: tuple[str, ...]
    at: int


class Circuit(Record, frozen=True):
    """A Google client that refuses its own credentials.

    Attributes:
        error: Google's `error`.
        opened_at: when it was noticed, Unix seconds.
        probe_at: when one refresh may try again.
        failures: how many probes failed; each doubles the wait.
    """

    error: str
    opened_at: int
    probe_at: int
    failures: int = 0


class KeyCheck(Record, frozen=True):
    """A proof, sealed by a record key itself, of which keys a store was written with."""

    hash_check: str


class Mark(Record, frozen=True):
    """How far a store has come: a witness outside of it notices when it falls back.

    Attributes:
        store_id: random; another store has another one.
        value: only ever grows.
    """

    store_id: str
    value: int


class Server(Record, frozen=True):
    """A running process, the record keys it knows, the sealing one first, and the hook's keys."""

    key_ids: tuple[str, ...]
    hook_key_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as it was proven.

    Attributes:
        name: what logs call it.
        tenants: the tenants it may name; None is all.
        scopes: the Google scopes it may be given, normalised; None is all.
        permissions: what it may do.
    """

    name: str
    tenants: frozenset[str] | None
    scopes: frozenset[str] | None
    permissions: frozenset[str]

    def sees(self, tenant: str) -> bool:
        """Tell whether a tenant exists for this caller."""
        return self.tenants is None or tenant in self.tenants
