"""Bringing refresh tokens that somebody already has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.capture.importing import Fate, Imported
from bridge.google.id_token import CLOCK_SKEW
from bridge.model import UNKNOWN_TIME, Source, State
from bridge.store.base import Query, Row, StoreUnavailableError
from tests.capture.idp import Idp
from tests.kit import CALENDAR, DAY, HOUR, TENANT, World

ALL_KINDS = ("grant", "unbound", "binding", "message", "guard", "need", "farewell")


def _line(idp: Idp, subject: str = "u1", **more: Any) -> dict[str, Any]:
    line = {
        "tenant": TENANT,
        "subject": subject,
        "account": {"sub": idp.account.sub, "email": idp.account.email},
        "client": idp.world.client.client_id,
        "refresh_token": idp.sign_in().refresh_token,
    }
    return line | more


def _run(world: World, *lines: dict[str, Any] | bytes, dry_run: bool = False) -> list[Imported]:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return list(world.services.importer.run(raw, dry_run=dry_run))


def _fates(results: list[Imported]) -> list[Fate]:
    return [result.fate for result in results]


def _rows(world: World) -> list[Row]:
    store = world.services.store
    return [row for kind in ALL_KINDS for row in store.list(Query(kind, limit=1000))]


def test_an_imported_token_serves_once_it_has_proven_itself(bridge_world: World, idp: Idp) -> None:
    """An import makes an unverified grant, and its first refresh an active one."""
    assert _run(bridge_world, _line(idp)) == [Imported(1, Fate.IMPORTED)]
    token = idp.only()
    assert (token.source, token.time, token.account_proven) == (Source.IMPORT, UNKNOWN_TIME, False)
    assert bridge_world.grant_of("u1").state is State.UNVERIFIED

    assert bridge_world.read("u1", CALENDAR).account.email == idp.account.email
    assert bridge_world.grant_of("u1").state is State.ACTIVE


def test_a_dry_run_writes_nothing(bridge_world: World, idp: Idp) -> None:
    """A dry run tells what would become of each line, and the store stays as it is."""
    bridge_world.hook(idp.login(idp.sign_in()))
    before = _rows(bridge_world)
    lines: list[dict[str, Any] | bytes] = [
        _line(idp),
        _line(idp, "u2"),
        _line(idp, tenant="nobody"),
        b"nonsense",
    ]

    results = _run(bridge_world, *lines, dry_run=True)

    assert _fates(results) == [Fate.IMPORTED, Fate.IMPORTED, Fate.WRONG, Fate.WRONG]
    assert _rows(bridge_world) == before
    assert _fates(_run(bridge_world, *lines)) == _fates(results)


def test_an_import_that_is_run_again_changes_nothing(bridge_world: World, idp: Idp) -> None:
    """Every line that was imported is known the second time, and no row is written."""
    lines = [_line(idp, f"u{n}") for n in range(3)]
    _run(bridge_world, *lines)
    before = _rows(bridge_world)

    assert _fates(_run(bridge_world, *lines)) == [Fate.KNOWN] * 3
    assert _rows(bridge_world) == before


def test_an_import_that_was_cut_off_goes_on(
    bridge_world: World, idp: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was reported is on disk when the store goes down; the next run does the rest."""
    lines = [json.dumps(_line(idp, f"u{n}")).encode() for n in range(4)]
    store = bridge_world.services.store
    commit = store.commit
    left = iter([True, True])

    def sometimes(_: object, ops: Any, guard: Any = None) -> None:
        if not next(left, False):
            raise StoreUnavailableError("gone")
        commit(ops, guard)

    done: list[Imported] = []
    with monkeypatch.context() as failing:
        failing.setattr(type(store), "commit", sometimes)
        run = bridge_world.services.importer.run(lines, dry_run=False)
        with pytest.raises(StoreUnavailableError):
            done.extend(run)
    bridge_world.restart()
    again = list(bridge_world.services.importer.run(lines, dry_run=False))

    assert _fates(done) == [Fate.IMPORTED] * 2
    assert _fates(again) == [Fate.KNOWN] * 2 + [Fate.IMPORTED] * 2


def test_an_import_never_displaces_what_serves(bridge_world: World, idp: Idp) -> None:
    """An imported token counts as older than a captured one, which goes on serving."""
    captured = idp.sign_in()
    bridge_world.hook(idp.login(captured))
    bridge_world.read("u1", CALENDAR)

    assert _fates(_run(bridge_world, _line(idp))) == [Fate.IMPORTED]
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.read("u1", CALENDAR)

    live = bridge_world.grant_of("u1").live
    assert live is not None
    assert {live.mark} == idp.marks(captured)


