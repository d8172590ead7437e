"""The log: what is written is read in order, once, whatever lies between."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from bridge.audit.act import EVERYWHERE, Act, ActType, Cause
from bridge.audit.cursor import BEGINNING, Cursor, format_cursor, parse_cursor
from bridge.audit.log import KIND, Named, Selection
from bridge.errors import BridgeError, Code
from bridge.store.base import Query
from tests.audit.conftest import Audit
from tests.kit import DAY
from tests.store.backends import together


def test_an_event_has_all_that_its_act_says(audit: Audit) -> None:
    """What is noted is read back whole, with the time and place it was noted at."""
    act = Act(
        type=ActType.REFRESH_FAILED,
        tenant="acme",
        cause=Cause("ops", "policy"),
        subject="u1",
        account="a1",
        client="c1",
        grant="g1",
        before="active",
        after="blocked",
        tokens=("fp_1", "rt_2"),
        details=(("code", "blocked"),),
    )
    audit.log.note(act)
    page = audit.log.page(Selection(tenants=None))
    ((place, held),) = page.events
    event = held.record
    assert place == page.next
    assert (event.type, event.actor, event.reason) == ("refresh_failed", "ops", "policy")
    assert (event.subject, event.account, event.client_id, event.grant) == ("u1", "a1", "c1", "g1")
    assert (event.before, event.after) == ("active", "blocked")
    assert (event.tokens, event.details) == (act.tokens, act.details)
    assert held.index.tenant == "acme"
    assert abs(event.at - audit.clock.now()) < 5


def test_pages_follow_each_other_without_gap_or_overlap(audit: Audit) -> None:
    """Reading on from `next` tells every event once, in the order in which they were noted."""
    for n in range(7):
        audit.note(f"u{n}")
    found, place = [], BEGINNING
    for _ in range(4):
        subjects, place = audit.read(place, limit=2)
        found.append(subjects)
    assert found == [["u0", "u1"], ["u2", "u3"], ["u4", "u5"], ["u6"]]
    assert audit.read(place) == ([], place)
    audit.note("later")
    assert audit.read(place)[0] == ["later"]


def test_a_cursor_moves_on_past_what_is_not_listed(audit: Audit) -> None:
    """A poll that finds nothing of its tenant or type need not look at the same events again."""
    audit.note("a")
    audit.note("b", "globex")
    _, seen = audit.read()
    found, place = audit.read(tenants=frozenset({"acme"}), type_="recovered")
    assert (found, place) == ([], seen)
    audit.note("c", type_=ActType.RECOVERED)
    assert audit.read(place, tenants=frozenset({"acme"}), type_="recovered")[0] == ["c"]


@pytest.mark.parametrize(
    ("tenants", "wanted"),
    [
        (None, ["a", "b", "c", "everywhere"]),
        ({"acme"}, ["a"]),
        ({"acme", "globex"}, ["a", "b"]),
        ({"acme", "other"}, ["a"]),
        (set(), []),
    ],
)
def test_only_events_of_the_chosen_tenants_are_listed(
    audit: Audit, tenants: set[str] | None, wanted: list[str]
) -> None:
    """What concerns no tenant in particular is listed for those alone who see all."""
    audit.note("a")
    audit.note("b", "globex")
    audit.note("c", "initech")
    audit.note("everywhere", EVERYWHERE)
    seen = None if tenants is None else frozenset(tenants)
    assert audit.read(tenants=seen)[0] == wanted
    newest = audit.log.newest(Selection(tenants=seen)).events
    assert [held.record.subject for _, held in newest] == wanted


def test_many_events_of_others_hide_none(audit: Audit) -> None:
    """A caller of some tenants finds its few events among thousands of others' in a few calls."""
    for n in range(3):
        others = [audit.log.op("p", Act(type=ActType.CAPTURED, tenant="big")) for _ in range(6_000)]
        audit.store.commit(others)
        audit.note(f"mine {n}")
    found: list[str | None] = []
    place, tenants = BEGINNING, frozenset({"acme", "small"})
    for _ in range(3):
        subjects, place = audit.read(place, tenants=tenants)
        found += subjects
    assert found == ["mine 0", "mine 1", "mine 2"]
    assert audit.read(place, tenants=tenants) == ([], place)


