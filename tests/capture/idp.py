"""The adapter in an IdP: builds the hook's messages, and looks at what came of them."""

from __future__ import annotations

import secrets
from typing import Any

from joserfc import jwe
from joserfc.jwk import ECKey
from msgspec import json

from bridge.model import Grant, RefreshToken, Unbound
from bridge.sandbox.records import Account, TokenAnswer
from bridge.secret import Secret
from bridge.store.base import Query
from bridge.vault.inbox import UNBOUND
from tests.kit import CALENDAR, SIGN_IN, TENANT, World, token_fields

Message = dict[str, Any]
SCOPES = f"{SIGN_IN} {CALENDAR}"


class Idp:
    """An IdP of the tenant, with one Google account to play with."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.account: Account = world.account()

    @property
    def now(self) -> int:
        return int(self.world.clock.now())

    def sign_in(self, **more: Any) -> TokenAnswer:
        account: Account = more.pop("account", self.account)
        return self.world.sign_in(account, **more)

    # Messages

    def capture(self, tokens: TokenAnswer | None, login_id: str = "l1", /, **more: Any) -> Message:
        return self._with_tokens("capture", tokens) | {"login_id": login_id} | more

    def bind(self, subject: str = "u1", login_id: str = "l1", **more: Any) -> Message:
        account = {"sub": self.account.sub}
        message = {"type": "bind", "tenant": TENANT, "login_id": login_id, "subject": subject}
        return message | {"account": account} | more

    def login(self, tokens: TokenAnswer | None, /, subject: str = "u1", **more: Any) -> Message:
        login = {"id": secrets.token_hex(8)}
        return self._with_tokens("login", tokens) | {"subject": subject, "login": login} | more

    def unlinked(self, subject: str = "u1", **more: Any) -> Message:
        return {"type": "unlinked", "tenant": TENANT, "subject": subject} | more

    def user_deleted(self, subject: str = "u1", **more: Any) -> Message:
        return {"type": "user_deleted", "tenant": TENANT, "subject": subject} | more

    def _with_tokens(self, kind: str, tokens: TokenAnswer | None) -> Message:
        message: Message = {
            "type": kind,
            "tenant": TENANT,
            "account": {"sub": self.account.sub, "email": self.account.email},
            "client_id": self.world.client.client_id,
            "obtained_at": self.now,
        }
        return message | ({"tokens": token_fields(tokens)} if tokens is not None else {})

    def sealed(self, tokens: TokenAnswer, key: dict[str, Any], /, **more: Any) -> str:
        """Encrypt tokens to a public key of the bridge's JWKS."""
        payload = {"tenant": TENANT, "sub": self.account.sub, "tokens": token_fields(tokens)}
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key["kid"]}
        plain = json.encode(payload | {"time": self.now} | more)
        return jwe.encrypt_compact(header, plain, ECKey.import_key(key))

    # What came of them

    def marks(self, *tokens: TokenAnswer) -> set[bytes]:
        """Return the marks by which the vault knows refresh tokens."""
        mark = self.world.services.keys.hasher.mark
        return {mark(Secret(t.refresh_token)) for t in tokens if t.refresh_token}

    def held(self, subject: str = "u1") -> set[bytes]:
        """Return the marks of all refresh tokens that a subject's grants hold."""
        grants = self.world.grants_of(subject)
        return {token.mark for grant in grants for token in grant.tokens}

    def only(self, subject: str = "u1") -> RefreshToken:
        """Return the one refresh token that the one grant of a subject holds."""
        grant: Grant = self.world.grant_of(subject)
        [token] = grant.tokens
        return token

    def unbound(self) -> list[Unbound]:
        """Return the captures of the account that nobody has claimed."""
        partition = self.world.services.grants.partition(TENANT, self.account.sub)
        return [held.record for held in self.world.services.hook.inbox.unbound(partition)]

    def rows(self, kind: str = UNBOUND) -> int:
        """Return how many rows of a kind the store has."""
        return len(self.world.services.store.list(Query(kind, limit=1000)))
