"""Changing record keys while the bridge serves: nothing is unreadable at any moment."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from io import BytesIO

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from bridge.admin.keys import KeyAdmin, Rotated
from bridge.capture.importing import Fate
from bridge.cli.commands import bridge
from bridge.config.keys import read_keys, write_keys
from bridge.consent.gathering import LoginAsk
from bridge.errors import BridgeError, Code
from bridge.model import (
    BY_ITSELF,
    Account,
    Cause,
    Grant,
    Link,
    LinkPurpose,
    Pending,
    Source,
)
from bridge.secret import Secret
from bridge.services import KeyReloader, Services, build, material
from bridge.signing.webhooks import SignedHeaders, sign
from bridge.store.base import KeyClosedError, Op, Query, Ref, Row
from bridge.vault import endings
from bridge.vault.grants import FORGOTTEN_KEPT_S, Grants, parse_id
from bridge.vault.keys import KeyMaterial, Keys
from bridge.vault.links import text_of_link
from bridge.vault.opening import Opening
from bridge.vault.records import Held, Records
from bridge.vault.refresh_tokens import Owner
from bridge.vault.rotation import KINDS, Rotation
from tests.capture.idp import Idp
from tests.capture.racing import PausedCommits
from tests.kit import CALENDAR, DAY, DRIVE, HOUR, TENANT, ShiftedClock, World, token_fields
from tests.vault.conftest import Hand, Vault, unjournalled


def _nothing(_: int) -> None:
    """Take progress and show it to nobody."""


def _ref(grant: Grant) -> Ref:
    ref = parse_id(grant.id)
    assert ref is not None
    return ref


class _Leaping(ShiftedClock):
    """Sleeps at once, and is later then."""

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)


def _impatient(world: World) -> KeyAdmin:
    """Return the world's key administration, with time passing at once where it waits."""
    return dataclasses.replace(world.services.key_admin, clock=_Leaping())


def _with_first(services: Services, key_id: str) -> KeyMaterial:
    """Return a process's keys as it would have them without the last change."""
    keys = read_keys(services.settings.keys.file).with_first(key_id)
    return material(keys)


@contextmanager
def _another(world: World) -> Iterator[Services]:
    """Run one more process's services on the world's store."""
    services = build(world.settings, world.clock)
    try:
        services.start()
        yield services
    finally:
        services.close()


def _story(world: World) -> None:
    """Leave records of every kind there is in the store."""
    world.services.opening.announce("a process of yesterday", world.clock.now() - DAY)
    world.key("backend")
    world.grant("u1")
    world.read("u1")
    with pytest.raises(BridgeError):
        world.read("u1", DRIVE)
    account = world.account()
    world.hook(_capture(world, "l1", account.sub, token_fields(world.sign_in(account))))
    world.hook(_bind("l9", "a9", "u9"))
    world.grant("u2")
    world.hook({"type": "user_deleted", "tenant": TENANT, "subject": "u2"})
    _waiting_connection(world)
    _ordered_consent(world)
    _opened_page(world)
    world.google.clients.rotate_secret(world.client)
    world.clock.advance(2 * HOUR)
    with pytest.raises(BridgeError):
        world.read("u1")


def _ordered_consent(world: World) -> None:
    """Leave an order, a user who was asked because of it, and what other policies would do."""
    order = {"tenant": TENANT, "reason": "new feature", "subjects": ["u3"], "include_active": True}
    key = {"Authorization": world.key("admin")}
    assert world.http.post("/v1/admin/orders", json=order, headers=key).status_code == 200
    login = {"id": "l3", "can_redirect": True, "client_id": world.client.client_id}
    asked = world.hook({"type": "decide", "tenant": TENANT, "subject": "u3", "login": login})
    assert asked["decision"] == "consent"
    deciding = world.services.consenting.deciding
    known = deciding.gathering.known(LoginAsk(tenant=TENANT, subject="u3"), by_url=False)
    deciding.foresight.note(TENANT, "u3", known.situation)


