"""`kill -9` at random moments of capture, refresh, key rotation and import.

A process works on the store, and tells what the bridge has acknowledged. It is killed within a
fraction of a second; then another looks: nothing acknowledged is lost, nothing ended came back, no
lease outlasts its term, the store opens with whichever keys the key file has by then. What was not
acknowledged is done again by the next process.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.config.keys import read_keys
from bridge.model import State
from bridge.secret import Secret
from bridge.services import Services, build
from bridge.store.base import Query
from bridge.vault import lifecycle
from bridge.vault.grants import Identity
from bridge.vault.records import Records
from bridge.vault.rotation import KINDS
from tests.crash.killing import Life, Nursery
from tests.crash.ledger import Ledger, check_leases
from tests.crash.orders import Order, Work
from tests.kit import HOUR, TENANT, World

KILLS = 50
_MOST_LIVES = 3 * KILLS
_SAMPLE = 40
_random = secrets.SystemRandom()


@dataclass
class Crashes:
    """One kind of work, killed again and again."""

    world: World
    nursery: Nursery
    ledger: Ledger
    work: Work
    longest: float
    leases: int = 0
    lives: list[Life] = field(default_factory=list)

    def run(self, plan: Callable[[Ledger, str], None], *, fresh: int, kills: int = KILLS) -> None:
        """Kill `kills` processes, each with some subjects of its own and what others left over."""
        while sum(life.was_killed for life in self.lives) < kills:
            assert len(self.lives) < _MOST_LIVES
            known = self.ledger.subjects
            touched = [f"s{len(known) + n}" for n in range(fresh)]
            for subject in touched:
                plan(self.ledger, subject)
            # What follows happens after everything that was consented to.
            self.world.clock.advance(2)
            left_over = {deed.subject for deed in self.ledger.pending()}
            self.live(Order(self.work, self.world.clock.shift, self.ledger.pending()))
            earlier = _random.sample(known, min(_SAMPLE, len(known)))
            self.look({*touched, *left_over, *earlier})

    def live(self, order: Order) -> Life:
        life = self.nursery.life(order, self.longest)
        assert life.failures == []
        self.lives.append(life)
        self.ledger.done |= life.numbers("done")
        return life

    def look(self, subjects: set[str]) -> None:
        self.leases += check_leases(self.world)
        with _opened(self.world) as services:
            self.ledger.check(services, sorted(subjects))

    def finish(self) -> None:
        """Let what was left over be done in peace, and look at everything."""
        while pending := self.ledger.pending():
            order = Order("deeds", self.world.clock.shift, pending)
            life = self.nursery.life(order, longest=None)
            assert life.failures == []
            assert not life.was_killed
            self.ledger.done |= life.numbers("done")
        with _opened(self.world) as services:
            services.upkeep.rare()
            self.ledger.check(services, self.ledger.subjects)
            assert list(services.grants.everywhere(State.REVOKING)) == []


@contextmanager
def _opened(world: World) -> Iterator[Services]:
    """Open the bridge anew, as the next process does, with whichever keys there are now."""
    with closing(build(world.settings, world.clock)) as services:
        services.prove()
        yield services


@pytest.fixture
def nursery(bridge_world: World) -> Iterator[Nursery]:
    """Processes on the world's configuration."""
    with Nursery(bridge_world.config) as made:
        yield made


@pytest.fixture
def ledger(bridge_world: World) -> Ledger:
    """What is known of the world's subjects."""
    return Ledger(bridge_world)


def _capture_lives(ledger: Ledger, subject: str) -> None:
    """Logins, captures and bindings; some subjects leave, and late messages of theirs come.

    Every consent here is from before any deed is done, so those told after an ending are late.
    """
    match _random.randrange(5):
        case 0:
            ledger.sign_in(subject)
            ledger.sign_in(subject)
        case 1:
            ledger.sign_in(subject, is_unbound=True)
            ledger.bind(subject)
        case 2:
            first = ledger.sign_in(subject)
            ledger.repeat(first)
        case 3:
            first = ledger.sign_in(subject)
            ledger.forget(subject)
            ledger.sign_in(subject)
            ledger.repeat(first)
        case _:
            first = ledger.sign_in(subject)
            ledger.revoke(subject)
            ledger.sign_in(subject)
            ledger.repeat(first)


