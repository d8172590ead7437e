"""The composition root: builds every part from settings and keys, and nothing else does.

Owns who is given what. A process builds its services once, after any fork, and closes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from bridge import __version__
from bridge.admin.events import EventReader
from bridge.admin.gate import Gate
from bridge.admin.grants import GrantAdmin
from bridge.admin.keys import KeyAdmin
from bridge.admin.orders import OrderAdmin
from bridge.admin.preflight import Preflight
from bridge.admin.rechecking import Rechecking
from bridge.admin.restored import Restored
from bridge.admin.upkeep import Upkeep
from bridge.audit.issued import IssuedTokens
from bridge.audit.journal import GrantJournal
from bridge.audit.log import AuditLog
from bridge.capture.admission import Admission
from bridge.capture.evidence import Examiner
from bridge.capture.hook import Hook
from bridge.capture.importing import Importer
from bridge.capture.joining import Joining
from bridge.capture.planning import Planner
from bridge.clock import Clock, SystemClock
from bridge.config import ConfigError, Settings
from bridge.config.keys import KeyFile, read_keys
from bridge.connect.assembly import Connecting, Parts, assemble
from bridge.connect.connections import Connections
from bridge.connect.invitations import Invitations
from bridge.connect.overview import Overview
from bridge.consent import assembly as consent
from bridge.consent.hints import Hints
from bridge.consent.rounds import Rounds
from bridge.crypto.envelope import Envelope
from bridge.crypto.hashes import KeyedHasher
from bridge.crypto.keyring import Keyring
from bridge.google.client import GoogleClient
from bridge.google.endpoints import GOOGLE, Endpoints
from bridge.google.id_token import IdTokenVerifier
from bridge.google.transport import Timeouts, Transport
from bridge.store.choosing import open_store
from bridge.store.recent import Recent
from bridge.store.watched import RecentStore, WatchedStore
from bridge.tokens.circuit import Circuits
from bridge.tokens.clients import Clients
from bridge.tokens.flights import Flights
from bridge.tokens.leases import LeaseKeeper
from bridge.tokens.limits import Mortality, Pace
from bridge.tokens.proof import Proofs
from bridge.tokens.refresher import Refresher
from bridge.tokens.refreshing import Refreshing
from bridge.tokens.service import TokenService
from bridge.vault.callers import Callers
from bridge.vault.grants import Grants
from bridge.vault.inbox import Inbox
from bridge.vault.keys import KeyMaterial, Keys
from bridge.vault.needs import Needs
from bridge.vault.opening import Opening
from bridge.vault.records import Records
from bridge.vault.refresh_tokens import RefreshTokens
from bridge.vault.rotation import Rotation
from bridge.vault.user_sessions import UserSessions

log = structlog.get_logger(__name__)

_MORE_PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a process works with.

    Attributes:
        rows: the store, for reads of tokens: as it is, or was within the second.
    """

    settings: Settings
    clock: Clock
    store: WatchedStore
    rows: WatchedStore
    keys: Keys
    audit: AuditLog
    issued: IssuedTokens
    events: EventReader
    grants: Grants
    callers: Callers
    needs: Needs
    tokens: TokenService
    connecting: Connecting
    consenting: consent.Consenting
    user_sessions: UserSessions
    invitations: Invitations
    connections: Connections
    hook: Hook
    importer: Importer
    admin: GrantAdmin
    rechecking: Rechecking
    orders: OrderAdmin
    hints: Hints
    key_admin: KeyAdmin
    restored: Restored
    gate: Gate
    preflight: Preflight
    google: GoogleClient
    opening: Opening
    upkeep: Upkeep
    leases: LeaseKeeper
    transport: Transport
    circuits: Circuits

    def start(self) -> None:
        """Prove the store against keys and witness, and begin the upkeep.

        Raises:
            StoreMismatchError: this is not the store, or not the keys, that belong together.
        """
        self.prove()
        if self.settings.store.cache_mb:
            self.store.follow(self.store.recent)
        self.upkeep.start()
        self.issued.start()

    def prove(self) -> None:
        """Prove the store without beginning anything; raises as `start`."""
        self.opening.prove_writing()
        self.opening.prove_keys()
        self.opening.advance(self.settings.witness_file)

    def close(self) -> None:
        """Stop the threads and free what is held."""
        self.upkeep.stop()
        self.issued.stop()
        self.leases.close()
        self.transport.close()
        self.store.close()


