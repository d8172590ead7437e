#!/usr/bin/env python3
"""Write the contract vectors under `hooks/contract`: one named JSON file each.

    python tools/contract_vectors.py [FOLDER]

`hooks/contract/README.md` describes the form. Everything here is fixed, the nonce and the ephemeral
key of the encryption too, so that the same script gives the same bytes. It shares no code with the
bridge: two writings of one contract check each other. Its two test key pairs are in
`hooks/contract/keys`; they guard nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

HERE = Path(__file__).parent.parent / "hooks" / "contract"
HOOK_KEY = json.loads((HERE / "keys" / "hook.json").read_text())
GOOGLE_KEY = json.loads((HERE / "keys" / "google.json").read_text())

AT = 1767225600  # 2026-01-01 00:00:00 UTC
CLIENT = "111122223333-acme.apps.googleusercontent.com"
OTHER_CLIENT = "444455556666-globex.apps.googleusercontent.com"
ALICE = {"sub": "110000000000000000001", "email": "alice@example.com"}
MALLORY = {"sub": "110000000000000000666", "email": "mallory@example.com"}
REFRESH_TOKEN = "1//0contract-refresh-token-of-alice"  # noqa: S105 - made up
ACCESS_TOKEN = "ya29.contract-access-token-of-alice"  # noqa: S105 - made up
CALENDAR = "https://www.googleapis.com/auth/calendar"

Json = dict[str, Any]


def secret(label: str) -> str:
    """Return a made-up Standard Webhooks secret."""
    return "whsec_" + base64.b64encode(hashlib.sha256(label.encode()).digest()).decode()


ACME, ACME_NEW, GLOBEX = secret("acme"), secret("acme, newer"), secret("globex")
TENANTS: Mapping[str, Json] = {
    "acme": {"secrets": [ACME], "clients": [CLIENT]},
    "globex": {"secrets": [GLOBEX], "clients": [OTHER_CLIENT]},
}
ROTATING = {**TENANTS, "acme": {"secrets": [ACME_NEW, ACME], "clients": [CLIENT]}}
RETIRED = {**TENANTS, "acme": {"secrets": [ACME_NEW], "clients": [CLIENT]}}
ALWAYS = {**TENANTS, "acme": {"secrets": [ACME], "clients": [CLIENT], "recovery": "always"}}
OBSERVE = {**TENANTS, "acme": {"secrets": [ACME], "clients": [CLIENT], "recovery": "observe"}}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One attempt to deliver a message, and what must come of it."""

    body: str
    expect: Json
    id: str = "msg_1"
    tenant: str = "acme"
    at: int = AT
    stamp: int | None = None
    keys: tuple[str, ...] = (ACME,)
    headers: Mapping[str, str | None] = field(default_factory=dict)

    def render(self) -> Json:
        """Return it as the vector holds it."""
        stamp = str(self.at if self.stamp is None else self.stamp)
        signatures = [sign(key, self.id, stamp, self.body) for key in self.keys]
        headers: dict[str, str | None] = {
            "webhook-id": self.id,
            "webhook-timestamp": stamp,
            "webhook-signature": " ".join(signatures),
        }
        headers.update(self.headers)
        return {
            "at": self.at,
            "path": f"/hooks/{self.tenant}",
            "headers": {name: value for name, value in headers.items() if value is not None},
            "body": self.body,
            "expect": self.expect,
        }


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A named claim with the messages that show it."""

    name: str
    claim: str
    messages: tuple[Message, ...]
    tenants: Mapping[str, Json] = field(default_factory=lambda: TENANTS)
    grants: tuple[Json, ...] = ()

    def render(self) -> bytes:
        """Return the file."""
        content = {
            "name": self.name,
            "claim": self.claim,
            "tenants": self.tenants,
            "messages": [message.render() for message in self.messages],
            "grants": self.grants,
        }
        return (json.dumps(content, indent=2) + "\n").encode()


def sign(key: str, message_id: str, stamp: str, body: str) -> str:
    """Sign as Standard Webhooks says."""
    raw = base64.b64decode(key.removeprefix("whsec_"))
    signed = f"{message_id}.{stamp}.{body}".encode()
    return "v1," + base64.b64encode(hmac.digest(raw, signed, "sha256")).decode()


def id_token(account: Json = ALICE, client: str = CLIENT, iat: int = AT) -> str:
    """Return what Google signs at a login."""
    claims = {
        "iss": "https://accounts.google.com",
        "aud": client,
        "sub": account["sub"],
        "email": account["email"],
        "email_verified": True,
        "iat": iat,
        "exp": iat + 3600,
    }
    key = jwt.PyJWK(GOOGLE_KEY).key
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": GOOGLE_KEY["kid"]})


def sealed(payload: Json, kid: str = HOOK_KEY["kid"]) -> str:
    """Encrypt to the hook's public key: compact JWE, ECDH-ES (RFC 7518 4.6) and A256GCM (5.3)."""
    curve = ec.SECP256R1()
    # Fixed for the sake of fixed bytes; an adapter makes both anew for each message.
    ephemeral = ec.derive_private_key(int.from_bytes(hashlib.sha256(b"ephemeral").digest()), curve)
    nonce = hashlib.sha256(b"nonce").digest()[:12]
    theirs = ec.EllipticCurvePublicNumbers(number(HOOK_KEY["x"]), number(HOOK_KEY["y"]), curve)
    shared = ephemeral.exchange(ec.ECDH(), theirs.public_key())
    public = ephemeral.public_key().public_numbers()
    info = b"".join((sized(b"A256GCM"), sized(b""), sized(b""), (256).to_bytes(4, "big")))
    key = ConcatKDFHash(SHA256(), 32, info).derive(shared)
    epk = {"kty": "EC", "crv": "P-256"}
    epk |= {"x": b64(public.x.to_bytes(32, "big")), "y": b64(public.y.to_bytes(32, "big"))}
    header = b64(compact({"alg": "ECDH-ES", "enc": "A256GCM", "kid": kid, "epk": epk}).encode())
    box = AESGCM(key).encrypt(nonce, compact(payload).encode(), header.encode())
    return f"{header}..{b64(nonce)}.{b64(box[:-16])}.{b64(box[-16:])}"


