"""A refresh token planted through every way in is shown nowhere, whatever becomes of it."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey
from msgspec import structs

from bridge.capture.evidence import secret_hook
from bridge.capture.wire import Login
from bridge.crypto.keyring import Keyring
from bridge.google.credentials import ClientCredentials
from bridge.google.outcome import Refreshed
from bridge.model import Grant
from bridge.parsing import read_json
from bridge.sandbox.canned import CannedAnswer
from bridge.sandbox.records import Account, TokenAnswer
from bridge.secret import Secret
from bridge.signing.webhooks import sign
from bridge.store.base import Query
from bridge.vault.keys import KeyMaterial
from bridge.web.route import NOBODY, Ask
from bridge.web.wire import ProfileRequest
from tests.canary.evidence import Evidence, stored
from tests.canary.hunt import Hunt
from tests.kit import CALENDAR, HOUR, TENANT, World, token_fields
from tests.serve.conftest import Start

MADE_UP = "1//0" + secrets.token_urlsafe(99)[:99]  # as long as Google's


def planted(tokens: TokenAnswer) -> str:
    assert tokens.refresh_token is not None
    assert len(tokens.refresh_token) == len(MADE_UP)
    return tokens.refresh_token


def assert_unseen(evidence: Evidence, *canaries: str) -> None:
    """Check that nothing shown holds a window of a canary."""
    hunt = Hunt(canaries)
    places = evidence.collect()
    assert {"log", "stdout"} <= {place for place, _ in places}
    assert sum(1 for place, _ in places if place.startswith("bridge.")) > 20
    leaks = {place: hits[:3] for place, text in places if (hits := hunt.found(text))}
    assert leaks == {}


def profile_with(token: str) -> dict[str, Any]:
    """Return a profile that holds a token wherever profiles have been seen to."""
    return {
        "sub": "u1",
        "refresh_token": token,
        "identities": [{"provider": "google-oauth2", "refreshToken": token}],
        "app_metadata": {"google": json.dumps({"tokens": {"refresh_token": token}})},
        "picture": f"https://x.test/a?rt={quote(token, safe='')}",
        "note": f"it is {token}, I think",
        token: "as a name",
    }


def message(world: World, account: Account, subject: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "login",
        "tenant": TENANT,
        "subject": subject,
        "account": {"sub": account.sub, "email": account.email},
        "client_id": world.client.client_id,
        "login": {"id": secrets.token_hex(8)},
        "obtained_at": int(world.clock.now()),
    } | more


def sealed(world: World, account: Account, tokens: TokenAnswer) -> str:
    """Encrypt tokens as an IdP's adapter does."""
    [key] = world.services.keys.present.envelope.public_jwks()["keys"]
    plain = {"tenant": TENANT, "sub": account.sub, "tokens": token_fields(tokens)}
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key["kid"]}
    return jwe.encrypt_compact(header, json.dumps(plain), ECKey.import_key(key))


def use(evidence: Evidence, subject: str) -> None:
    """Ask for everything that the API has of a subject's grants."""
    world = evidence.world
    request = {"tenant": TENANT, "subject": subject, "scopes": [CALENDAR]}
    evidence.ask("POST", "/v1/token", json=request)
    evidence.ask("POST", "/v1/tokens", json={"requests": [request, request | {"min_ttl": 1800}]})
    evidence.ask("POST", "/v1/preflight", json=request)
    evidence.ask("GET", f"/v1/grants?tenant={TENANT}")
    for path in ("/live", "/ready", "/version", "/openapi.json", "/.well-known/jwks.json"):
        evidence.ask("GET", path)
    for grant in world.grants_of(subject):
        evidence.ask("GET", f"/v1/grants/{grant.id}")
        evidence.ask("POST", f"/v1/grants/{grant.id}/revoke", json={"dry_run": True})
        evidence.texts.append(("grant", f"{grant!r} {grant} {grant.tokens!r}"))
    evidence.attempt(lambda: world.read(subject))


