"""Tokens that are handed out: told once for each caller, by a thread, and never lost by a stop."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.audit import issued as module
from bridge.audit.log import AuditLog, Named, Selection
from bridge.errors import BridgeError
from bridge.model import Caller, Event
from bridge.secret import Secret, fingerprint
from bridge.services import build
from bridge.store.base import StoreUnavailableError
from bridge.tokens.wire import TokenRequest
from tests.kit import CALENDAR, DRIVE, HOUR, SIGN_IN, TENANT, World
from tests.store.backends import together


def told(world: World) -> Sequence[Event]:
    world.services.issued.write()
    page = world.services.audit.page(Selection(tenants=None, type="token_issued", limit=1000))
    return [held.record for _, held in page.events]


def test_a_token_is_told_once_for_each_caller(bridge_world: World) -> None:
    """Reads of a warm token tell nothing more; another caller's first read does."""
    bridge_world.grant("u1")
    answers = [bridge_world.read("u1") for _ in range(3)]
    other = Caller("other", None, None, frozenset({"token"}))
    bridge_world.read("u1", caller=other)
    events = told(bridge_world)
    assert [event.actor for event in events] == ["backend", "other"]
    assert {event.tokens for event in events} == {(fingerprint(answers[0].access_token),)}
    assert events[0].subject == "u1"
    assert dict(events[0].details)["expires_at"] == str(answers[0].expires_at)


def test_every_token_is_told(bridge_world: World) -> None:
    """A narrower token, and the one after it expired, are other tokens."""
    bridge_world.grant("u1", f"{SIGN_IN} {CALENDAR} {DRIVE}")
    narrow = bridge_world.caller(scopes=[CALENDAR])
    first = [bridge_world.read("u1"), bridge_world.read("u1", caller=narrow)]
    bridge_world.clock.advance(2 * HOUR)
    first.append(bridge_world.read("u1"))
    assert [event.tokens for event in told(bridge_world)] == [
        (fingerprint(answer.access_token),) for answer in first
    ]


def test_a_refusal_and_a_preflight_tell_of_no_token(bridge_world: World) -> None:
    """Nobody got a token, so none was issued."""
    bridge_world.grant("u1")
    with pytest.raises(BridgeError):
        bridge_world.read("u1", DRIVE)
    with pytest.raises(BridgeError):
        bridge_world.read("nobody")
    request = TokenRequest(tenant=TENANT, subject="u1", scopes=(CALENDAR,))
    assert bridge_world.services.preflight.run(bridge_world.caller(), request).ok
    assert told(bridge_world) == []


def test_processes_tell_of_a_token_once_together(bridge_world: World) -> None:
    """Two processes that hand out the same cached token to the same caller leave one event."""
    bridge_world.grant("u1")
    bridge_world.read("u1")
    other = build(bridge_world.settings, bridge_world.clock)
    try:
        request = TokenRequest(tenant=TENANT, subject="u1", scopes=(CALENDAR,))
        other.tokens.read(bridge_world.caller(), request)
        writers = [bridge_world.services.issued.write, other.issued.write]
        together(2, lambda number: writers[number]())
    finally:
        other.close()
    assert len(told(bridge_world)) == 1


def test_a_restart_tells_nothing_again(bridge_world: World) -> None:
    """What an earlier process told is known by its name in the store."""
    bridge_world.grant("u1")
    bridge_world.read("u1")
    bridge_world.restart()
    bridge_world.read("u1")
    assert len(told(bridge_world)) == 1


def test_threads_tell_of_a_token_once(bridge_world: World) -> None:
    """Many threads of one process that read at once leave one event a token."""
    for n in range(5):
        bridge_world.grant(f"u{n}")
    together(8, lambda _: [bridge_world.read(f"u{n}") for n in range(5)])
    assert len(told(bridge_world)) == 5