def _opened_page(world: World) -> None:
    """Leave a link to a user's connections, and the session of a browser that opened one."""
    sessions = world.services.user_sessions
    text, _ = sessions.invite(TENANT, "u1", (CALENDAR,), None)
    assert sessions.open(text.reveal()) is not None


def _waiting_connection(world: World) -> None:
    """Leave a used connection link and the result that nobody has redeemed."""
    links = world.services.connecting.links.links
    now = int(world.clock.now())
    link = Link(
        id=links.id_of("text"),
        text=Secret("text"),
        tenant=TENANT,
        subject="u1",
        client_id=world.client.client_id,
        scopes=(CALENDAR,),
        purpose=LinkPurpose.CONNECT,
        created_by="backend",
        created_at=now,
        expires_at=now + HOUR,
    )
    owner = Owner(TENANT, world.services.grants.partition(TENANT, "a1"))
    tokens = world.services.connecting.redemption.entering.tokens
    pending = Pending(
        subject="u1",
        account=Account(sub="a1"),
        client_id=link.client_id,
        scopes=link.scopes,
        token=tokens.seal(owner, Secret("1//0rt"), time=now, source=Source.CONSENT),
        time=now,
        expires_at=now + HOUR,
    )
    kept = links.keep(link.id, TENANT, text_of_link(link.id), pending)
    links.commit([links.put(link), kept])


def _capture(world: World, login: str, sub: str, tokens: dict[str, object]) -> dict[str, object]:
    return {
        "type": "capture",
        "tenant": TENANT,
        "login_id": login,
        "account": {"sub": sub},
        "client_id": world.client.client_id,
        "tokens": tokens,
    }


def _bind(login: str, sub: str, subject: str) -> dict[str, object]:
    return {
        "type": "bind",
        "tenant": TENANT,
        "login_id": login,
        "account": {"sub": sub},
        "subject": subject,
    }


@pytest.mark.sqlite
def test_a_rotation_seals_every_kind_of_record_anew(bridge_world: World) -> None:
    """After it nothing but the new key is needed, for any kind that the bridge writes."""
    _story(bridge_world)
    hand = Hand(bridge_world.settings.store.path)
    written = {str(name) for (name,) in hand.run("SELECT name FROM kinds")}
    assert written - {"key", "guard"} == set(KINDS)

    added = bridge_world.services.key_admin.add()
    rotated = bridge_world.services.key_admin.rotate(None, _nothing)

    assert (rotated.key_id, rotated.damaged) == (added.id, 0)
    assert set(bridge_world.services.key_admin.rotation.census()) == {added.id}


def test_a_retired_key_is_not_missed(bridge_world: World) -> None:
    """Without the old key grants refresh, captures are claimed, callers call; a start succeeds."""
    header = bridge_world.key()
    grant = bridge_world.grant("u1")
    bridge_world.read("u1")
    account = bridge_world.account()
    tokens = token_fields(bridge_world.sign_in(account))
    bridge_world.hook(_capture(bridge_world, "l1", account.sub, tokens))
    former = read_keys(bridge_world.key_file).record_keys[0].id

    bridge_world.services.key_admin.add()
    bridge_world.services.key_admin.rotate(None, _nothing)
    bridge_world.services.key_admin.retire(former)
    bridge_world.restart()

    bridge_world.clock.advance(2 * HOUR)
    assert bridge_world.read("u1").grant == grant.id
    bridge_world.hook(_bind("l1", account.sub, "u2"))
    assert CALENDAR in bridge_world.read("u2").scope
    assert bridge_world.http.get("/v1/grants", headers={"Authorization": header}).status_code != 401


class _Traffic:
    """Backends, an IdP and another process at work, until told to stop."""

    def __init__(self, world: World, other: Services) -> None:
        self.world = world
        self.other = other
        self.captured = [f"u{n}" for n in range(5)]
        self.failed: list[Exception] = []
        self._done = threading.Event()
        for subject in self.captured:
            world.grant(subject)
        works = (self._read, self._capture, self._change)
        self._threads = [threading.Thread(target=self._repeat, args=(work,)) for work in works]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, work: Callable[[], object]) -> None:
        try:
            while not self._done.wait(0.002):
                work()
        except Exception as error:  # noqa: BLE001 - whatever it is fails the test
            self.failed.append(error)

    def _read(self) -> None:
        self.world.read("u0")
        self.world.read("u1")

    def _capture(self) -> None:
        if len(self.captured) < 40:
            subject = f"u{len(self.captured)}"
            self.world.grant(subject)
            self.captured.append(subject)

    def _change(self) -> None:
        [held] = self.other.grants.find(TENANT, "u0")
        self.other.grants.update(held.ref, lambda g: replace(g, consents=g.consents + 1))