def end(evidence: Evidence, subject: str) -> None:
    """Revoke and forget a subject's grants."""
    for grant in evidence.world.grants_of(subject):
        evidence.ask("POST", f"/v1/grants/{grant.id}/revoke", json={})
        evidence.ask("DELETE", f"/v1/grants/{grant.id}")


def into_login(evidence: Evidence, account: Account, tokens: TokenAnswer) -> None:
    world = evidence.world
    fields = {"tokens": token_fields(tokens), "profile": profile_with(planted(tokens))}
    answer = evidence.hook(message(world, account, "u1", **fields))
    assert answer.get_json()["result"] == "captured"
    evidence.hook(message(world, account, "u1", **fields))


def into_sealed_login(evidence: Evidence, account: Account, tokens: TokenAnswer) -> None:
    world = evidence.world
    whole = message(world, account, "u1", tokens_jwe=sealed(world, account, tokens))
    assert evidence.hook(whole).get_json()["result"] == "captured"


def into_capture_and_bind(evidence: Evidence, account: Account, tokens: TokenAnswer) -> None:
    shared = {"tenant": TENANT, "login_id": "l1"}
    capture = shared | {
        "type": "capture",
        "account": {"sub": account.sub},
        "client_id": evidence.world.client.client_id,
        "tokens": token_fields(tokens),
    }
    bind = shared | {"type": "bind", "account": {"sub": account.sub}, "subject": "u1"}
    assert evidence.hook(capture).get_json()["result"] == "captured"
    assert evidence.hook(bind).get_json()["result"] == "bound"


def into_import(evidence: Evidence, account: Account, tokens: TokenAnswer) -> None:
    world = evidence.world
    line = {
        "tenant": TENANT,
        "subject": "u1",
        "account": {"sub": account.sub},
        "client": world.client.client_id,
        "refresh_token": planted(tokens),
    }
    raw = json.dumps(line).encode()
    for dry_run in (True, False, False):
        evidence.attempt(partial(_imported, world, [raw], dry_run=dry_run))
    wrong = [json.dumps(line | change).encode() for change in ({"subject": 5}, {"x": 1})]
    evidence.attempt(partial(_imported, world, [*wrong, raw[:-9]], dry_run=False))


def _imported(world: World, lines: list[bytes], *, dry_run: bool) -> list[object]:
    return list(world.services.importer.run(lines, dry_run=dry_run))


WAYS = [into_login, into_sealed_login, into_capture_and_bind, into_import]


@pytest.mark.parametrize("way", WAYS)
def test_a_planted_token_is_shown_nowhere_on_its_way_through(way: Any, evidence: Evidence) -> None:
    """From its capture to its revoke, with refreshes, a rotation and a re-consent in between."""
    world = evidence.world
    account = world.account()
    tokens = world.sign_in(account)
    way(evidence, account, tokens)
    use(evidence, "u1")
    world.google.configure(rotate_refresh_tokens=True)
    world.clock.advance(2 * HOUR)
    use(evidence, "u1")
    [rotated] = world.google.refresh_tokens(account)
    again = world.sign_in(account)
    way(evidence, account, again)
    use(evidence, "u1")
    world.services.upkeep.rare()
    end(evidence, "u1")

    # The control: it did reach Google.
    assert {planted(tokens), rotated.token} <= set(evidence.received)
    assert_unseen(evidence, planted(tokens), planted(again), rotated.token)


def test_the_search_finds_the_token_where_it_is_meant_to_be(evidence: Evidence) -> None:
    """A control: in what Google received, and in what the vault reveals to send there."""
    world = evidence.world
    account = world.account()
    tokens = world.sign_in(account)
    into_login(evidence, account, tokens)
    use(evidence, "u1")
    hunt = Hunt([planted(tokens)])

    assert hunt.found(" ".join(evidence.received))
    grant = world.grant_of("u1")
    assert grant.live is not None
    owner = world.services.grants.owner(grant)
    revealed = world.services.admin.tokens.reveal(owner, grant.live)
    assert revealed.reveal() == planted(tokens)
    assert hunt.found(revealed.reveal())
    assert not hunt.found(f"{revealed} {revealed!r} {revealed:s} {[revealed]}")


