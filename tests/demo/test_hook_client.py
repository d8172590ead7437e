"""The sandbox IdP's side of the hook, against a real bridge: encrypted, signed, in order, kept."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bridge.sandbox.idp.hook import HookClient, HookReply
from bridge.sandbox.idp.settings import HookTarget
from bridge.sandbox.local_server import LocalServer
from bridge.sandbox.records import Account
from bridge.secret import Secret
from tests.kit import CALENDAR, SIGN_IN, TENANT, World
from tests.wsgi import internal_wsgi

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SUBJECT = "ann"


class Line:
    """The way to the bridge: it can be cut, and what went over it can be looked at."""

    def __init__(self, world: World) -> None:
        self.app = internal_wsgi(world.services)
        self.is_cut = False
        self.bodies: list[bytes] = []

    def __call__(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if self.is_cut:
            respond("503 Service Unavailable", [])
            return [b""]
        if body:
            self.bodies.append(body)
        return self.app(environ, respond)


@pytest.fixture
def line(bridge_world: World) -> Line:
    return Line(bridge_world)


@pytest.fixture
def url(line: Line) -> Iterator[str]:
    """Where the internal listener of the bridge is."""
    with LocalServer() as server:
        server.mount(line)
        yield server.url


@pytest.fixture
def client(bridge_world: World, url: str) -> HookClient:
    return hook_client(bridge_world, url)


def hook_client(world: World, url: str) -> HookClient:
    target = HookTarget(
        internal=url,
        issuer="http://localhost:8600",
        tenant=TENANT,
        secret=Secret(world.secret),
        return_secret=Secret("r" * 32),
    )
    return HookClient(target, world.clock)


def facts(world: World, account: Account) -> dict[str, Any]:
    return {
        "tenant": TENANT,
        "subject": SUBJECT,
        "account": {"sub": account.sub, "email": account.email},
        "login": {
            "id": f"login-of-{account.sub}",
            "client_id": world.client.client_id,
            "scopes": [*SIGN_IN.split(), CALENDAR],
        },
    }


def tell(client: HookClient, world: World, account: Account) -> HookReply | None:
    message = {"type": "login", "client_id": world.client.client_id, **facts(world, account)}
    return client.login(message, world.sign_in(account).as_json())


def test_a_login_is_captured_from_an_encrypted_message(
    bridge_world: World, client: HookClient
) -> None:
    """The bridge opens what the IdP encrypted, and serves a token from it."""
    account = bridge_world.account()
    reply = tell(client, bridge_world, account)
    assert reply is not None
    assert (reply.result, reply.decision) == ("captured", "continue")
    assert bridge_world.read(SUBJECT, CALENDAR).account.sub == account.sub


def test_no_token_crosses_the_wire_in_clear(
    bridge_world: World, client: HookClient, line: Line
) -> None:
    """The message's body holds none of Google's tokens."""
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account).as_json()
    message = {"type": "login", "client_id": bridge_world.client.client_id}
    assert client.login(message | facts(bridge_world, account), tokens) is not None
    sent = b"".join(line.bodies)
    assert b"tokens_jwe" in sent
    for name in ("refresh_token", "access_token", "id_token"):
        assert str(tokens[name]).encode() not in sent


def test_a_login_goes_on_while_the_bridge_is_away_and_nothing_is_lost(
    bridge_world: World, client: HookClient, line: Line
) -> None:
    """What was not acknowledged is kept, and sent before the next message."""
    first, second = bridge_world.account(), bridge_world.account()
    assert tell(client, bridge_world, first) is not None
    line.is_cut = True
    assert tell(client, bridge_world, second) is None
    assert client.waiting == 1
    line.is_cut = False
    third = bridge_world.account()
    assert tell(client, bridge_world, third) is not None
    assert client.waiting == 0
    accounts = {grant.account.sub for grant in bridge_world.grants_of(SUBJECT)}
    assert accounts == {first.sub, second.sub, third.sub}


def test_messages_are_sent_in_the_order_of_their_logins(
    bridge_world: World, client: HookClient, line: Line
) -> None:
    """A message that waits is not overtaken, and its body is sent again unchanged."""
    accounts = [bridge_world.account() for _ in range(3)]
    assert tell(client, bridge_world, accounts[0]) is not None
    line.is_cut = True
    assert tell(client, bridge_world, accounts[1]) is None
    line.is_cut = False
    tell(client, bridge_world, accounts[2])
    told = [next(a.sub for a in accounts if a.sub.encode() in body) for body in line.bodies]
    assert told == [account.sub for account in accounts]


def test_a_refresh_token_is_never_sent_without_a_key_to_encrypt_it_to(
    bridge_world: World, url: str, line: Line
) -> None:
    """An IdP that never had the bridge's key has no safe place for a token, and says so."""
    line.is_cut = True
    client, account = hook_client(bridge_world, url), bridge_world.account()
    with pytest.raises(requests.RequestException):
        tell(client, bridge_world, account)
    assert client.waiting == 0


def test_a_decide_is_never_kept(bridge_world: World, client: HookClient, line: Line) -> None:
    """Nothing in it could be lost."""
    line.is_cut = True
    account = bridge_world.account()
    assert client.decide({"type": "decide", **facts(bridge_world, account)}) is None
    assert client.waiting == 0
