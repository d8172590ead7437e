"""A bridge to be measured: its settings, its keys, its store and the grants in it.

Owns the files. Everything is written through the bridge's own settings, services and vault.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.harness import REMEMBERED
from bridge.cli.demo.ports import free_ports
from bridge.clock import SystemClock
from bridge.config import load
from bridge.config.keys import generate, write_keys
from bridge.model import AccessToken, Account, CallerKey, Grant, Source
from bridge.secret import Secret
from bridge.services import Services, build
from bridge.store.recent import KEPT_S
from bridge.vault import lifecycle
from bridge.vault.grants import Identity
from bridge.vault.refresh_tokens import RefreshTokens

TENANT: Final = "acme"
CALENDAR: Final = "https://www.googleapis.com/auth/calendar"
DRIVE: Final = "https://www.googleapis.com/auth/drive"
SIGN_IN: Final = (
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
)
GRANTED: Final = tuple(sorted((*SIGN_IN, CALENDAR, DRIVE)))
NARROWED: Final = tuple(sorted((*SIGN_IN, CALENDAR)))
"""What a caller gets who may have Calendar alone."""

_RANDOM_BYTES: Final = 32
_BOUND: Final = re.compile(r'(?<=^bind = "127\.0\.0\.1:)\d+', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class GoogleApp:
    """A Google client, and where its Google is; `base_url` None is never called."""

    client_id: str = f"111122223333-{'b' * 32}.apps.googleusercontent.com"
    client_secret: str = "GOCSPX-benchmark-benchmark-bench"  # noqa: S105 - opens nothing
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a bridge keeps its grants, and how much of them each of its processes keeps.

    Attributes:
        url: as in `store.url`.
        cache_mb: as in `store.cache_mb`.
        redis: lines of `[store.redis]`.
    """

    url: str = "sqlite:///bridge.db"
    cache_mb: int = 0
    redis: tuple[str, ...] = ()

    @property
    def store(self) -> str:
        """What a figure says of the store."""
        if self.url.startswith("sqlite:"):
            return "sqlite, WAL, synchronous=FULL"
        return "redis on loopback TCP, appendfsync=always"

    @property
    def cache(self) -> str:
        """What a figure says of the cache."""
        kept = f"sealed rows, for {KEPT_S} s from when the store last confirmed them"
        rows = kept if self.cache_mb else "none"
        return f"{rows}; {REMEMBERED}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One bridge's files.

    Attributes:
        config: its `bridge.toml`.
        port: of the internal listener.
        app: its Google client.
        hook_secret: of its one tenant.
        workers, threads: of the internal listener.
        kept: its store.
    """

    config: Path
    port: int
    app: GoogleApp
    hook_secret: str
    workers: int
    threads: int
    kept: Kept = Kept()

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.config.with_name("bridge.db")

    def again(self, *, workers: int = 1, cache_mb: int = 0) -> Setup:
        """Return a second bridge on the same files, with settings that differ."""
        text = self.config.read_text()
        for name, old, new in (
            ("workers", self.workers, workers),
            ("cache_mb", self.kept.cache_mb, cache_mb),
        ):
            text = text.replace(f"{name} = {old}\n", f"{name} = {new}\n")
        config = self.config.with_name(f"bridge-{workers}-{cache_mb}.toml")
        config.write_text(text)
        kept = replace(self.kept, cache_mb=cache_mb)
        return replace(self, config=config, workers=workers, kept=kept)

    def beside(self) -> Setup:
        """Return another bridge on the same store and keys, with listeners of its own."""
        ports = free_ports(2)
        left = iter(ports)
        text = _BOUND.sub(lambda _: str(next(left)), self.config.read_text())
        config = self.config.with_name(f"bridge-at-{ports[0]}.toml")
        config.write_text(text)
        return replace(self, config=config, port=ports[0])

    @contextmanager
    def services(self) -> Iterator[Services]:
        """Open the bridge's services on these files, to prepare or to look at what is there."""
        services = build(load(self.config, {}))
        services.prove()
        try:
            yield services
        finally:
            services.close()