def test_values_that_carry_a_token_do_not_print_it(evidence: Evidence) -> None:
    """Messages, evidence, outcomes and the like, all of which are gone as soon as they are used."""
    world = evidence.world
    account = world.account()
    tokens = world.sign_in(account)
    token = planted(tokens)
    fields = {"tokens": token_fields(tokens), "profile": profile_with(token)}
    read_login = msgspec.json.Decoder(Login, dec_hook=secret_hook)
    login = read_json(read_login, json.dumps(message(world, account, "u1", **fields)).encode())
    opened = read_login.decode(
        json.dumps(message(world, account, "u1", tokens_jwe=sealed(world, account, tokens)))
    )
    examiner = world.services.hook.planner.examiner
    google = world.services.google
    client = ClientCredentials(world.client.client_id, Secret(world.client.secrets[0]))
    world.google.configure(rotate_refresh_tokens=True)
    refreshed = google.refresh(client, Secret(token))
    assert isinstance(refreshed, Refreshed)
    assert refreshed.refresh_token is not None
    now = int(world.clock.now())
    values = [
        Secret(token),
        login,
        login.tokens,
        opened,
        examiner.examine(login, now),
        examiner.examine(opened, now),
        refreshed,
        google.revoke(Secret(token)),
        ProfileRequest(profile=profile_with(token)),
        Ask(NOBODY, {"grant": token}, token, token.encode(), {"HTTP_AUTHORIZATION": token}),
    ]

    hunt = Hunt([token, refreshed.refresh_token.reveal()])
    for value in values:
        for shown in (f"{value!r}", f"{value}", f"{[value]}"):
            assert hunt.found(shown) == [], type(value)
    assert hunt.found(str(login.profile))


def echoes(token: str) -> Iterator[CannedAnswer]:
    """Yield answers of a Google that throws back what it was sent."""
    for status in (200, 302, 400, 401, 403, 429, 500, 503):
        for name in ("invalid_grant", "invalid_client", token):
            told = {
                "error": name,
                "error_description": f"Token {token} is bad",
                "error_subtype": token,
                "error_uri": f"https://x.test/{quote(token, safe='')}",
                "access_token": f"{token}\n",
                "id_token": token,
                "scope": token,
                "expires_in": 3599,
            }
            headers = {
                "X-Request-Id": token,
                "Retry-After": token,
                "Location": f"/{token}",
                "Date": token,
                "WWW-Authenticate": f'Bearer error="{token}"',
            }
            yield CannedAnswer(status=status, body=json.dumps(told), headers=headers)
    yield CannedAnswer(status=400, body=f"<html>{token}</html>", content_type="text/html")
    yield CannedAnswer(status=200, body=f'{{"refresh_token": "{token}", "access_token": 5')


def test_a_google_that_echoes_is_not_repeated(evidence: Evidence) -> None:
    """Whatever Google writes into errors, headers and scopes, nobody is told."""
    world = evidence.world
    account = world.account()
    tokens = world.sign_in(account)
    into_login(evidence, account, tokens)
    for answer in echoes(planted(tokens)):
        world.google.clear_faults()
        world.google.inject(None, answer, times=None)
        world.clock.advance(400)
        evidence.ask("POST", "/v1/token", json={"grant": only(world).id, "scopes": [CALENDAR]})
        evidence.attempt(lambda: world.read("u1"))
        if only(world).tokens == ():
            world.google.clear_faults()
            break
    world.google.clear_faults()
    for answer in list(echoes(planted(tokens)))[:3]:
        world.google.inject("revocation", answer, times=None)
        end(evidence, "u1")
    assert_unseen(evidence, planted(tokens))


def only(world: World) -> Grant:
    [grant] = world.grants_of("u1")
    return grant