def test_nobody_notices_a_rotation(bridge_world: World) -> None:
    """Two processes read, capture and write throughout: no call fails, and nothing is lost."""
    former = read_keys(bridge_world.key_file).record_keys[0].id
    command = build(bridge_world.settings, bridge_world.clock)
    admin = command.key_admin
    with closing(command), _another(bridge_world) as other:
        traffic = _Traffic(bridge_world, other)
        bridge_world.services.upkeep.start()
        traffic.start()
        try:
            admin.add()
            rotated = admin.rotate(None, _nothing)
        finally:
            traffic.stop()
        admin.rotation.run(_nothing)
        admin.retire(former)

    assert traffic.failed == []
    assert rotated.damaged == 0
    bridge_world.clock.advance(2 * HOUR)
    for subject in traffic.captured:
        assert bridge_world.read(subject).access_token


def test_a_rotation_waits_until_every_process_knows_the_key(bridge_world: World) -> None:
    """While one process has not read the key, nothing is written with it, and it is told so."""
    former = read_keys(bridge_world.key_file).record_keys[0].id
    services = bridge_world.services
    services.opening.announce("deaf", bridge_world.clock.now() + DAY)
    added = services.key_admin.add()

    with pytest.raises(BridgeError) as waiting:
        _impatient(bridge_world).rotate(None, _nothing)

    assert waiting.value.code is Code.CONFLICT
    assert added.id in waiting.value.public
    assert read_keys(bridge_world.key_file).record_keys[0].id == former
    services.opening.retreat("deaf")
    assert services.key_admin.rotate(None, _nothing).key_id == added.id


def test_a_process_that_still_writes_with_a_key_keeps_it_from_being_retired(
    bridge_world: World,
) -> None:
    """A key goes only when no running process would seal with it again."""
    former = read_keys(bridge_world.key_file).record_keys[0].id
    services = bridge_world.services
    services.key_admin.add()
    services.key_admin.rotate(None, _nothing)
    with _another(bridge_world) as other:
        other.keys.refill(_with_first(other, former))
        other.opening.announce(other.upkeep.instance, bridge_world.clock.now())

        with pytest.raises(BridgeError) as refused:
            services.key_admin.retire(former)

    assert refused.value.code is Code.CONFLICT


def _sent(world: World, services: Services, message: object) -> bytes:
    """Send a hook message, always the same one, to a process."""
    body = json.dumps(message).encode()
    stamp = int(world.clock.now())
    signature = sign(Secret(world.secret), "msg_late", stamp, body)
    return services.hook.take(TENANT, SignedHeaders("msg_late", str(stamp), signature), body)


def _check_that_all_open(services: Services) -> None:
    records = Records(services.store, services.keys)
    for kind, record in KINDS.items():
        for row in services.store.list(Query(kind, limit=1000)):
            records.open(row, record)


@contextmanager
def _that_stands_still(world: World) -> Iterator[Services]:
    """Run one more process, of which the others have not heard for too long."""
    with closing(build(world.settings, world.clock)) as services:
        yield services


@contextmanager
def _same(world: World) -> Iterator[Services]:
    yield world.services


