"""Nothing that is private is readable in the store's files: neither tokens nor people."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.model import Source
from bridge.secret import Secret
from bridge.vault.refresh_tokens import Owner
from tests.kit import CALENDAR, DRIVE, HOUR, TENANT, World, token_fields
from tests.vault.conftest import Vault

pytestmark = pytest.mark.sqlite

_SUBJECT = "f:keycloak-subject-of-ada"
_WINDOW = 12


def _story(world: World) -> dict[str, str]:
    """Have everything happen that writes; return what must not be found, by what it is."""
    account = world.account("ada.lovelace@private.example")
    first = world.sign_in(account)
    world.login(_SUBJECT, account, first)
    served = world.read(_SUBJECT, CALENDAR)
    narrow = world.read(_SUBJECT, CALENDAR, caller=world.caller(scopes=[CALENDAR]))
    second = world.sign_in(account, f"openid {CALENDAR} {DRIVE}")
    world.login(_SUBJECT, account, second)
    world.clock.advance(2 * HOUR)
    later = world.read(_SUBJECT, DRIVE)
    unbound = world.sign_in(account, client=world.data_client)
    world.hook(
        {
            "type": "capture",
            "tenant": TENANT,
            "login_id": "login-session-of-ada",
            "account": {"sub": account.sub, "email": account.email},
            "client_id": world.data_client.client_id,
            "tokens": token_fields(unbound),
        }
    )
    key = world.key("backend-of-ada")
    world.hook({"type": "user_deleted", "tenant": TENANT, "subject": "f:keycloak-subject-of-bob"})
    return {
        "refresh token": str(first.refresh_token),
        "its re-consent": str(second.refresh_token),
        "unbound refresh token": str(unbound.refresh_token),
        "login's access token": str(first.access_token),
        "access token": served.access_token.reveal(),
        "narrow access token": narrow.access_token.reveal(),
        "later access token": later.access_token.reveal(),
        "id token": str(first.id_token).rpartition(".")[2],
        "client secret": world.client.secrets[0],
        "hook secret": world.secret.removeprefix("whsec_"),
        "caller's secret": key.rpartition(".")[2],
        "caller's name": "backend-of-ada",
        "subject": _SUBJECT,
        "subject that left": "f:keycloak-subject-of-bob",
        "email": str(account.email),
        "account": account.sub,
        "login": "login-session-of-ada",
    }


def _forms(text: str) -> Iterator[bytes]:
    """Yield every stretch of a secret, raw, in hex and in base64 of each alignment."""
    raw = text.encode()
    for start in range(max(1, len(raw) - _WINDOW + 1)):
        part = raw[start : start + _WINDOW]
        yield part
        yield part.hex().encode()
    for offset in range(3):
        encoded = base64.b64encode(raw[offset : offset + 3 * (len(raw[offset:]) // 3)])
        yield encoded.rstrip(b"=")[:16]


def _dump(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()).encode()


def _raw(path: Path) -> bytes:
    files = [path, *path.parent.glob(f"{path.name}-*")]
    return b"\n".join(file.read_bytes() for file in files)


def _found(haystack: bytes, text: str) -> bool:
    # A dump writes blobs in hex, in capitals.
    lowered = haystack.lower()
    return any(form in haystack or form.hex().encode() in lowered for form in _forms(text))


def test_no_secret_and_no_person_is_readable_in_the_store(bridge_world: World) -> None:
    """After a full story neither the dump nor the raw files hold any part of what is private."""
    private = _story(bridge_world)
    path = bridge_world.settings.store.path

    # While the bridge runs: the write-ahead log is part of what a thief would copy.
    dump, raw = _dump(path), _raw(path)

    assert [what for what, text in private.items() if _found(dump, text)] == []
    assert [what for what, text in private.items() if _found(raw, text)] == []


def test_the_same_search_finds_what_is_there(bridge_world: World) -> None:
    """The tenant's name, which is no secret, is found in both; so is a planted refresh token."""
    private = _story(bridge_world)
    path = bridge_world.settings.store.path
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE planted (token BLOB)")
        token = private["refresh token"].encode()
        connection.execute("INSERT INTO planted VALUES (?)", (b"x" + token,))

    for haystack in (_dump(path), _raw(path)):
        assert _found(haystack, TENANT)
        assert _found(haystack, private["refresh token"])


def test_a_refresh_token_stays_sealed_in_an_opened_grant(vault: Vault) -> None:
    """What a read opens still does not hold the token: only a refresh takes the inner seal off."""
    owner = Owner("acme", vault.grants.partition("acme", "a1"))
    secret = Secret("1//a-refresh-token-of-ada")

    token = vault.tokens.seal(owner, secret, time=1, source=Source.CAPTURE)

    assert not _found(repr(token).encode() + token.sealed, secret.reveal())
    assert vault.tokens.reveal(owner, token) == secret
