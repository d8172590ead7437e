"""Events of a whole bridge: none lost, none told twice, in order, and without a token."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, Final

import pytest

from bridge.audit.act import Act, ActType
from bridge.audit.cursor import BEGINNING
from bridge.audit.log import KIND, Selection
from bridge.config.keys import read_keys
from bridge.errors import BridgeError
from bridge.model import Event
from bridge.services import Services, build
from bridge.store.base import Query, StoreConflictError
from bridge.tokens.wire import TokenRequest
from tests.kit import CALENDAR, HOUR, TENANT, World
from tests.store.backends import together

ACTORS: Final = 6


def events(world: World, type_: str | None = None) -> list[Event]:
    world.services.issued.write()
    page = world.services.audit.page(Selection(tenants=None, type=type_, limit=5000))
    return [held.record for _, held in page.events]


def types(world: World) -> list[str]:
    return [event.type for event in events(world)]


def test_the_life_of_a_grant_is_told(bridge_world: World) -> None:
    """From the login without a token to the forgetting, every step has its act and its actor."""
    world = bridge_world
    account = world.account()
    world.sign_in(account)  # elsewhere: Google gives the refresh token with the first consent
    world.login("u1", account, world.sign_in(account, prompt=""))
    world.login("u1", account, world.sign_in(account))
    world.read("u1")
    world.google.kill_refresh_tokens(account)
    world.clock.advance(2 * HOUR)
    with pytest.raises(BridgeError):
        world.read("u1")
    world.login("u1", account, world.sign_in(account))
    world.read("u1")
    world.services.admin.forget(world.caller(), world.grant_of("u1").id)
    told = [(e.type, e.actor, e.before, e.after) for e in events(world) if e.type != "token_issued"]
    assert told == [
        ("login_seen", "hook", None, "missing"),
        ("captured", "hook", "missing", "unverified"),
        ("refresh_succeeded", "bridge", "unverified", "active"),
        ("recovered", "bridge", "unverified", "active"),
        ("revoked_detected", "bridge", "active", "reauth_required"),
        ("reauth_required_set", "bridge", "active", "reauth_required"),
        ("captured", "hook", "reauth_required", "unverified"),
        ("refresh_succeeded", "bridge", "unverified", "active"),
        ("recovered", "bridge", "unverified", "active"),
        ("forgotten", "backend", "active", "forgotten"),
    ]
    assert {e.subject for e in events(world)} == {"u1"}


def test_a_revocation_and_what_dies_with_it_are_told(bridge_world: World) -> None:
    """The caller is behind the whole of it; a grant of the same project is told its own reason."""
    world = bridge_world
    account = world.account()
    world.grant("u1", account=account)
    world.login("u2", account, world.sign_in(account))
    for subject in ("u1", "u2"):
        world.read(subject)
    world.services.admin.revoke(world.caller(), world.grant_of("u1").id, dry_run=False)
    told = [
        (e.type, e.actor, e.reason, e.subject)
        for e in events(world)
        if e.type not in ("captured", "refresh_succeeded", "token_issued")
    ]
    assert told == [
        ("revoking", "backend", None, "u1"),
        ("revoked_detected", "backend", "project_revoked", "u2"),
        ("reauth_required_set", "backend", "project_revoked", "u2"),
        ("revoked", "backend", None, "u1"),
    ]


def test_a_repeated_message_is_told_once(bridge_world: World) -> None:
    """A hook message that comes again, or a login with a known token, adds no event."""
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account)
    bridge_world.login("u1", account, tokens)
    bridge_world.login("u1", account, tokens)
    assert types(bridge_world) == ["captured"]


def test_a_capture_writes_one_event_more_in_its_own_commit(
    bridge_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login is one commit, the event in it: neither can be on disk without the other."""
    store = bridge_world.services.store
    commits: list[Sequence[Any]] = []
    commit = store.commit

    def watched(ops: Sequence[Any], *more: Any) -> None:
        commits.append(ops)
        commit(ops, *more)

    monkeypatch.setattr(store, "commit", watched)
    bridge_world.grant("u1")
    (ops,) = [ops for ops in commits if any(op.row.ref.kind == "grant" for op in ops)]
    kinds = [op.row.ref.kind for op in ops]
    assert kinds.count(KIND) == kinds.count("grant") == 1
    assert len(kinds) <= 4


