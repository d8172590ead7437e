"""Captures and revocations over HTTP, at several bridges at once, and what was acknowledged."""

from __future__ import annotations

import itertools
import json
import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import requests

from bridge.model import State
from bridge.secret import Secret, fingerprint
from bridge.signing.webhooks import sign
from tests.kit import CALENDAR, TENANT, World, token_fields
from tools.redis_servers import until

_TRY_AGAIN_S = 0.05
_PATIENCE_S = 60.0


@dataclass
class Captured:
    """What one subject's login brought, and what became of it."""

    subject: str
    refresh_token: str
    revoked: bool = False


class Answered(NamedTuple):
    """A write that a bridge acknowledged, and when it was sent, by a monotonic clock."""

    origin: str
    sent: float


@dataclass
class Load:
    """Writers that begin again until they are stopped.

    Attributes:
        origins: the bridges.
        key: an admin's.
        acknowledged: what some bridge has said is safe.
        answered: every acknowledgement.
        odd: answers that nobody should get.
    """

    world: World
    origins: list[str]
    key: str
    acknowledged: list[Captured] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def start(self, writers: int = 6) -> None:
        for _ in range(writers):
            thread = threading.Thread(target=self._work)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def answered_after(self, moment: float) -> set[str]:
        """Return which bridges have acknowledged a write that was sent after a moment."""
        return {each.origin for each in tuple(self.answered) if each.sent > moment}

    def writes_again(self) -> None:
        """Wait until every bridge has acknowledged a write that was sent after now."""
        now = time.monotonic()
        until(lambda: self.answered_after(now) == set(self.origins), _PATIENCE_S)

    def reads_again(self) -> None:
        """Wait until every bridge reads the store."""
        until(lambda: all(map(self._is_read, self.origins)), _PATIENCE_S)

    def _is_read(self, origin: str) -> bool:
        url = f"{origin}/v1/grants?tenant={TENANT}&limit=1"
        try:
            answer = requests.get(url, headers={"Authorization": self.key}, timeout=_PATIENCE_S)
        except requests.RequestException:
            return False
        return answer.status_code == 200

    def _work(self) -> None:
        with requests.Session() as http:
            while not self._stop.is_set():
                done = self._capture(http)
                if done is not None and random.random() < 0.3:  # noqa: S311 - load, no secret
                    done.revoked = self._revoke(http, done)

    def _capture(self, http: requests.Session) -> Captured | None:
        """Tell of a login until a bridge acknowledges it, as an identity provider does."""
        world = self.world
        subject = f"chaos-{next(self._numbers)}"
        account = world.account()
        tokens = world.sign_in(account)
        message = {
            "type": "login",
            "tenant": TENANT,
            "subject": subject,
            "account": {"sub": account.sub, "email": account.email},
            "client_id": world.client.client_id,
            "login": {"id": secrets.token_hex(8)},
            "tokens": token_fields(tokens),
            "obtained_at": int(world.clock.now()),
        }
        body = json.dumps(message).encode()
        message_id = f"msg_{secrets.token_hex(8)}"

        def send(origin: str) -> requests.Response:
            stamp = int(world.clock.now())
            signature = sign(Secret(world.secret), message_id, stamp, body)
            headers = {
                "webhook-id": message_id,
                "webhook-timestamp": str(stamp),
                "webhook-signature": signature,
            }
            return http.post(f"{origin}/hooks/{TENANT}", data=body, headers=headers, timeout=30)

        if not self._until_acknowledged(send):
            return None
        done = Captured(subject, tokens.refresh_token or "")
        self.acknowledged.append(done)
        return done

    def _revoke(self, http: requests.Session, done: Captured) -> bool:
        grant = self._grant_id(http, done)

        def send(origin: str) -> requests.Response:
            headers = {"Authorization": self.key}
            url = f"{origin}/v1/grants/{grant}/revoke"
            return http.post(url, json={}, headers=headers, timeout=30)

        return grant is not None and self._until_acknowledged(send)

    def _grant_id(self, http: requests.Session, done: Captured) -> str | None:
        headers = {"Authorization": self.key}
        body = {"tenant": TENANT, "subject": done.subject, "scopes": [CALENDAR]}
        while not self._stop.is_set():
            try:
                url = f"{random.choice(self.origins)}/v1/token"  # noqa: S311 - load, no secret
                answer = http.post(url, json=body, headers=headers, timeout=30)
            except requests.RequestException:
                continue
            if answer.status_code == 200:
                return str(answer.json()["grant"])
            time.sleep(_TRY_AGAIN_S)
        return None

    def _until_acknowledged(self, send: Callable[[str], requests.Response]) -> bool:
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            origin, sent = random.choice(self.origins), time.monotonic()  # noqa: S311 - load, no secret
            try:
                answer = send(origin)
            except requests.RequestException:
                continue
            if answer.status_code == 200:
                self.answered.append(Answered(origin, sent))
                return True
            if answer.status_code not in {409, 503}:
                self.odd.append(answer.text)
                return False
            time.sleep(_TRY_AGAIN_S)
        self.odd.append("no answer in time")
        return False

    def verify(self) -> None:
        """Compare what was acknowledged with what the store holds now."""
        assert self.odd == []
        for done in self.acknowledged:
            grants = self.world.grants_of(done.subject)
            assert len(grants) == 1, (done.subject, len(grants))
            (grant,) = grants
            if done.revoked:
                assert grant.state is State.REVOKED, (done.subject, grant.state, grant.reason)
            else:
                self._verify_held(done)

    def _verify_held(self, done: Captured) -> None:
        services = self.world.services
        (held,) = services.grants.find(TENANT, done.subject)
        grant = held.record
        if grant.state is State.REVOKED:
            return  # its revocation went through, and only the answer was lost
        owner = services.grants.owner(grant)
        tokens = [services.admin.tokens.reveal(owner, token).reveal() for token in grant.tokens]
        assert [fingerprint(token) for token in tokens] == [fingerprint(done.refresh_token)]