@pytest.mark.parametrize("process", [_same, _that_stands_still], ids=["same", "other"])
def test_a_login_sealed_with_a_key_that_was_retired_meanwhile_is_not_lost(
    bridge_world: World,
    monkeypatch: pytest.MonkeyPatch,
    process: Callable[[World], AbstractContextManager[Services]],
) -> None:
    """Its write, held up until rotation and retirement are through, is refused; repeated, kept."""
    bridge_world.grant("u0")
    idp = Idp(bridge_world)
    tokens = idp.sign_in()
    message = idp.login(tokens)
    admin = bridge_world.services.key_admin
    former = read_keys(bridge_world.key_file).record_keys[0].id
    with process(bridge_world) as late, ThreadPoolExecutor(1, "late") as pool:
        paused = PausedCommits(late.store.commit, "late_0")
        monkeypatch.setattr(late.store, "commit", paused)
        sending = pool.submit(_sent, bridge_world, late, message)
        assert paused.reached.wait(10)

        admin.add()
        admin.rotate(None, _nothing)
        admin.retire(former)
        paused.go_on.set()

        with pytest.raises(BridgeError) as refused:
            sending.result(10)
        assert refused.value.code is Code.STORE_UNAVAILABLE
        assert refused.value.retry_after == 1
        assert bridge_world.grants_of("u1") == []
        late.upkeep.reload_keys()
        _sent(bridge_world, late, message)

    bridge_world.restart()
    _check_that_all_open(bridge_world.services)
    assert idp.held() == idp.marks(tokens)


def _written_with(services: Services, key_id: str) -> bool:
    """Tell whether the store takes a row of a key; leaves none."""
    row = Row(Ref("trial", "trial", "trial"), 1, b"", key_id)
    try:
        services.store.put(row)
    except KeyClosedError:
        return False
    services.store.delete(row.ref, 1)
    return True


def test_a_retirement_that_is_refused_leaves_the_key_open(bridge_world: World) -> None:
    """Records under it go on being written until a rotation has moved them."""
    bridge_world.grant("u1")
    services = bridge_world.services
    former = read_keys(bridge_world.key_file).record_keys[0].id
    with _that_stands_still(bridge_world) as late:
        services.key_admin.add()
        services.key_admin.rotate(None, _nothing)
        late.keys.refill(_with_first(late, former))
        [held] = late.grants.find(TENANT, "u1")
        late.grants.update(held.ref, lambda g: replace(g, consents=g.consents + 1))

        with pytest.raises(BridgeError) as refused:
            services.key_admin.retire(former)

    assert refused.value.code is Code.CONFLICT
    assert _written_with(services, former)
    services.key_admin.rotate(None, _nothing)
    services.key_admin.retire(former)
    assert not _written_with(services, former)


class _CutOff(Opening):
    """Is killed before it forgets a key."""

    def forget_key(self, key_id: str) -> None:
        raise KeyboardInterrupt(key_id)


def test_a_retirement_that_was_cut_off_goes_on(bridge_world: World) -> None:
    """Run again, it takes the key out; meanwhile everything is served, after a restart too."""
    grant = bridge_world.grant("u1")
    admin = bridge_world.services.key_admin
    former = read_keys(bridge_world.key_file).record_keys[0].id
    admin.add()
    admin.rotate(None, _nothing)
    opening = _CutOff(Records(bridge_world.services.store, bridge_world.services.keys))
    with pytest.raises(KeyboardInterrupt):
        dataclasses.replace(admin, opening=opening).retire(former)

    assert not _written_with(bridge_world.services, former)
    bridge_world.restart()
    bridge_world.grant("u2")
    assert bridge_world.read("u1").grant == grant.id
    bridge_world.services.key_admin.retire(former)

    assert former not in {key.id for key in read_keys(bridge_world.key_file).record_keys}
    bridge_world.restart()
    assert bridge_world.read("u1").grant == grant.id


def test_a_key_whose_retirement_was_cut_off_can_be_put_to_use_again(bridge_world: World) -> None:
    """A rotation to it opens it before anybody writes with it."""
    bridge_world.grant("u1")
    services = bridge_world.services
    former = read_keys(bridge_world.key_file).record_keys[0].id
    services.key_admin.add()
    services.key_admin.rotate(None, _nothing)
    services.store.close_key(former)

    with _another(bridge_world) as other:
        assert services.key_admin.rotate(former, _nothing) == Rotated(former, 0)
        other.upkeep.reload_keys()
        [held] = other.grants.find(TENANT, "u1")
        other.grants.update(held.ref, lambda g: replace(g, consents=g.consents + 1))

    bridge_world.grant("u2")
    assert set(services.key_admin.rotation.census()) == {former}