def without_a_store(evidence: Evidence) -> None:
    """The store goes away."""
    evidence.world.services.store.close()


def without_its_keys(evidence: Evidence) -> None:
    """The key file is another one's."""
    keys = evidence.world.services.keys
    ring = Keyring({"rk_other": secrets.token_bytes(32)})
    keys.refill(KeyMaterial(ring, keys.present.hasher, keys.present.envelope))


def with_damaged_records(evidence: Evidence) -> None:
    """A bit of each record flips on disk."""
    store = evidence.world.services.store
    for kind in ("grant", "unbound", "message"):
        for row in store.list(Query(kind)):
            body = row.body[:-1] + bytes([row.body[-1] ^ 1])
            store.replace(structs.replace(row, version=row.version + 1, body=body), row.version)


def with_damaged_tokens(evidence: Evidence) -> None:
    """The inner seal of each refresh token breaks."""
    grants = evidence.world.services.grants
    for held in grants.find(TENANT, "u1"):
        damaged = tuple(
            structs.replace(token, sealed=token.sealed[:-1] + bytes([token.sealed[-1] ^ 1]))
            for token in held.record.candidates
        )
        changed = structs.replace(held.record, candidates=damaged)
        evidence.world.services.store.commit(grants.write(held, changed))


FAILURES = [without_a_store, without_its_keys, with_damaged_records, with_damaged_tokens]


@pytest.mark.parametrize("fail", FAILURES)
def test_a_failure_shows_no_token(fail: Any, evidence: Evidence) -> None:
    """Store, keys and records fail after a capture, and while others come in."""
    world = evidence.world
    account = world.account()
    tokens = world.sign_in(account)
    into_login(evidence, account, tokens)
    [grant] = world.grants_of("u1")

    evidence.ask("GET", "/live")
    fail(evidence)
    pinned = {"grant": grant.id, "scopes": [CALENDAR]}
    for path in ("/v1/token", "/v1/preflight"):
        evidence.ask("POST", path, json=pinned)
    evidence.ask("POST", "/v1/tokens", json={"requests": [pinned]})
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/revoke")):
        body: dict[str, str] | None = {} if method == "POST" else None
        evidence.ask(method, f"/v1/grants/{grant.id}{path}", json=body)
    evidence.attempt(lambda: world.read("u1"))
    evidence.attempt(world.services.upkeep.rare)
    late = world.sign_in(account)
    for way in WAYS:
        evidence.attempt(partial(way, evidence, account, late))

    assert evidence.errors
    assert_unseen(evidence, planted(tokens), planted(late))