def test_an_imported_token_takes_over_from_a_dead_one(bridge_world: World, idp: Idp) -> None:
    """Before a grant is declared dead, the imported token is tried."""
    captured = idp.sign_in()
    bridge_world.hook(idp.login(captured))
    bridge_world.read("u1", CALENDAR)
    _run(bridge_world, _line(idp))
    bridge_world.google.kill_refresh_tokens(idp.account, refresh_token=captured.refresh_token)
    bridge_world.clock.advance(2 * HOUR)

    assert bridge_world.read("u1", CALENDAR).account.sub == idp.account.sub


@pytest.mark.parametrize("how", ["forget", "revoke", "unlinked"])
def test_a_token_from_before_stays_out(bridge_world: World, idp: Idp, how: str) -> None:
    """An import does not bring back what was forgotten or revoked, with a time or without."""
    lines = [_line(idp), _line(idp, obtained_at=idp.now - DAY)]
    bridge_world.hook(idp.login(idp.sign_in()))
    bridge_world.clock.advance(60)
    [grant] = bridge_world.grants_of("u1")
    caller = bridge_world.caller()
    match how:
        case "forget":
            bridge_world.services.admin.forget(caller, grant.id)
        case "revoke":
            bridge_world.services.admin.revoke(caller, grant.id, dry_run=False)
        case _:
            bridge_world.hook(idp.unlinked())

    assert _fates(_run(bridge_world, *lines)) == [Fate.SHUT_OUT] * 2
    assert idp.held() == set()

    bridge_world.clock.advance(60)
    assert _fates(_run(bridge_world, _line(idp, obtained_at=idp.now))) == [Fate.IMPORTED]


def test_a_deleted_user_is_not_imported(bridge_world: World, idp: Idp) -> None:
    """A line about a user who was deleted writes nothing at all about them."""
    bridge_world.hook(idp.user_deleted())
    before = _rows(bridge_world)
    assert _fates(_run(bridge_world, _line(idp))) == [Fate.SHUT_OUT]
    assert _rows(bridge_world) == before


def test_a_time_from_the_future_is_not_believed(bridge_world: World, idp: Idp) -> None:
    """A line cannot date its token beyond every later revocation."""
    _run(bridge_world, _line(idp, obtained_at=idp.now + 100 * DAY))
    assert idp.only().time <= idp.now + CLOCK_SKEW


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"tenant": "nobody"}, "tenant: "),
        ({"client": "1-x.apps.googleusercontent.com"}, "client: "),
        ({"refresh_token": ""}, "refresh_token: "),
        ({"refresh_token": "1//" + "x" * 510}, "refresh_token: "),
        ({"refresh_token": 7}, "refresh_token: "),
        ({"refresh_token": [[[]]]}, "refresh_token: "),
        ({"subject": "a\0b"}, "subject: "),
        ({"subject": None}, "subject: "),
        ({"account": {"sub": "é"}}, "account.sub: "),
        ({"account": {}}, "account.sub: "),
        ({"obtained_at": "yesterday"}, "obtained_at: "),
        ({"refreshToken": "x"}, "refreshToken: "),
    ],
)
def test_a_wrong_line_is_named_by_number_and_field(
    bridge_world: World, idp: Idp, change: dict[str, Any], problem: str
) -> None:
    """Of three lines the second is wrong: the others are imported, and its field is named."""
    good = [_line(idp, "u1"), _line(idp, "u2")]
    wrong = _line(idp, "u3") | change

    results = _run(bridge_world, good[0], b"  \n", wrong, good[1])

    assert [(result.number, result.fate) for result in results] == [
        (1, Fate.IMPORTED),
        (3, Fate.WRONG),
        (4, Fate.IMPORTED),
    ]
    assert str(results[1].problem).startswith(problem)


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff\xfe", b'{"a":' + b"[" * 100_000, b"7"])
def test_a_line_that_is_no_object_is_named(bridge_world: World, raw: bytes) -> None:
    """What is no JSON object in UTF-8 is a wrong line like another."""
    [result] = _run(bridge_world, raw)
    assert (result.number, result.fate) == (1, Fate.WRONG)
    assert result.problem


def test_a_problem_never_quotes_a_value(bridge_world: World, idp: Idp) -> None:
    """Wherever in a wrong line the refresh token stands, the problem does not hold it."""
    token = _line(idp)["refresh_token"]
    for change in (
        {"tenant": token},
        {"client": token},
        {"account": token},
        {"account": {"sub": token, "x": 1}},
        {"subject": token, "extra": token},
        {token: token},
        {"obtained_at": token},
    ):
        [result] = _run(bridge_world, _line(idp) | change)
        assert result.fate is Fate.WRONG
        assert token[3:15] not in repr(result)