def test_events_sealed_with_a_retired_key_are_written_with_the_next(bridge_world: World) -> None:
    """The batch of a process that has not read the key file yet is refused, kept, and told."""
    bridge_world.grant("u1")
    services = bridge_world.services
    former = read_keys(bridge_world.key_file).record_keys[0].id
    bridge_world.read("u1")
    before = services.keys.present
    services.key_admin.add()
    services.key_admin.rotate(None, _nothing)
    services.key_admin.retire(former)
    after = services.keys.present
    issued = Query("event", state="token_issued")

    services.keys.refill(before)
    with pytest.raises(KeyClosedError):
        services.issued.write()
    assert services.store.list(issued) == []
    services.keys.refill(after)
    services.issued.write()

    assert len(services.store.list(issued)) == 1


def test_a_key_that_is_added_while_a_process_starts_is_noticed(bridge_world: World) -> None:
    """Between reading the key file and the first look for changes nothing slips through."""
    held = read_keys(bridge_world.key_file)
    keys = Keys(material(held))
    added = bridge_world.services.key_admin.add()
    reload_keys = KeyReloader(bridge_world.key_file, keys, held)

    assert reload_keys()
    assert added.id in keys.present.records.ids
    assert not reload_keys()


def test_the_same_keys_written_again_are_the_keys_in_use(bridge_world: World) -> None:
    """What was kept under them stays good."""
    held = read_keys(bridge_world.key_file)
    keys = Keys(material(held))
    present = keys.present
    reload_keys = KeyReloader(bridge_world.key_file, keys, held)
    for _ in range(2):
        write_keys(bridge_world.key_file, held)
        assert not reload_keys()
        assert keys.present is present


def test_a_rotation_that_was_cut_off_goes_on_where_it_was(bridge_world: World) -> None:
    """Run again, it seals only what is left, and then nothing."""
    for n in range(6):
        bridge_world.grant(f"u{n}")
    former = read_keys(bridge_world.key_file).record_keys[0].id
    admin = bridge_world.services.key_admin
    added = admin.add()
    done: list[int] = []

    def cut_off(number: int) -> None:
        done.append(number)
        if len(done) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        admin.rotate(None, cut_off)
    left = admin.rotation.census()[former]
    assert left > 0
    with pytest.raises(BridgeError) as used:
        admin.retire(former)
    assert used.value.code is Code.CONFLICT
    rest: list[int] = []
    assert admin.rotate(None, rest.append).key_id == added.id

    assert sum(rest) == left
    admin.rotate(None, rest.append)
    assert sum(rest) == left
    admin.retire(former)


@pytest.mark.sqlite
def test_damaged_records_are_passed_over_and_counted(bridge_world: World) -> None:
    """One that does not open keeps neither the others nor the count from the end."""
    damaged, sound = bridge_world.grant("u1"), bridge_world.grant("u2")
    stranger = bridge_world.grant("u3")
    hand = Hand(bridge_world.settings.store.path)
    where = "WHERE 'g_' || partition || id = ?"
    hand.run(f"UPDATE records SET body = x'01' {where}", damaged.id)  # noqa: S608 - our own text
    hand.run(f"UPDATE records SET key_id = 'k_gone' {where}", stranger.id)  # noqa: S608 - the same
    admin = bridge_world.services.key_admin
    added = admin.add()

    rotated = admin.rotate(None, _nothing)

    assert rotated.damaged == 2
    row = bridge_world.services.store.get(_ref(sound))
    assert row is not None
    assert row.key_id == added.id


def test_a_damaged_refresh_token_in_a_sound_record_is_counted_too(vault: Vault) -> None:
    """The inner seal's damage stops a rotation as little as the outer one's."""
    foreign = vault.sealed("1//token", account="somebody else")
    grant = replace(vault.grant(), candidates=(foreign,))
    held = vault.grants.get(grant.id)
    assert held is not None
    vault.store.commit([vault.records.replace(held, grant)])
    vault.grant("u2")
    vault.add_key()

    assert vault.rotation.run(_nothing) == 1