def sized(part: bytes) -> bytes:
    """Return a part with its length in front."""
    return len(part).to_bytes(4, "big") + part


def number(text: str) -> int:
    """Return a coordinate of a JWK."""
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def b64(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(value: Json) -> str:
    """Return JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def done(**answer: Any) -> Json:  # noqa: ANN401 - members of a JSON answer
    """Expect an answer with these members; the adapter deletes the message."""
    return {"status": 200, "answer": answer, "then": "done"}


def refused(status: int, code: str, at_fault: str | None = None) -> Json:
    """Expect a problem, and what the adapter does about it."""
    aside = code in {"invalid_request", "message_conflict", "too_large"}
    problem = {"code": code} | ({"field": at_fault} if at_fault else {})
    return {"status": status, "problem": problem, "then": "set_aside" if aside else "retry"}


def unsigned(header: str) -> Json:
    """Expect the refusal of a message whose origin is not proven."""
    return refused(401, "unauthenticated", header)


def tokens(**changes: Any) -> Json:  # noqa: ANN401 - members of a JSON object
    """Return Google's token response as an adapter passes it on; None leaves a member out."""
    whole = {
        "access_token": ACCESS_TOKEN,
        "refresh_token": REFRESH_TOKEN,
        "id_token": id_token(),
        "expires_in": 3599,
        "scope": f"openid {CALENDAR}",
        "token_type": "Bearer",
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def capture(**changes: Any) -> str:  # noqa: ANN401 - members of a JSON object
    """Return the body of a `capture`; None leaves a member out."""
    return _body(
        {
            "type": "capture",
            "tenant": "acme",
            "login_id": "login-1",
            "account": ALICE,
            "client_id": CLIENT,
            "tokens": tokens(),
            "obtained_at": AT,
        },
        changes,
    )


def bind(**changes: Any) -> str:  # noqa: ANN401 - members of a JSON object
    """Return the body of a `bind`."""
    whole = {"type": "bind", "tenant": "acme", "login_id": "login-1"}
    return _body(whole | {"account": {"sub": ALICE["sub"]}, "subject": "user-1"}, changes)


def decide(**changes: Any) -> str:  # noqa: ANN401 - members of a JSON object
    """Return the body of a `decide`."""
    login = {"id": "login-1", "app": "calendar-app", "can_redirect": True, "client_id": CLIENT}
    whole = {"type": "decide", "tenant": "acme", "subject": "user-1"}
    return _body(whole | {"account": {"sub": ALICE["sub"]}, "login": login}, changes)


def login(**changes: Any) -> str:  # noqa: ANN401 - members of a JSON object
    """Return the body of a `login`."""
    return _body(
        {
            "type": "login",
            "tenant": "acme",
            "subject": "user-1",
            "account": ALICE,
            "client_id": CLIENT,
            "login": {"id": "login-1"},
            "tokens": tokens(),
            "obtained_at": AT,
        },
        changes,
    )


def in_jwe(**changes: Any) -> Json:  # noqa: ANN401 - members of a JSON object
    """Return what a `tokens_jwe` holds."""
    return {"tenant": "acme", "sub": ALICE["sub"], "tokens": tokens(), "time": AT} | changes


def gone(kind: str, **changes: Any) -> str:  # noqa: ANN401 - members of a JSON object
    """Return the body of an `unlinked` or `user_deleted`."""
    whole = {"type": kind, "tenant": "acme", "subject": "user-1", "occurred_at": AT + 60}
    return _body(whole, changes)


def _body(whole: Json, changes: Json) -> str:
    merged = whole | changes
    return compact({name: value for name, value in merged.items() if value is not None})


def grant(state: str, subject: str = "user-1", account: Json = ALICE) -> Json:
    """Return a grant that the bridge must hold afterwards."""
    return {
        "tenant": "acme",
        "subject": subject,
        "account": account["sub"],
        "client": CLIENT,
        "state": state,
    }


CONTINUE = {"decision": "continue"}
CAPTURED = done(result="captured")


def signatures() -> Iterator[Vector]:
    """Yield the vectors about who signed, and when."""
    good = done(**CONTINUE)

    def one(name: str, claim: str, expect: Json, **more: Any) -> Vector:  # noqa: ANN401 - passed on
        tenants = more.pop("tenants", TENANTS)
        body = more.pop("body", decide())
        message = Message(body=body, expect=expect, **more)
        return Vector(name=name, claim=claim, tenants=tenants, messages=(message,))

    tampered = sign(ACME, "msg_1", str(AT), decide())
    yield one("signature_ok", "A message signed with the tenant's secret is taken.", good)
    yield one(
        "signature_ok_utf8",
        "The signature is over the body's UTF-8 bytes, whatever letters they stand for.",
        good,
        body=decide(login={"id": "login-1", "app": "Kalender für Ζωή 🗓"}),
    )
    yield one(
        "two_signatures_one_ok",
        "Of several signatures, parted by blanks, one that holds is enough.",
        good,
        keys=(GLOBEX, ACME),
    )
    yield one(
        "rotated_secret",
        "While a tenant has two secrets, either may sign.",
        good,
        tenants=ROTATING,
    )
    yield one(
        "rotated_secret_new",
        "While a tenant has two secrets, the new one may sign already.",
        good,
        tenants=ROTATING,
        keys=(ACME_NEW,),
    )
    bad = unsigned("webhook-signature")
    yield one(
        "retired_secret",
        "A secret that was taken out of the settings signs nothing any more.",
        bad,
        tenants=RETIRED,
    )
    yield one(
        "body_changed",
        "One changed byte of the body, and no signature holds.",
        bad,
        body=decide(subject="user-2"),
        headers={"webhook-signature": tampered},
    )
    yield one(
        "id_changed",
        "The signature covers the id.",
        bad,
        headers={"webhook-id": "msg_2"},
    )
    yield one(
        "timestamp_changed",
        "The signature covers the time.",
        bad,
        headers={"webhook-timestamp": str(AT + 1)},
    )
    yield one(
        "other_tenant",
        "A message signed by another tenant's secret is refused.",
        bad,
        keys=(GLOBEX,),
    )
    yield one(
        "signature_version_unknown",
        "Only signatures of version v1 count.",
        bad,
        headers={"webhook-signature": tampered.replace("v1,", "v2,")},
    )
    yield one(
        "signature_missing",
        "Without a signature a message is refused.",
        bad,
        headers={"webhook-signature": None},
    )
    yield one(
        "id_missing",
        "Without an id a message is refused.",
        unsigned("webhook-id"),
        headers={"webhook-id": None},
    )
    stamp = unsigned("webhook-timestamp")
    yield one(
        "timestamp_missing",
        "Without a time a message is refused.",
        stamp,
        headers={"webhook-timestamp": None},
    )
    yield one(
        "timestamp_old",
        "A message signed more than five minutes ago is refused, however good its signature.",
        stamp,
        stamp=AT - 301,
    )
    yield one(
        "timestamp_future",
        "A message signed more than five minutes ahead is refused.",
        stamp,
        stamp=AT + 301,
    )
    yield one(
        "timestamp_edge",
        "A message signed five minutes ago is taken.",
        good,
        stamp=AT - 300,
    )


def forms() -> Iterator[Vector]:
    """Yield the vectors about what a body may say."""

    def one(name: str, claim: str, body: str, expect: Json, tenant: str = "acme") -> Vector:
        message = Message(body=body, expect=expect, tenant=tenant)
        return Vector(name=name, claim=claim, messages=(message,))

    def bad(field: str | None) -> Json:
        return refused(400, "invalid_request", field)

    yield one(
        "tenant_unknown",
        "There is no hook for a tenant that the bridge does not know.",
        decide(tenant="initech"),
        refused(404, "not_found"),
        tenant="initech",
    )
    yield one(
        "body_names_other_tenant",
        "A body that names another tenant than the path is refused, well signed as it is.",
        decide(tenant="globex"),
        bad("tenant"),
    )
    yield one(
        "type_unknown",
        "A message of a type that the bridge does not know is refused.",
        _body({"type": "logout", "tenant": "acme", "subject": "user-1"}, {}),
        bad("type"),
    )
    yield one(
        "field_unknown",
        "A field that the bridge does not know is refused and named: a typing error must show.",
        capture(tokens=tokens() | {"refreshToken": REFRESH_TOKEN}),
        bad("tokens.refreshToken"),
    )
    yield one(
        "field_missing",
        "A field that is missing is named.",
        capture(account={"email": "alice@example.com"}),
        bad("account.sub"),
    )
    yield one(
        "refresh_token_oversized",
        "A refresh token of more than 512 characters is not Google's.",
        capture(tokens=tokens(refresh_token="1//" + "x" * 510)),
        bad("tokens.refresh_token"),
    )
    yield one(
        "not_json",
        "A body that is not JSON is refused.",
        "grant_type=refresh_token",
        bad(None),
    )
    yield one(
        "tokens_and_tokens_jwe",
        "A message gives its tokens in one of the two forms, never in both.",
        login(tokens_jwe=sealed(in_jwe())),
        bad("tokens_jwe"),
    )


def repetitions() -> Iterator[Vector]:
    """Yield the vectors about message ids."""
    yield Vector(
        name="repeated_message",
        claim="The same id with the same body, signed anew, gets the recorded answer.",
        messages=(
            Message(body=login(), expect=done(result="captured", **CONTINUE)),
            Message(body=login(), expect=done(result="captured", **CONTINUE), at=AT + 3600),
        ),
        grants=(grant("unverified"),),
    )
    yield Vector(
        name="id_reused_with_other_body",
        claim="The same id with another body is refused, and changes nothing.",
        messages=(
            Message(body=login(), expect=done(result="captured", **CONTINUE)),
            Message(
                body=login(subject="user-2"),
                expect=refused(409, "message_conflict", "webhook-id"),
                at=AT + 5,
            ),
        ),
        grants=(grant("unverified"),),
    )
    yield Vector(
        name="id_in_two_tenants",
        claim="Every tenant has message ids of its own.",
        messages=(
            Message(body=decide(), expect=done(**CONTINUE)),
            Message(
                body=decide(tenant="globex"),
                expect=done(**CONTINUE),
                tenant="globex",
                keys=(GLOBEX,),
            ),
        ),
    )
    yield Vector(
        name="known_refresh_token",
        claim="A refresh token that was captured before changes nothing.",
        messages=(
            Message(body=login(), expect=done(result="captured", **CONTINUE)),
            Message(id="msg_2", body=login(), expect=done(result="known", **CONTINUE), at=AT + 5),
        ),
        grants=(grant("unverified"),),
    )


def logins() -> Iterator[Vector]:
    """Yield the vectors about captures, bindings and logins."""

    def two(name: str, claim: str, one: Message, other: Message, *left: Json) -> Vector:
        return Vector(name=name, claim=claim, messages=(one, other), grants=left)

    def second(body: str, expect: Json) -> Message:
        return Message(id="msg_2", body=body, expect=expect, at=AT + 5)

    yield two(
        "capture_then_bind",
        "A login that was captured is claimed by its binding.",
        Message(body=capture(), expect=CAPTURED),
        second(bind(), done(result="bound")),
        grant("unverified"),
    )
    yield two(
        "bind_then_capture",
        "A binding waits for its capture.",
        Message(body=bind(), expect=done(result="waiting")),
        second(capture(), CAPTURED),
        grant("unverified"),
    )
    yield two(
        "capture_without_refresh_token_then_bind",
        "A login without a refresh token leaves a grant that is missing.",
        Message(
            body=capture(tokens=tokens(refresh_token=None)), expect=done(result="no_refresh_token")
        ),
        second(bind(), done(result="bound")),
        grant("missing"),
    )
    yield two(
        "capture_without_id_token_then_bind",
        "Only a login with an ID token is claimed; the bridge takes no adapter's word for it.",
        Message(
            body=capture(tokens=tokens(id_token=None)),
            expect=done(result="captured", reason="id_token_missing"),
        ),
        second(bind(), done(result="waiting")),
    )
    yield two(
        "capture_contradicted_then_bind",
        "A capture whose ID token names another account is kept apart and never claimed.",
        Message(
            body=capture(tokens=tokens(id_token=id_token(MALLORY))),
            expect=done(result="quarantined", reason="id_token_contradicts"),
        ),
        second(bind(), done(result="waiting")),
    )
    yield two(
        "bind_to_two_subjects",
        "A login belongs to one subject; a second one is refused.",
        Message(body=bind(), expect=done(result="waiting")),
        second(bind(subject="user-2"), refused(400, "invalid_request", "subject")),
    )
    yield Vector(
        name="login_with_tokens",
        claim="A login captures, binds and decides at once.",
        messages=(Message(body=login(), expect=done(result="captured", **CONTINUE)),),
        grants=(grant("unverified"),),
    )
    yield Vector(
        name="login_without_refresh_token",
        claim="A login to which Google gave no refresh token is a login all the same.",
        messages=(
            Message(
                body=login(tokens=tokens(refresh_token=None)),
                expect=done(result="no_refresh_token", **CONTINUE),
            ),
        ),
        grants=(grant("missing"),),
    )
    yield Vector(
        name="login_contradicted",
        claim="A login whose ID token is for another client is kept apart, and goes on.",
        messages=(
            Message(
                body=login(tokens=tokens(id_token=id_token(client=OTHER_CLIENT))),
                expect=done(result="quarantined", **CONTINUE),
            ),
        ),
    )
    profile = {"name": "Alice", "identities": [{"refresh_token": REFRESH_TOKEN, "id": "1"}]}
    yield Vector(
        name="login_with_profile",
        claim="The profile of a login comes back without tokens.",
        messages=(
            Message(
                body=login(profile=profile),
                expect=done(
                    result="captured",
                    profile={"name": "Alice", "identities": [{"id": "1"}]},
                    **CONTINUE,
                ),
            ),
        ),
        grants=(grant("unverified"),),
    )
    yield Vector(
        name="decide",
        claim="A login that brings nothing asks whether it may go on.",
        messages=(Message(body=decide(), expect=done(**CONTINUE)),),
    )


def encrypted() -> Iterator[Vector]:
    """Yield the vectors about `tokens_jwe`."""

    def one(name: str, claim: str, jwe: str, expect: Json, *left: Json) -> Vector:
        message = Message(body=login(tokens=None, tokens_jwe=jwe), expect=expect)
        return Vector(name=name, claim=claim, messages=(message,), grants=left)

    bad = refused(400, "invalid_request", "tokens_jwe")
    good = sealed(in_jwe())
    yield one(
        "tokens_jwe",
        "Tokens may come encrypted to the bridge's public key.",
        good,
        done(result="captured", **CONTINUE),
        grant("unverified"),
    )
    yield one(
        "tokens_jwe_of_other_tenant",
        "Encrypted tokens of another tenant are refused.",
        sealed(in_jwe(tenant="globex")),
        bad,
    )
    yield one(
        "tokens_jwe_of_other_account",
        "Encrypted tokens of another account are refused: nobody can swap them in.",
        sealed(in_jwe(sub=MALLORY["sub"])),
        bad,
    )
    yield one(
        "tokens_jwe_damaged",
        "Encrypted tokens that do not open are refused.",
        good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB"),
        bad,
    )
    yield one(
        "tokens_jwe_key_unknown",
        "Tokens encrypted to a key that the bridge lacks are kept by the adapter, and tried again.",
        sealed(in_jwe(), kid="e_unknown"),
        refused(503, "key_unavailable"),
    )


def farewells() -> Iterator[Vector]:
    """Yield the vectors about accounts and users that go."""
    captured = Message(body=login(), expect=done(result="captured", **CONTINUE))

    def forget(body: str) -> Message:
        return Message(id="msg_2", body=body, expect=done(result="forgotten"), at=AT + 90)

    yield Vector(
        name="unlinked",
        claim="An account that was unlinked is forgotten.",
        messages=(captured, forget(gone("unlinked", account={"sub": ALICE["sub"]}))),
    )
    yield Vector(
        name="unlinked_other_account",
        claim="Unlinking one account leaves the others.",
        messages=(captured, forget(gone("unlinked", account={"sub": MALLORY["sub"]}))),
        grants=(grant("unverified"),),
    )
    yield Vector(
        name="user_deleted",
        claim="Of a user who was deleted, everything is forgotten.",
        messages=(captured, forget(gone("user_deleted"))),
    )
    yield Vector(
        name="user_deleted_then_late_login",
        claim="A login from before does not bring a deleted user back.",
        messages=(
            forget(gone("user_deleted")),
            Message(body=login(), expect=done(result="shut_out", **CONTINUE), at=AT + 120),
        ),
    )
    again = AT + 120
    fresh = tokens(refresh_token=REFRESH_TOKEN + "-2", id_token=id_token(iat=again))
    yield Vector(
        name="unlinked_then_linked_again",
        claim="Who links the account again, is served again.",
        messages=(
            captured,
            forget(gone("unlinked")),
            Message(
                id="msg_3",
                body=login(tokens=fresh, obtained_at=again),
                expect=done(result="captured", **CONTINUE),
                at=again,
            ),
        ),
        grants=(grant("unverified"),),
    )


def recoveries() -> Iterator[Vector]:
    """Yield the vectors about asking for consent."""
    day = 86400
    scopes = ["openid", CALENDAR]

    def ask(login_id: str = "login-1", **changes: Any) -> str:  # noqa: ANN401 - members of JSON
        facts = {"id": login_id, "can_redirect": True, "client_id": CLIENT, "scopes": scopes}
        return decide(login=facts | changes)

    def to_consent(reason: str) -> Json:
        return done(decision="consent", reason=reason)

    def go_on(reason: str) -> Json:
        return done(decision="continue", reason=reason)

    asked = Message(body=ask(), expect=to_consent("no_usable_grant"))
    back = Message(id="msg_2", body=ask(returned=True), expect=go_on("returned"), at=AT + 30)
    without = tokens(refresh_token=None)
    facts = {"id": "login-1", "can_redirect": True, "scopes": scopes}
    yield Vector(
        name="consent_forced",
        claim="A user without a usable grant is asked once, and then the login goes on.",
        tenants=ALWAYS,
        messages=(
            Message(
                body=login(login=facts, tokens=without),
                expect=done(
                    result="no_refresh_token", decision="consent", reason="no_usable_grant"
                ),
            ),
            Message(
                id="msg_2",
                body=login(login=facts | {"returned": True}),
                expect=done(result="captured", decision="continue", reason="returned"),
                at=AT + 30,
            ),
        ),
        grants=(grant("unverified"),),
    )
    yield Vector(
        name="consent_repeated_message",
        claim="The same message once more gets the same decision.",
        tenants=ALWAYS,
        messages=(asked, Message(body=ask(), expect=to_consent("no_usable_grant"), at=AT + 5)),
    )
    yield Vector(
        name="consent_once_a_login",
        claim="Another message about the same login does not ask again.",
        tenants=ALWAYS,
        messages=(
            asked,
            Message(id="msg_2", body=ask(), expect=go_on("asked_in_this_login"), at=AT + 5),
        ),
    )
    yield Vector(
        name="consent_once_in_two_tabs",
        claim="While the user is at Google in one tab, another one goes on.",
        tenants=ALWAYS,
        messages=(
            asked,
            Message(id="msg_2", body=ask("login-2"), expect=go_on("under_way"), at=AT + 5),
        ),
    )
    yield Vector(
        name="consent_denied",
        claim="Who comes back without consent is left alone for seven days, and then asked again.",
        tenants=ALWAYS,
        messages=(
            asked,
            back,
            Message(id="msg_3", body=ask("login-2"), expect=go_on("resting"), at=AT + 6 * day),
            Message(
                id="msg_4",
                body=ask("login-3"),
                expect=to_consent("no_usable_grant"),
                at=AT + 8 * day,
            ),
        ),
    )
    yield Vector(
        name="consent_not_in_a_silent_login",
        claim="A login that cannot be redirected goes on, and nobody counts as asked.",
        tenants=ALWAYS,
        messages=(
            Message(body=ask(can_redirect=False), expect=go_on("cannot_redirect")),
            Message(
                id="msg_2", body=ask("login-2"), expect=to_consent("no_usable_grant"), at=AT + 5
            ),
        ),
    )
    yield Vector(
        name="consent_not_while_a_token_works",
        claim="Who has a refresh token that may work is not asked.",
        tenants=ALWAYS,
        messages=(
            Message(body=login(), expect=done(result="captured", **CONTINUE)),
            Message(id="msg_2", body=ask("login-2"), expect=go_on("grant_usable"), at=AT + 5),
        ),
        grants=(grant("unverified"),),
    )
    yield Vector(
        name="consent_not_for_an_unknown_client",
        claim="Consent is never asked for a Google client that the bridge does not know.",
        tenants=ALWAYS,
        messages=(Message(body=ask(client_id=OTHER_CLIENT), expect=go_on("unknown_client")),),
    )
    yield Vector(
        name="consent_not_without_evidence",
        claim="By default nobody is asked for whom no backend has asked.",
        messages=(Message(body=ask(), expect=go_on("no_evidence")),),
    )
    yield Vector(
        name="consent_never_when_observing",
        claim="A tenant that only observes asks nobody.",
        tenants=OBSERVE,
        messages=(Message(body=ask(), expect=go_on("observe")),),
    )


def vectors() -> Iterator[Vector]:
    """Yield every vector."""
    for family in (signatures, forms, repetitions, logins, encrypted, farewells, recoveries):
        yield from family()


def main() -> None:
    """Write the files, and remove what is no vector any more."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    files = {f"{vector.name}.json": vector.render() for vector in vectors()}
    for path in folder.glob("*.json"):
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