def test_what_is_undone_is_untold(bridge_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture whose commit conflicts at first is told once, when it is written."""
    store = bridge_world.services.store
    commit, refusals = store.commit, [1, 1]

    def contended(ops: Sequence[Any], *more: Any) -> None:
        if refusals:
            refusals.pop()
            raise StoreConflictError(ops[0].row.ref)
        commit(ops, *more)

    monkeypatch.setattr(store, "commit", contended)
    bridge_world.grant("u1")
    assert types(bridge_world) == ["captured"]


def test_a_rotation_of_keys_leaves_the_record_as_it_was(bridge_world: World) -> None:
    """Events are sealed anew in their places, and sealing a grant anew is no event."""
    bridge_world.grant("u1")
    bridge_world.read("u1")
    before = bridge_world.services.audit.page(Selection(tenants=None))
    key_admin = bridge_world.services.key_admin
    key_admin.add()
    key_admin.reload()
    rotated = key_admin.rotate(None, lambda _: None)
    assert rotated.key_id == read_keys(bridge_world.key_file).record_keys[0].id
    after = bridge_world.services.audit.page(Selection(tenants=None))
    assert [(p, h.record) for p, h in after.events] == [(p, h.record) for p, h in before.events]
    assert not bridge_world.services.store.list(Query(KIND, key_id_not=rotated.key_id))


def test_the_sweep_knows_events(bridge_world: World) -> None:
    """The upkeep takes events whose time is over."""
    bridge_world.grant("u1")
    bridge_world.clock.advance(366 * 24 * HOUR)
    bridge_world.services.upkeep.rare()
    assert types(bridge_world) == []


def test_an_import_is_told_as_one(bridge_world: World) -> None:
    """A token that was brought by import is captured with that reason."""
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account)
    line = (
        f'{{"tenant": "{TENANT}", "subject": "u1", "account": {{"sub": "{account.sub}"}}, '
        f'"client": "{bridge_world.client.client_id}", '
        f'"refresh_token": "{tokens.refresh_token}"}}'
    )
    list(bridge_world.services.importer.run([line.encode()], dry_run=True))
    assert types(bridge_world) == []
    list(bridge_world.services.importer.run([line.encode()], dry_run=False))
    (event,) = events(bridge_world)
    assert (event.type, event.reason, event.details) == (
        "captured",
        "import",
        (("source", "import"),),
    )


def test_an_event_shows_no_token(bridge_world: World) -> None:
    """Nothing of the answer, and no byte of the file, shows a token that came or went."""
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account)
    bridge_world.login("u1", account, tokens)
    served = bridge_world.read("u1")
    bridge_world.services.issued.write()
    auth = {"Authorization": bridge_world.key()}
    answer = bridge_world.http.get("/v1/events", headers=auth).get_data(as_text=True)
    secret = [tokens.refresh_token, tokens.access_token, served.access_token.reveal()]
    assert "token_issued" in answer
    for text in secret:
        assert text is not None
        assert text not in answer
        assert text.split("/")[-1][-20:] not in answer


def chain_breaks(found: Sequence[Event]) -> Iterator[tuple[Event, Event]]:
    """Yield neighbours of one grant between which a change of state was lost or told twice."""
    lives: dict[str, list[Event]] = defaultdict(list)
    for event in _of_grants(found):
        if event.grant is not None:
            lives[event.grant].append(event)
    for life in lives.values():
        for former, event in pairwise(life):
            is_of_same_change = (former.before, former.after) == (event.before, event.after)
            if event.before != former.after and not is_of_same_change:
                yield former, event


class Crowd:
    """IdPs, backends and admins of three users, over the services of two processes."""

    def __init__(self, world: World, processes: Sequence[Services]) -> None:
        self.world = world
        self.processes = processes
        self.accounts = [world.account() for _ in range(3)]
        self.logins = [[world.sign_in(account) for _ in range(4)] for account in self.accounts]
        self.gone: list[int] = []
        self.polled: list[Event] = []

    def act(self, number: int) -> None:
        """Do six times what the `number`th does, or poll meanwhile."""
        if number == ACTORS:
            self._poll()
            return
        services = self.processes[number % 2]
        deeds: list[Callable[[int], object]] = [self._login, lambda n: self._read(services, n)]
        if number == 0:
            deeds.append(self._kill)
        if number == 1:
            deeds.append(lambda n: self._forget(services, n))
        try:
            for _ in range(6):
                for deed in deeds:
                    with suppress(BridgeError):
                        deed(secrets.randbelow(3))
        finally:
            self.gone.append(number)

    def _login(self, n: int) -> None:
        self.world.login(f"u{n}", self.accounts[n], secrets.choice(self.logins[n]))

    def _read(self, services: Services, n: int) -> None:
        request = TokenRequest(tenant=TENANT, subject=f"u{n}", scopes=(CALENDAR,))
        services.tokens.read(self.world.caller(), request)

    def _kill(self, n: int) -> None:
        self.world.google.kill_refresh_tokens(self.accounts[n])
        self.world.clock.advance(2 * HOUR)

    def _forget(self, services: Services, n: int) -> None:
        for held in services.grants.find(TENANT, f"u{n}"):
            services.admin.forget(self.world.caller(), held.record.id)

    def _poll(self) -> None:
        place = BEGINNING
        while True:
            is_last = len(self.gone) == ACTORS
            page = self.world.services.audit.page(Selection(tenants=None, limit=7, after=place))
            self.polled += [held.record for _, held in page.events]
            place = page.next
            if is_last and not page.events:
                return


def test_however_many_act_at_once_every_change_is_told_once_and_in_order(
    bridge_world: World,
) -> None:
    """Each grant's events are an unbroken chain of states, which ends at the one it is in.

    A poller that reads along gets the same record as one who reads it afterwards.
    """
    other = build(bridge_world.settings, bridge_world.clock)
    crowd = Crowd(bridge_world, [bridge_world.services, other])
    try:
        together(ACTORS + 1, crowd.act)
    finally:
        other.close()
    found = events(bridge_world)
    assert list(chain_breaks(found)) == []
    assert _of_grants(crowd.polled) == _of_grants(found)
    for n in range(3):
        for held in bridge_world.services.grants.find(TENANT, f"u{n}"):
            last = [e for e in _of_grants(found) if e.grant == held.record.id][-1]
            assert last.after == held.record.state


def _of_grants(found: Sequence[Event]) -> list[Event]:
    return [event for event in found if event.type != "token_issued"]


def test_what_others_note_is_listed(bridge_world: World) -> None:
    """An act of any other author, with a grant's commit or alone, is in the same order."""
    log = bridge_world.services.audit
    log.note(Act(type=ActType.ORDER_CREATED, tenant=TENANT))
    bridge_world.services.store.commit([log.op("p", Act(type=ActType.CONNECTED, tenant=TENANT))])
    assert types(bridge_world) == ["order_created", "connected"]