class KeyReloader:
    """Notices that the key file changed, and refills the keys from it."""

    def __init__(self, path: Path, keys: Keys, held: KeyFile) -> None:
        """Take the keys, and the file as it was when they were made from it."""
        self._path = path
        self._keys = keys
        self._held = held
        # Not the present one: the keys may have been read before the file last changed.
        self._seen: tuple[int, int, int] | None = None

    def __call__(self) -> bool:
        """Reload the keys if there are others in the file than before; tell whether there were.

        A file that cannot be read for the moment leaves the present keys in use.
        """
        stamp = _stamp(self._path)
        if stamp is None or stamp == self._seen:
            return False
        try:
            found = read_keys(self._path)
            changed = found != self._held
            if changed:
                # Whatever follows from the present keys is void with them.
                self._keys.refill(material(found))
        except (ConfigError, ValueError):
            log.error("key_file_unreadable", path=str(self._path))
            return False
        self._seen, self._held = stamp, found
        return changed


def build(settings: Settings, clock: Clock | None = None) -> Services:
    """Build a process's services.

    Raises:
        ConfigError: the key file is missing or malformed.
        BridgeError: the store cannot be opened.
    """
    clock = clock or SystemClock()
    path = settings.keys.file
    key_file = read_keys(path)
    keys = Keys(material(key_file))
    recent = Recent(settings.store.cache_mb << 20, clock.monotonic)
    store = WatchedStore(open_store(settings.store, clock), recent)
    rows = RecentStore(store.inner, recent) if settings.store.cache_mb else store
    records = Records(store, keys)
    sealed = RefreshTokens(keys)
    audit = AuditLog(records, clock, settings.audit.keep_days)
    issued = IssuedTokens(audit, clock)
    grants = Grants(records, sealed, clock, GrantJournal(audit))
    inbox = Inbox(records, clock)
    user_sessions = UserSessions(records, clock)
    needs = Needs(records, clock)
    clients = Clients(settings)
    transport = _transport(settings, clock)
    endpoints = _endpoints(settings)
    google = GoogleClient(endpoints, clock, transport)
    verifier = IdTokenVerifier(endpoints, clock, transport)
    examiner = Examiner(keys, verifier)
    admission = Admission(grants=grants, inbox=inbox, clients=clients, clock=clock)
    joining = Joining(
        records=records, tokens=sealed, inbox=inbox, examiner=examiner, admission=admission
    )
    admin = GrantAdmin(grants=grants, tokens=sealed, clients=clients, google=google, clock=clock)
    leases = LeaseKeeper(store)
    circuits = Circuits(records, clock)
    refresher = Refresher(
        google=google,
        grants=grants,
        tokens=sealed,
        proofs=Proofs(verifier=verifier, grants=grants, tokens=sealed, needs=needs, clock=clock),
        circuits=circuits,
        pace=Pace(store, clock),
        mortality=Mortality(store, settings.google.freeze_share),
        clock=clock,
    )
    tokens = TokenService(
        grants=grants,
        recent=rows if isinstance(rows, RecentStore) else None,
        needs=needs,
        clients=clients,
        refreshing=Refreshing(
            grants=grants,
            refresher=refresher,
            flights=Flights(settings.internal.threads),
            leases=leases,
            clock=clock,
            patience=settings.google.total_timeout_s + _MORE_PATIENCE_S,
        ),
        clock=clock,
        safety_window=settings.google.safety_window_s,
        tell_issued=issued.note,
    )
    rounds = Rounds(records, inbox, audit, clock)
    connecting = assemble(
        Parts(
            settings=settings,
            records=records,
            grants=grants,
            tokens=sealed,
            admission=admission,
            needs=needs,
            rounds=rounds,
            clients=clients,
            circuits=circuits,
            google=google,
            verifier=verifier,
            endpoints=endpoints,
            leases=leases,
            audit=audit,
            clock=clock,
        )
    )
    consenting = consent.assemble(
        consent.Parts(
            tenants=settings.tenants,
            records=records,
            grants=grants,
            inbox=inbox,
            needs=needs,
            rounds=rounds,
            clients=clients,
            circuits=circuits,
            links=connecting.links,
            audit=audit,
            clock=clock,
        )
    )
    opening = Opening(records)
    callers = Callers(records, clock)
    reload_keys = KeyReloader(path, keys, key_file)
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        rows=rows,
        keys=keys,
        audit=audit,
        issued=issued,
        events=EventReader(audit, settings.tenants),
        grants=grants,
        callers=callers,
        needs=needs,
        tokens=tokens,
        connecting=connecting,
        consenting=consenting,
        user_sessions=user_sessions,
        invitations=Invitations(
            tenants=settings.tenants,
            sessions=user_sessions,
            audit=audit,
            public_url=settings.public_url,
        ),
        connections=Connections(
            tenants=settings.tenants,
            overview=Overview(tenants=settings.tenants, grants=grants, needs=needs, clock=clock),
            ender=admin,
            links=connecting.links,
        ),
        hook=Hook(
            tenants=settings.tenants,
            records=records,
            inbox=inbox,
            planner=Planner(
                grants=grants,
                tokens=sealed,
                inbox=inbox,
                needs=needs,
                examiner=examiner,
                admission=admission,
                joining=joining,
                deciding=consenting.deciding,
                clock=clock,
            ),
            joining=joining,
            admission=admission,
            clock=clock,
        ),
        importer=Importer(
            tenants=settings.tenants,
            records=records,
            grants=grants,
            tokens=sealed,
            admission=admission,
            clock=clock,
        ),
        admin=admin,
        rechecking=Rechecking(
            grants=grants,
            clients=clients,
            refreshing=tokens.refreshing,
            audit=audit,
            clock=clock,
        ),
        hints=Hints(
            tenants=settings.tenants, deciding=consenting.deciding, grants=grants, needs=needs
        ),
        orders=OrderAdmin(
            tenants=settings.tenants,
            orders=consenting.orders,
            reach=consenting.reach,
            foresight=consenting.foresight,
        ),
        key_admin=KeyAdmin(
            path=path,
            opening=opening,
            rotation=Rotation(records, grants, sealed),
            reload=reload_keys,
            clock=clock,
        ),
        restored=Restored(grants, opening, settings.witness_file, clock),
        gate=Gate(callers, settings.issuers, transport, clock),
        preflight=Preflight(
            # It hands nothing out.
            tokens=replace(tokens, tell_issued=lambda _caller, _grant, _access: True),
            store=store,
            google=google,
            opening=opening,
        ),
        google=google,
        opening=opening,
        upkeep=Upkeep(
            store=store,
            opening=opening,
            grants=grants,
            inbox=inbox,
            joining=joining,
            admin=admin,
            clock=clock,
            witness=settings.witness_file,
            reload_keys=reload_keys,
        ),
        leases=leases,
        transport=transport,
        circuits=circuits,
    )


def material(keys: KeyFile) -> KeyMaterial:
    """Return a key file's keys as objects ready for use."""
    return KeyMaterial(
        records=Keyring({key.id: key.key_bytes() for key in keys.record_keys}),
        hasher=KeyedHasher(keys.hash_keys[0].key_bytes()),
        envelope=Envelope([key.jwk for key in keys.hook_keys]),
    )


def _transport(settings: Settings, clock: Clock) -> Transport:
    google = settings.google
    timeouts = Timeouts(google.connect_timeout_s, google.read_timeout_s, google.total_timeout_s)
    return Transport(clock, timeouts, user_agent=f"grantbridge/{__version__}")


def _endpoints(settings: Settings) -> Endpoints:
    base_url = settings.google.base_url
    return GOOGLE if base_url is None else Endpoints.at(str(base_url))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