def _refresh_lives(ledger: Ledger, subject: str) -> None:
    """Reads, each with a refresh; re-consents between them; some subjects are revoked."""
    ledger.sign_in(subject)
    ledger.read(subject)
    ledger.sign_in(subject)
    ledger.read(subject)
    if _random.random() < 0.3:
        ledger.revoke(subject)
        ledger.read(subject)


def _one_login(ledger: Ledger, subject: str) -> None:
    ledger.sign_in(subject)


@pytest.mark.slow
def test_captures_survive_kill_9(bridge_world: World, nursery: Nursery, ledger: Ledger) -> None:
    """No acknowledged refresh token is lost, bound or not, and none outlives its ending."""
    crashes = Crashes(bridge_world, nursery, ledger, "deeds", 0.2)

    crashes.run(_capture_lives, fresh=15)
    crashes.finish()

    assert len(ledger.done) > KILLS


@pytest.mark.slow
def test_refreshes_survive_kill_9(bridge_world: World, nursery: Nursery, ledger: Ledger) -> None:
    """Every grant that was not ended serves on, and the leases of the dead end with their terms."""
    crashes = Crashes(bridge_world, nursery, ledger, "deeds", 0.3)

    crashes.run(_refresh_lives, fresh=14)
    crashes.finish()

    assert crashes.leases > 0
    bridge_world.clock.advance(2 * HOUR)
    living = [subject for subject in ledger.subjects if not ledger.is_ended(subject)]
    for subject in living[-_SAMPLE:]:
        assert bridge_world.read(subject).access_token


