"""Scopes in short, as grants are stored, and in full, as everybody else knows them."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.model import AccessToken, Account, Failure, Grant, RefreshToken, Source, State
from bridge.secret import Secret
from bridge.vault.records import encode
from bridge.vault.shorthand import shortened, spelled_out
from tests.kit import CALENDAR, DRIVE, SIGN_IN, World

# RFC 6749 section 3.3: what a scope can be made of.
_LETTERS = st.sampled_from([chr(n) for n in range(0x21, 0x7F) if chr(n) not in '"\\'])
_SCOPE = st.text(_LETTERS, min_size=1, max_size=8)
_SCOPES = st.none() | st.lists(
    _SCOPE | _SCOPE.map("https://www.googleapis.com/auth/".__add__) | st.sampled_from([CALENDAR]),
    max_size=4,
).map(tuple)


def token(scopes: tuple[str, ...] | None) -> RefreshToken:
    return RefreshToken(
        sealed=b"s",
        mark=b"m",
        risc_prefix=b"p",
        risc_sha512=b"h",
        time=1,
        source=Source.CAPTURE,
        scopes=scopes,
    )


def grant(scopes: tuple[str, ...] | None) -> Grant:
    """Return one that names scopes wherever a grant can."""
    access = AccessToken(token=Secret("a"), scopes=scopes, issued_at=1, expires_at=2)
    failure = Failure(
        code="c", public="p", reason=None, retry_after=None, scopes=scopes, epoch=1, until=2
    )
    return Grant(
        id="g",
        tenant="t",
        subject="s",
        account=Account(sub="1"),
        client_id="c",
        state=State.ACTIVE,
        live=token(scopes),
        spare=token(scopes),
        candidates=(token(scopes), token(None)),
        access=(access,),
        failure=failure,
    )


@given(_SCOPES)
def test_a_grant_that_was_shortened_is_spelled_out_again(scopes: tuple[str, ...] | None) -> None:
    """Every scope that can be comes back as it was, and what was never shortened stays."""
    full = grant(scopes)
    assert spelled_out(shortened(full)) == full
    assert spelled_out(full) == full
    assert spelled_out(replace(full, live=None, spare=None, failure=None)).live is None


def test_google_s_beginning_is_nowhere_in_what_is_stored() -> None:
    """Wherever a grant names a scope."""
    stored = encode(shortened(grant((CALENDAR, DRIVE, "openid"))))
    assert b"googleapis" not in stored
    assert b"openid" in stored


def test_a_grant_of_an_earlier_build_is_read(bridge_world: World) -> None:
    """A record with its scopes in full serves, and is shortened when it is next written."""
    bridge_world.grant("u1", f"{SIGN_IN} {CALENDAR}")
    bridge_world.read("u1")
    services = bridge_world.services
    [held] = services.grants.find("acme", "u1")
    records = services.grants._records  # noqa: SLF001 - to write as an earlier build did
    services.store.commit([records.replace(held, held.record)])
    assert bridge_world.grant_of("u1") == held.record
    assert bridge_world.read("u1").access_token
    services.grants.update(held.ref, lambda grant: replace(grant, fence=grant.fence + 1))
    row = services.store.get(held.ref)
    assert row is not None
    plain = msgspec.msgpack.encode(records.open(row, Grant).record, enc_hook=lambda _: "")
    assert b"googleapis.com/auth" not in plain