@pytest.mark.parametrize(
    "place",
    [
        "bridge.google.client.GoogleClient.refresh",
        "bridge.google.transport.Transport._answer",
        "bridge.google.classify.decode",
        "bridge.vault.refresh_tokens.RefreshTokens.reveal",
        "bridge.vault.refresh_tokens.RefreshTokens.seal",
        "bridge.vault.lifecycle.prove",
        "bridge.vault.grants.Grants.write",
        "bridge.capture.admission.Admission.enter",
        "bridge.capture.planning.strip",
        "bridge.capture.evidence.Examiner.examine",
        "bridge.crypto.envelope.Envelope.open",
        "bridge.store.sqlite.SqliteStore.commit",
    ],
)
def test_an_unforeseen_exception_shows_no_token(
    place: str, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of our own whose text quotes the token is answered and logged without that text."""
    world = evidence.world
    account = world.account()
    tokens = world.sign_in(account)
    into_login(evidence, account, tokens)
    late = world.sign_in(account)
    jwe_of_late = sealed(world, account, late)
    evidence.ask("GET", "/live")

    def fail(*_args: object, **_more: object) -> None:
        raise RuntimeError(f"{planted(tokens)} {planted(late)}")

    monkeypatch.setattr(place, fail)
    with_tokens = {"tokens": token_fields(late), "profile": profile_with(planted(late))}
    statuses = {
        evidence.ask(
            "POST", "/v1/token", json={"tenant": TENANT, "subject": "u1", "scopes": [CALENDAR]}
        ).status_code,
        evidence.hook(message(world, account, "u1", **with_tokens)).status_code,
        evidence.hook(message(world, account, "u1", tokens_jwe=jwe_of_late)).status_code,
    }
    monkeypatch.undo()

    assert 500 in statuses
    assert_unseen(evidence, planted(tokens), planted(late))


REQUEST = {"tenant": TENANT, "subject": "u1", "scopes": [CALENDAR]}
MISTAKEN_REQUESTS: list[Any] = [
    *(REQUEST | {name: MADE_UP} for name in (*REQUEST, "account", "client", "rejected", "run")),
    *(REQUEST | {"min_ttl": MADE_UP, "subject": None, "grant": MADE_UP},),
    REQUEST | {"scopes": [MADE_UP]},
    REQUEST | {"scopes": [], "actions": [MADE_UP]},
    REQUEST | {"scopes": [f"https://x.test/{MADE_UP}"]},
    REQUEST | {"run": f"job with {MADE_UP}"[:128]},
    REQUEST | {MADE_UP: 1},
    REQUEST | {"rejected": {MADE_UP: MADE_UP}},
    {"grant": MADE_UP, "scopes": [CALENDAR]},
    {"requests": [REQUEST | {"run": MADE_UP}]},
    {"requests": [REQUEST | {MADE_UP: 1}]},
    {"requests": MADE_UP},
    {"dry_run": MADE_UP},
    {"profile": profile_with(MADE_UP)},
    {"profile": MADE_UP},
    {MADE_UP: MADE_UP},
    [MADE_UP],
    MADE_UP,
]


def test_a_token_in_the_wrong_place_of_a_request_is_not_repeated(evidence: Evidence) -> None:
    """A backend's mistake in a field, path, query or header does not end up in log or answer."""
    evidence.world.grant("u1")
    for path in (
        "/v1/token",
        "/v1/tokens",
        "/v1/preflight",
        "/v1/profiles/strip",
        "/v1/grants/g_x/revoke",
    ):
        for body in MISTAKEN_REQUESTS:
            evidence.ask("POST", path, json=body)
        evidence.ask("POST", path, data=f'{{"subject": "{MADE_UP}', content_type="application/json")
        evidence.ask("POST", path, data=MADE_UP, content_type=MADE_UP)
    for form in (MADE_UP, quote(MADE_UP, safe=""), MADE_UP[4:], MADE_UP[4:60]):
        for path in (
            f"/{form}",
            f"/v1/grants/{form}",
            f"/v1/grants/{form}/revoke",
            f"/hooks/{form}",
            f"/v1/grants?tenant={form}",
            f"/v1/grants?tenant={TENANT}&after={form}",
            f"/v1/grants?tenant={TENANT}&state={form}",
            f"/v1/grants?tenant={TENANT}&limit={form}",
            f"/v1/grants?tenant={TENANT}&{form}=1",
            f"/live?{form}",
        ):
            for method in ("GET", "POST", "DELETE", "PUT"):
                evidence.ask(method, path)
    for header in (
        "Authorization",
        "Cookie",
        "Origin",
        "Content-Type",
        "X-Request-Id",
        "Accept",
        "User-Agent",
        "X-Token",
    ):
        for value in (MADE_UP, f"Bearer {MADE_UP}", f"Basic {MADE_UP}"):
            evidence.ask("POST", "/v1/token", json=REQUEST, headers={header: value})
    assert_unseen(evidence, MADE_UP)


def mistaken_messages(whole: dict[str, Any]) -> Iterator[Any]:
    """Yield messages with a token where another value belongs."""
    for name in (*whole, "tokens_jwe", MADE_UP):
        yield whole | {name: MADE_UP}
        yield whole | {name: {MADE_UP: MADE_UP}}
    for name, inner in whole.items():
        if isinstance(inner, dict):
            for field in (*inner, "hd", "app", "client_id", "expires_in", "scopes", MADE_UP):
                yield whole | {name: inner | {field: MADE_UP}}
                yield whole | {name: inner | {field: [MADE_UP]}}


def test_a_token_in_the_wrong_place_of_a_message_is_not_repeated(evidence: Evidence) -> None:
    """An adapter's mistake does not end up in log, answer or store, in any field it may happen."""
    world = evidence.world
    account = world.account()
    tokens = {"refresh_token": "1//0another-token-of-no-use", "expires_in": 5, "scope": "openid"}
    login = message(world, account, "u1", tokens=tokens, profile={"name": "Ada"})
    capture = {
        "type": "capture",
        "tenant": TENANT,
        "login_id": "l1",
        "account": {"sub": account.sub, "email": "a@b.test"},
        "client_id": world.client.client_id,
        "tokens": tokens,
    }
    bind = {
        "type": "bind",
        "tenant": TENANT,
        "login_id": "l1",
        "account": {"sub": "1"},
        "subject": "u1",
    }
    unlinked = {"type": "unlinked", "tenant": TENANT, "subject": "u1", "account": {"sub": "1"}}
    for whole in (login, capture, bind, unlinked):
        for mistaken in mistaken_messages(whole):
            evidence.hook(mistaken)
    evidence.hook(MADE_UP.encode())
    evidence.hook(f'{{"type": "login", "tenant": "{MADE_UP}'.encode())
    evidence.hook(login, message_id=MADE_UP)
    evidence.hook(
        login,
        tenant=TENANT,
        secret="whsec_" + "A" * 32 + MADE_UP.replace("-", "+").replace("_", "/")[3:35],
    )
    named_key = json.dumps({"alg": "ECDH-ES", "enc": "A256GCM", "kid": MADE_UP}).encode()
    header = base64.urlsafe_b64encode(named_key).rstrip(b"=").decode()
    sealed_by = {name: value for name, value in login.items() if name != "tokens"}
    evidence.hook(sealed_by | {"tokens_jwe": f"{header}.a.b.c.d"})
    use(evidence, "u1")
    assert_unseen(evidence, MADE_UP)


@pytest.mark.slow
def test_a_served_bridge_shows_no_token_to_the_host(
    bridge_world: World, serve: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments, environment, debug log and answers of real processes hold nothing of it."""
    monkeypatch.setenv("BRIDGE_LOG__LEVEL", "debug")
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account)
    key = bridge_world.key()
    served = serve()
    shown: list[str | bytes] = []

    body = json.dumps(message(bridge_world, account, "u1", tokens=token_fields(tokens))).encode()
    message_id, stamp = "msg_1", int(bridge_world.clock.now())
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(Secret(bridge_world.secret), message_id, stamp, body),
    }
    login = served.http.post(f"{served.internal}/hooks/{TENANT}", data=body, headers=headers)
    assert login.json()["result"] == "captured"
    answers = [login, served.post("/v1/token", key, **REQUEST)]
    assert answers[-1].status_code == 200
    answers.append(served.post("/v1/token", key, **REQUEST | {"run": planted(tokens)}))
    answers.append(
        served.http.get(f"{served.internal}/v1/grants/{quote(planted(tokens), safe='')}")
    )
    for answer in answers:
        shown += [answer.content, str(answer.headers)]
    for process in family(served.process.pid):
        for name in ("cmdline", "environ"):
            shown.append((Path("/proc") / str(process) / name).read_bytes())
    assert any(b"serve" in text for text in shown if isinstance(text, bytes))
    served.stop()
    served.close()
    assert any('"refresh"' in line for line in served.lines)
    shown += served.lines
    shown += [text for _, text in stored(bridge_world.folder)]

    hunt = Hunt([planted(tokens)])
    assert [hit for text in shown for hit in hunt.found(text)] == []


def family(root: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield root
    for task in (Path("/proc") / str(root) / "task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))
