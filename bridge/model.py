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
        lifetime: seconds from `time` on, by Google's `refresh_token_expires_in`, if that came.
        account_proven: an ID token signed by Google came with it.
        untried_since: when a candidate came in; 0 once it is proven.
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
    untried_since: int = 0


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
        began_missing: its first login brought no refresh token.
        consented_at: the time of the newest refresh token that was ever captured.
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
    began_missing: bool = False
    consented_at: int = 0

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
    """A backend asked in vain.

    Attributes:
        scopes: what it wanted, all together.
        at: when it last asked for any of them, Unix seconds.
        times: the same for each scope, in their order.
    """

    subject: str
    client_id: str
    scopes: tuple[str, ...]
    at: int
    times: tuple[int, ...] = ()


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


# Audit: what happened, and who is behind it.


BRIDGE: Final = "bridge"
"""The actor of what the bridge does by itself."""

HOOK: Final = "hook"
"""The actor of what a tenant's IdP tells."""

USER: Final = "user"
"""The actor of what a user does in a browser."""


class Cause(msgspec.Struct, frozen=True):
    """Who is behind a change, and why.

    Attributes:
        actor: a caller's name, or BRIDGE, HOOK, USER.
        reason: a word for machines.
    """

    actor: str = BRIDGE
    reason: str | None = None


BY_ITSELF: Final = Cause()

PROVEN: Final = "proven"
"""The reason of a cause, where Google honoured a refresh token: one that the grant no longer holds
then has not died, but was set aside for a better."""


class Event(Record, frozen=True):
    """Something that happened, as the audit record keeps it; never changed once it is written.

    Attributes:
        type: what.
        at: Unix seconds.
        actor, reason: its cause.
        subject, account, client_id, grant: what it is about; `account` is Google's `sub`.
        before, after: states of the grant.
        tokens: fingerprints or keyed marks of the tokens concerned; never a token.
        details: further pairs, none of them secret.
    """

    type: str
    at: int
    actor: str
    reason: str | None = None
    subject: str | None = None
    account: str | None = None
    client_id: str | None = None
    grant: str | None = None
    before: str | None = None
    after: str | None = None
    tokens: tuple[str, ...] = ()
    details: tuple[tuple[str, str], ...] = ()


# Consent: who is asked, and what came of it.


class Filter(Record, frozen=True):
    """Which users or grants an admin means: those to whom all that is given applies.

    Attributes:
        state, reason: of a grant.
        domain: of the account, in lower case: its Workspace domain or its email's.
        idle_since: no refresh succeeded after this Unix time.
        missing_scope: a scope that was not granted, normalised.
        no_usable_grant: none of the user's grants can serve.
    """

    state: State | None = None
    reason: str | None = None
    domain: str | None = None
    idle_since: int | None = None
    missing_scope: str | None = None
    no_usable_grant: bool = False


SUBJECT_HASH: Final = 12  # bytes of a listed user's keyed hash


class Order(Record, frozen=True):
    """An admin's wish to force consent, looked at at each login.

    Attributes:
        id: what callers know it by.
        tenant: whose users.
        filter: which of them; None where they are listed.
        subjects: 12-byte keyed hashes of the listed ones, in order, one after the other.
        include_active: also those who have a grant that works.
        text: why, in the admin's words.
        created_by, cancelled_by: callers' names.
        created_at, expires_at, cancelled_at: Unix seconds.
        matched: how many users it meant when it was made.
    """

    id: str
    tenant: str
    filter: Filter | None
    subjects: bytes
    include_active: bool
    text: str
    created_by: str
    created_at: int
    expires_at: int
    matched: int
    cancelled_at: int | None = None
    cancelled_by: str | None = None

    @property
    def listed(self) -> int:
        """How many users it lists."""
        return len(self.subjects) // SUBJECT_HASH


class Outcome(StrEnum):
    """What came of asking a user to consent."""

    GIVEN = "given"
    DENIED = "denied"
    ABANDONED = "abandoned"


class Round(Record, frozen=True):
    """The last time a subject was asked to consent for a client, and what came of it.

    Attributes:
        subject, client_id: who was asked, for what.
        asked_at: Unix seconds.
        login, message: keyed hashes of the login and of the message that it was asked in.
        captured: how many refresh tokens had come by then; one more, and consent was given.
        wanted: the scopes that were asked for; what was not granted of them was refused.
        orders: ids of the orders behind it.
        outcome, settled_at: None while it is under way.
        times, logins: of the rounds that no working token came of, the newest first.
    """

    subject: str
    client_id: str
    asked_at: int
    login: str
    message: str
    captured: int
    wanted: tuple[str, ...]
    orders: tuple[str, ...] = ()
    outcome: Outcome | None = None
    settled_at: int | None = None
    times: tuple[int, ...] = ()
    logins: tuple[str, ...] = ()


class SubjectRounds(Record, frozen=True):
    """A subject's last round for each client, in one record: one user is asked one thing at a time.

    Attributes:
        rounds: in the order of their client ids.
    """

    rounds: tuple[Round, ...]