def test_the_key_that_writes_cannot_be_retired(bridge_world: World) -> None:
    """The first key and an unknown one are refused, and the file stays as it is."""
    keys = read_keys(bridge_world.key_file)
    admin = bridge_world.services.key_admin

    for key_id, code in ((keys.record_keys[0].id, Code.INVALID_REQUEST), ("k_x", Code.NOT_FOUND)):
        with pytest.raises(BridgeError) as refused:
            admin.retire(key_id)
        assert refused.value.code is code
    assert read_keys(bridge_world.key_file) == keys


def test_the_newest_key_is_one_also_when_two_are_made_in_a_second(bridge_world: World) -> None:
    """`rotate` without an id takes the key that was added last."""
    admin = bridge_world.services.key_admin
    admin.add()
    last = admin.add()

    assert admin.rotate(None, _nothing).key_id == last.id


def test_a_rotation_does_not_prolong_what_is_left_of_a_forgotten_grant(vault: Vault) -> None:
    """It goes 90 days after the forgetting, however often it is sealed anew."""
    grant = vault.grant()
    ref = _ref(grant)
    vault.grants.update(ref, lambda g: endings.forget(g, 5_000, 5_000))
    vault.add_key()

    vault.rotation.run(_nothing)

    held = vault.grants.at(ref)
    assert held is not None
    assert held.index.expires_at == 5_000 + FORGOTTEN_KEPT_S


def test_a_record_that_somebody_writes_meanwhile_is_left_to_them(vault: Vault) -> None:
    """A rotation does not undo a write that came between its reading and its own."""
    grant = vault.grant()
    ref = _ref(grant)
    vault.add_key()

    class Overtaken(Grants):
        """Somebody is always quicker."""

        def write(
            self, held: Held[Grant] | None, grant: Grant, cause: Cause = BY_ITSELF
        ) -> tuple[Op, ...]:
            ops = super().write(held, grant, cause)
            vault.grants.update(_ref(grant), lambda g: replace(g, consents=g.consents + 1))
            return ops

    grants = Overtaken(vault.records, vault.tokens, vault.clock, unjournalled)
    progress: list[int] = []

    damaged = Rotation(vault.records, grants, vault.tokens).run(progress.append)

    held = vault.grants.at(ref)
    assert held is not None
    assert (damaged, progress, held.record.consents) == (0, [], 1)


def test_an_import_under_way_goes_on_with_the_new_key(bridge_world: World) -> None:
    """What is imported after a rotation and a retirement can be read: the process has reloaded."""
    former = read_keys(bridge_world.key_file).record_keys[0].id
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account)
    line = {
        "tenant": TENANT,
        "subject": "u1",
        "account": {"sub": account.sub},
        "client": bridge_world.client.client_id,
        "refresh_token": tokens.refresh_token,
    }
    with _another(bridge_world) as importing:
        bridge_world.services.key_admin.add()
        bridge_world.services.key_admin.rotate(None, _nothing)
        bridge_world.services.key_admin.retire(former)

        [result] = importing.importer.run([json.dumps(line).encode()], dry_run=False)

    assert result.fate is Fate.IMPORTED
    assert CALENDAR in bridge_world.read("u1").scope
    assert not bridge_world.services.store.list(Query("grant", key_id=former))


def test_an_import_by_command_is_known_to_a_rotation(bridge_world: World) -> None:
    """While it runs it counts as a process: no key is retired under it that it writes with."""
    servers: list[int] = []

    class Watching(BytesIO):
        """A file that looks around when it is read."""

        def __next__(self) -> bytes:
            now = bridge_world.clock.now()
            servers.append(len(bridge_world.services.opening.servers(now)))
            return super().__next__()

    arguments = ["grants", "import", "-", "--config", str(bridge_world.config)]
    result = CliRunner().invoke(bridge, arguments, input=Watching(b"\n\n"))

    assert result.exit_code == 0, result.output
    assert servers == [1, 1, 1]
    assert bridge_world.services.opening.servers(bridge_world.clock.now()) == []