def set_up(
    folder: Path,
    *,
    app: GoogleApp | None = None,
    workers: int = 1,
    threads: int = 640,
    refreshes_per_second: int = 1000,
    kept: Kept = Kept(),
) -> Setup:
    """Write a bridge's settings and keys into a new folder."""
    folder.mkdir(parents=True)
    app = app or GoogleApp()
    port, public_port = free_ports(2)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(_RANDOM_BYTES)).decode()
    lines = [
        'mode = "development"',
        f'public_url = "http://localhost:{public_port}"',
        "[internal]",
        f'bind = "127.0.0.1:{port}"',
        f"workers = {workers}",
        f"threads = {threads}",
        "[public]",
        f'bind = "127.0.0.1:{public_port}"',
        "[store]",
        f"url = {json.dumps(kept.url)}",
        f"cache_mb = {kept.cache_mb}",
        *(["[store.redis]", *kept.redis] if kept.redis else []),
        "[google]",
        f"refreshes_per_second = {refreshes_per_second}",
        *([f"base_url = {json.dumps(app.base_url)}"] if app.base_url else []),
        f"[tenants.{TENANT}]",
        'issuer = "http://localhost:8080/realms/acme"',
        f'hook_secrets = ["{secret}"]',
        f"[[tenants.{TENANT}.clients]]",
        f'client_id = "{app.client_id}"',
        f'client_secret = "{app.client_secret}"',
    ]
    config = folder / "bridge.toml"
    config.write_text("\n".join(lines) + "\n")
    write_keys(folder / "bridge.keys.json", generate(SystemClock().now()))
    return Setup(
        config=config,
        port=port,
        app=app,
        hook_secret=secret,
        workers=workers,
        threads=threads,
        kept=kept,
    )


def caller_key(services: Services, *, scopes: Iterable[str] = (CALENDAR,)) -> str:
    """Make a caller that may ask for tokens of the tenant; return its `Authorization`."""
    template = CallerKey(
        id="",
        digest=b"",
        name=f"backend-{secrets.token_hex(4)}",
        tenants=(TENANT,),
        scopes=tuple(scopes),
        permissions=("token",),
        created_at=0,
    )
    _, secret = services.callers.create(template)
    return f"Bearer {secret.reveal()}"


class Grower:
    """Brings grants to where logins and refreshes would: captured, then proven and in use."""

    def __init__(self, services: Services, app: GoogleApp) -> None:
        self._store = services.store
        self._grants = services.grants
        self._tokens = RefreshTokens(services.keys)
        self._app = app
        self._clock = services.clock

    def store_fresh(
        self, subject: str, account: Account, expires_at: int, refresh_token: str | None = None
    ) -> None:
        """Write a grant in use whose access token was issued just now."""
        grant = self.in_use(
            self.captured(subject, account, refresh_token),
            expires_at=expires_at,
            issued_at=int(self._clock.now()),
        )
        self._store.commit(self._grants.write(None, grant))

    def captured(self, subject: str, account: Account, refresh_token: str | None = None) -> Grant:
        """Return a new grant with a captured refresh token, Google's length if none is given."""
        now = int(self._clock.now())
        identity = Identity(TENANT, subject, account.sub, self._app.client_id)
        grant = self._grants.new(identity, account)
        token = self._tokens.seal(
            self._grants.owner(grant),
            Secret(refresh_token or random_text("1//0", 103)),
            time=now,
            source=Source.CAPTURE,
            account_proven=True,
        )
        return lifecycle.admit(grant, token, now)

    def in_use(self, grant: Grant, *, expires_at: int, issued_at: int) -> Grant:
        """Return a captured grant as a first refresh for a Calendar caller leaves it."""
        now = int(self._clock.now())
        proven = lifecycle.prove(grant, grant.candidates[0].mark, GRANTED, now)
        access = AccessToken(
            token=Secret(random_text("ya29.", 220)),
            scopes=NARROWED,
            issued_at=issued_at,
            expires_at=expires_at,
        )
        return lifecycle.keep_access(proven, access, now)


def random_text(prefix: str, length: int) -> str:
    """Return an opaque text of Google's shape."""
    return (prefix + secrets.token_urlsafe(length))[:length]


def random_account() -> Account:
    """Return a Google account that nobody has."""
    sub = "1" + str(secrets.randbelow(10**20)).zfill(20)
    return Account(sub=sub, email=f"user{sub}@example.com")


def random_subject() -> str:
    """Return an IdP's user id, as Keycloak makes them."""
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