@pytest.mark.slow
def test_rotations_survive_kill_9(bridge_world: World, nursery: Nursery, ledger: Ledger) -> None:
    """Whenever it stops, every record opens with the keys of that moment; the next goes on."""
    crashes = Crashes(bridge_world, nursery, ledger, "rotation", 0.5)

    for _ in range(KILLS // 10):
        crashes.run(_one_login, fresh=8, kills=sum(x.was_killed for x in crashes.lives) + 10)
        with _opened(bridge_world) as services:
            _check_that_all_open(services)
            _complete(services)
    crashes.finish()

    assert sum(len(life.numbers("rotated")) for life in crashes.lives) > 0
    assert len(read_keys(bridge_world.key_file).record_keys) == 1


def _check_that_all_open(services: Services) -> None:
    records = Records(services.store, services.keys)
    for kind, record in KINDS.items():
        for row in services.store.list(Query(kind, limit=10_000)):
            records.open(row, record)


def _complete(services: Services) -> None:
    """Carry the rotation to its end, and retire what it leaves unused."""
    admin = services.key_admin
    rotated = admin.rotate(None, lambda _: None)
    assert rotated.damaged == 0
    assert set(admin.rotation.census()) == {rotated.key_id}
    for key in read_keys(admin.path).record_keys[1:]:
        admin.retire(key.id)


@pytest.mark.slow
def test_imports_survive_kill_9(bridge_world: World, nursery: Nursery, tmp_path: Path) -> None:
    """What was told to be imported is; run again, the import goes on, and nothing comes twice."""
    path = tmp_path / "grants.ndjson"
    tokens: list[str] = []
    imported: set[int] = set()
    kills = 0
    while kills < KILLS:
        if len(imported) == len(tokens):
            tokens += [f"1//{secrets.token_urlsafe(60)}" for _ in range(300)]
            path.write_text("".join(f"{_line(bridge_world, *t)}\n" for t in enumerate(tokens)))
        life = nursery.life(Order("import", bridge_world.clock.shift, lines=str(path)), 0.3)
        assert life.failures == []
        kills += life.was_killed
        now = {int(line.split()[1]) - 1 for line in life.told if line.endswith(" imported")}
        assert not now & imported
        known = {int(line.split()[1]) - 1 for line in life.told if line.endswith(" known")}
        assert {line.split()[-1] for line in life.told if line.startswith("line")} <= {
            "imported",
            "known",
        }
        imported |= now | known
        with _opened(bridge_world) as services:
            _check_imported(services, {n: tokens[n] for n in now})

    with _opened(bridge_world) as services, path.open("rb") as file:
        fates = {result.fate.value for result in services.importer.run(file, dry_run=False)}
        assert fates <= {"imported", "known"}
        _check_imported(services, dict(enumerate(tokens)))


def _line(world: World, number: int, token: str) -> str:
    return json.dumps(
        {
            "tenant": TENANT,
            "subject": f"s{number}",
            "account": {"sub": f"{10**20 + number}"},
            "client": world.client.client_id,
            "refresh_token": token,
        }
    )


def _check_imported(services: Services, tokens: dict[int, str]) -> None:
    for number, token in tokens.items():
        [held] = services.grants.find(TENANT, f"s{number}")
        marks = [t.mark for t in held.record.tokens]
        assert marks == [services.keys.hasher.mark(Secret(token))]


# The checker itself


def _done(world: World, ledger: Ledger) -> None:
    """Have every deed done here and now."""
    for deed in ledger.pending():
        if deed.verb == "hook":
            world.hook(deed.message, message_id=deed.message_id)
        else:
            [held] = world.services.grants.find(TENANT, deed.subject)
            world.services.admin.forget(world.caller(), held.record.id)
        ledger.done.add(deed.number)


def test_the_ledger_notices_a_lost_refresh_token(bridge_world: World, ledger: Ledger) -> None:
    """A row that is deleted by hand is reported; before, nothing was."""
    ledger.sign_in("kept")
    ledger.sign_in("lost")
    _done(bridge_world, ledger)
    ledger.check(bridge_world.services, ledger.subjects)
    grant = bridge_world.grant_of("lost")
    with closing(sqlite3.connect(bridge_world.settings.store.path)) as store, store:
        store.execute("DELETE FROM records WHERE 'g_' || partition || id = ?", (grant.id,))

    ledger.check(bridge_world.services, ["kept"])
    with pytest.raises(AssertionError, match="lost"):
        ledger.check(bridge_world.services, ledger.subjects)


def test_the_ledger_notices_one_lost_token_of_several(bridge_world: World, ledger: Ledger) -> None:
    """A grant that is there without one of its refresh tokens is reported."""
    first = ledger.sign_in("s1")
    ledger.sign_in("s1")
    _done(bridge_world, ledger)
    mark = bridge_world.services.keys.hasher.mark(Secret(str(first.brings)))
    [held] = bridge_world.services.grants.find(TENANT, "s1")

    bridge_world.services.grants.update(held.ref, lambda g: lifecycle.fall(g, mark, "x", 1))

    with pytest.raises(AssertionError, match="lost"):
        ledger.check(bridge_world.services, ["s1"])


def test_the_ledger_notices_a_token_that_came_back(bridge_world: World, ledger: Ledger) -> None:
    """A forgotten grant that is put back by hand is reported; before, nothing was."""
    deed = ledger.sign_in("s1")
    bridge_world.clock.advance(2)
    ledger.forget("s1")
    bridge_world.hook(deed.message, message_id=deed.message_id)
    before = bridge_world.grant_of("s1")
    ledger.done.add(deed.number)
    _done(bridge_world, ledger)
    ledger.check(bridge_world.services, ["s1"])
    sub = deed.message["account"]["sub"]
    identity = Identity(TENANT, "s1", sub, bridge_world.client.client_id)
    ref = bridge_world.services.grants.ref(identity)

    bridge_world.services.grants.update(ref, lambda _: before)

    with pytest.raises(AssertionError, match="came back"):
        ledger.check(bridge_world.services, ["s1"])


def test_the_ledger_notices_a_lease_that_is_stuck(bridge_world: World) -> None:
    """A lease whose term is far too long is reported; one of a dead holder is not."""
    store = bridge_world.services.store
    store.lease("of the dead", "somebody", 3)
    assert check_leases(bridge_world) == 1

    store.lease("stuck", "somebody", 60)
    with pytest.raises(AssertionError, match="stuck"):
        check_leases(bridge_world)