class Asked(Record, frozen=True):
    """That an order had a user asked; what came of it stands beside it."""

    order: str
    at: int


class Foreseen(Record, frozen=True):
    """What a recovery policy that is not in force would have done at a login."""

    policy: str
    at: int


# Connecting: a link, its tries at Google, and what waits for the app's backend.


class LinkPurpose(StrEnum):
    """What a connection link is for."""

    CONNECT = "connect"  # a user of the app connects an account; the app's backend redeems it
    LOGIN = "login"  # a login waits at the IdP, which vouches for subject and account


class LinkStatus(StrEnum):
    """How far a connection link has come."""

    CREATED = "created"
    STARTED = "started"
    DENIED = "denied"
    WRONG_ACCOUNT = "wrong_account"
    FAILED = "failed"
    CONNECTED = "connected"
    PARTIAL = "partial"

    @property
    def is_done(self) -> bool:
        """Whether the link is used up."""
        return self in (LinkStatus.CONNECTED, LinkStatus.PARTIAL)


class Attempt(Record, frozen=True):
    """One trip of a browser to Google.

    Attributes:
        browser, state: keyed hashes of the cookie and of the `state` that must come back together.
        nonce, code_verifier: what proves that an answer is this trip's.
        asked: scopes asked for, normalised.
        started_at: Unix seconds.
        idp_state: the IdP's own `state`, given back to it after a login's trip.
        is_forced: the trip asked for `prompt=consent`.
        claimed_at: when its answer was taken up; an answer is taken up once.
        is_over: nothing more comes of it.
    """

    browser: str
    state: str
    nonce: Secret
    code_verifier: Secret
    asked: tuple[str, ...]
    started_at: int
    idp_state: str | None = None
    is_forced: bool = False
    claimed_at: int | None = None
    is_over: bool = False


class Link(Record, frozen=True):
    """A connection link.

    Attributes:
        id: a keyed hash of its text, by which it is found and the backend asks for it; it does not
            open the link.
        text: what opens it; needed once more for the way to another try.
        tenant, subject, client_id: for whom an account is to be connected, and to which client.
        scopes: what the app wants, normalised.
        purpose: see there.
        created_by: the caller's name.
        created_at, expires_at: Unix seconds.
        return_to: where the browser goes afterwards, of a connection.
        account_sub, account_email: which account it must be, as far as that was said.
        chooses_account: the user is to choose an account, even where one would suggest itself.
        status, reason: how far it has come.
        attempts: its trips, the newest first; of a link that is done, the one that did it first.
        account: whose consent came.
        missing: wanted scopes that were not granted.
        code: the one-time code, until it is redeemed: a browser that lost the answer gets it again.
        grant: what became of it.
        done_at: when it was used up.
    """

    id: str
    text: Secret
    tenant: str
    subject: str
    client_id: str
    scopes: tuple[str, ...]
    purpose: LinkPurpose
    created_by: str
    created_at: int
    expires_at: int
    return_to: str | None = None
    account_sub: str | None = None
    account_email: str | None = None
    chooses_account: bool = False
    status: LinkStatus = LinkStatus.CREATED
    reason: str | None = None
    attempts: tuple[Attempt, ...] = ()
    account: Account | None = None
    missing: tuple[str, ...] = ()
    code: Secret | None = None
    grant: str | None = None
    done_at: int | None = None


class Pending(Record, frozen=True):
    """A consent that belongs to nobody until the app's backend redeems its code.

    Attributes:
        subject: the link's; whoever redeems must name it.
        account: as Google signed it.
        client_id: the client that it was given to.
        scopes: what was granted, normalised.
        token: the refresh token, sealed for the account; None where the vault's own one goes on.
        time: of the ID token.
        expires_at: Unix seconds.
        is_used: it was redeemed, or destroyed; nothing of the account is left in it then.
    """

    subject: str
    account: Account
    client_id: str
    scopes: tuple[str, ...]
    token: RefreshToken | None
    time: int
    expires_at: int
    is_used: bool = False


# The connections page: the link that opens it once, and the browser that opened it.


class SessionLink(Record, frozen=True):
    """A link that opens a subject's connections page, once.

    Attributes:
        tenant, subject: whose connections are shown.
        scopes: what the app wants of an account that is connected there, normalised.
        return_to: the app's page, where the user goes afterwards; None if it gave none.
        expires_at: Unix seconds.
        is_used: a browser has opened it.
    """

    tenant: str
    subject: str
    scopes: tuple[str, ...]
    return_to: str | None
    expires_at: int
    is_used: bool = False


class UserSession(Record, frozen=True):
    """A browser in which a subject looks after its connections.

    Attributes:
        tenant, subject, scopes, return_to: of the link that opened it.
        expires_at: Unix seconds.
    """

    tenant: str
    subject: str
    scopes: tuple[str, ...]
    return_to: str | None
    expires_at: int


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