def test_the_newest_are_told_in_their_order(audit: Audit) -> None:
    """The last events come oldest first, and reading on from there misses none."""
    for n in range(5):
        audit.note(f"u{n}")
    page = audit.log.newest(Selection(tenants=None, limit=2))
    assert [held.record.subject for _, held in page.events] == ["u3", "u4"]
    audit.note("later")
    assert audit.read(page.next)[0] == ["later"]


def test_a_poller_misses_nothing_that_many_write(audit: Audit) -> None:
    """While threads note events, readers that poll see all of them, once, in one order."""
    writers, each = 4, 25

    def work(number: int) -> list[str | None]:
        if number < writers:
            for n in range(each):
                audit.note(f"{number}.{n}")
            return []
        found: list[str | None] = []
        place = BEGINNING
        while len(found) < writers * each:
            subjects, place = audit.read(place, limit=3)
            found += subjects
        return found

    polled = together(writers + 2, work)[writers:]
    everything, _ = audit.read(limit=1000)
    assert len(set(everything)) == writers * each
    assert polled == [everything, everything]


def test_a_damaged_event_hides_no_other(audit: Audit) -> None:
    """An event that was edited in the file is left out, and the others are listed around it."""
    for n in range(3):
        audit.note(f"u{n}")
    with closing(sqlite3.connect(audit.path)) as connection:
        connection.execute("UPDATE records SET tenant = 'globex' WHERE position = 2")
        connection.commit()
    assert audit.read()[0] == ["u0", "u2"]


def test_events_go_when_their_time_is_over(audit: Audit) -> None:
    """A sweep takes events past `keep_days`, and a poller goes on from where it was."""
    audit.note("old")
    _, place = audit.read()
    audit.clock.advance(9 * DAY)
    audit.note("new")
    assert audit.store.sweep(KIND, int(audit.clock.now()), 100) == 0
    audit.clock.advance(2 * DAY)
    assert audit.store.sweep(KIND, int(audit.clock.now()), 100) == 1
    assert audit.read(place)[0] == ["new"]
    audit.clock.advance(30 * DAY)
    audit.store.sweep(KIND, int(audit.clock.now()), 100)
    assert audit.read(place) == ([], place)


def test_a_named_event_is_written_once(audit: Audit) -> None:
    """Two who tell the same under one name, at once too, leave one event."""
    names = [("n", str(n)) for n in range(10)]

    def tell(_number: int) -> None:
        act = Act(type=ActType.TOKEN_ISSUED, tenant="acme")
        audit.log.note_once([Named(7, name, act) for name in names])

    together(6, tell)
    rows = audit.store.list(Query(KIND, after_position=0))
    assert len(rows) == len(names)
    page = audit.log.page(Selection(tenants=None))
    assert {held.record.at for _, held in page.events} == {7}


def test_a_cursor_is_the_same_after_its_text() -> None:
    """The text of a place can be turned back."""
    place = Cursor(2**40 + 17, b"\xff\x00\xfb\xef")
    assert parse_cursor(format_cursor(place)) == place


def test_a_cursor_beyond_what_a_store_counts_to_is_none() -> None:
    """Found by a request with `after=e_0000000000000000`, which was answered by a 500."""
    with pytest.raises(ValueError, match="63 bits"):
        parse_cursor("e_0000000000000000")


def test_a_cursor_from_before_a_restore_is_refused(audit: Audit) -> None:
    """Where a place has another event by now, or none yet, the poller is told to begin anew."""
    audit.note("a")
    copy = audit.path.with_suffix(".backup")
    audit.store.close()
    shutil.copy(audit.path, copy)
    audit.open()
    audit.note("b")
    _, place = audit.read()
    audit.store.close()
    shutil.copy(copy, audit.path)
    audit.path.with_name(audit.path.name + "-wal").unlink(missing_ok=True)
    audit.open()
    for _ in range(2):
        with pytest.raises(BridgeError) as caught:
            audit.read(place)
        assert (caught.value.code, caught.value.field) == (Code.INVALID_REQUEST, "after")
        audit.note("another b")
    assert audit.read()[0] == ["a", "another b", "another b"]