def test_what_cannot_be_written_is_kept(
    bridge_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store takes no writes reads go on, and their events come when it does again."""
    bridge_world.grant("u1")
    bridge_world.read("u1")
    with monkeypatch.context() as patched:

        def refuse(*_: Any) -> None:
            raise StoreUnavailableError("full")

        patched.setattr(bridge_world.services.store, "commit", refuse)
        with pytest.raises(StoreUnavailableError):
            bridge_world.services.issued.write()
        bridge_world.read("u1")
    assert len(told(bridge_world)) == 1


def test_what_is_forgotten_in_memory_is_known_in_the_store(
    bridge_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of what was told has an end; beyond it the store's own names keep it single."""
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    batches: list[int] = []
    note_once = AuditLog.note_once

    def counted(audit: AuditLog, batch: Sequence[Named]) -> None:
        batches.append(len(batch))
        note_once(audit, batch)

    monkeypatch.setattr(AuditLog, "note_once", counted)
    for n in range(7):
        bridge_world.grant(f"u{n}")
    for _ in range(3):
        for n in range(7):
            bridge_world.read(f"u{n}")
    assert len(told(bridge_world)) == 7
    assert sum(batches) > 7


def test_memory_is_bounded_while_nothing_can_be_written(
    bridge_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit a token is noted at a later read, when there is room again."""
    monkeypatch.setattr(module, "_MOST_WAITING", 2)
    for n in range(4):
        bridge_world.grant(f"u{n}")
        bridge_world.read(f"u{n}")
    assert len(told(bridge_world)) == 2
    for n in range(4):
        bridge_world.read(f"u{n}")
    assert len(told(bridge_world)) == 4


def test_a_service_that_stops_writes_what_it_noted(bridge_world: World) -> None:
    """A token that was read a moment before the stop is told."""
    bridge_world.services.issued.start()
    bridge_world.grant("u1")
    bridge_world.read("u1")
    bridge_world.restart()
    assert len(told(bridge_world)) == 1


def test_what_is_noted_while_others_write_does_not_disturb_them(
    bridge_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers go on noting in the midst of a batch; each token is told, and the writing goes on."""
    grant, access = bridge_world.grant("u1"), bridge_world.read("u1").access_token
    batches: list[int] = []
    monkeypatch.setattr(AuditLog, "note_once", lambda _, batch: batches.append(len(batch)))
    issued = bridge_world.services.issued
    issued.write()
    batches.clear()
    [kept] = bridge_world.grant_of("u1").access

    def note(reader: int) -> None:
        for number in range(5_000):
            token = Secret(f"{access.reveal()} {reader} {number}")
            issued.note(bridge_world.caller(), grant, replace(kept, token=token))

    # Threads take turns as often as they can, so that what is not safe among them shows.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        readers = [threading.Thread(target=note, args=(number,)) for number in range(2)]
        for reader in readers:
            reader.start()
        while any(reader.is_alive() for reader in readers):
            issued.write()
    finally:
        sys.setswitchinterval(interval)
    issued.write()
    assert sum(batches) == 10_000


_WORKER = """
import sys
from pathlib import Path
from types import SimpleNamespace

from bridge.audit.issued import IssuedTokens
from bridge.secret import Secret

written = Path(sys.argv[1])
audit = SimpleNamespace(note_once=lambda batch: written.write_text(str(len(batch))))
clock = SimpleNamespace(now=lambda: 1.0)
issued = IssuedTokens(audit, clock)
issued.start()
grant = SimpleNamespace(
    tenant="t", subject="s", account=SimpleNamespace(sub="a"), client_id="c", id="g", granted=()
)
access = SimpleNamespace(token=Secret("token"), scopes=("s",), expires_at=1)
issued.note(SimpleNamespace(name="backend"), grant, access)
"""


def test_a_process_that_ends_writes_what_it_noted(tmp_path: Path) -> None:
    """A worker whose main thread returns, and that nobody stops, writes before Python ends."""
    written = tmp_path / "written"
    subprocess.run([sys.executable, "-c", _WORKER, str(written)], check=True, timeout=20)
    assert written.read_text() == "1"
