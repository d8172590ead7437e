"""Old, repeated and reordered messages, before and after forgetting and revoking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.errors import BridgeError
from bridge.google.client import GoogleClient
from bridge.model import Grant, State
from bridge.sandbox.records import TokenAnswer
from bridge.secret import Secret
from tests.capture.idp import Idp, Message
from tests.kit import CALENDAR, World

STEP = st.sampled_from(
    ["sign in", "login", "login", "capture", "bind", "forget", "unlink", "late", "revoke", "read"]
)


@dataclass
class Minted:
    """A refresh token that Google gave out, and when."""

    tokens: TokenAnswer
    time: int
    is_delivered: bool = False


@dataclass
class Model:
    """What the bridge may hold at most, and must hold at least.

    Attributes:
        minted: every refresh token, the oldest first.
        shut_until: nothing from up to then may come back: forgotten.
        dead_before: nothing from before then may come back: revoked.
    """

    minted: list[Minted] = field(default_factory=list)
    shut_until: int = -1
    dead_before: int = -1

    def may_live(self, minted: Minted) -> bool:
        return minted.time > self.shut_until and minted.time >= self.dead_before


class Run:
    """One sequence of steps, on a fresh account, checked after each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.idp = Idp(world)
        self.model = Model()
        self.used: list[Secret] = []
        self.subject = f"u-{self.idp.account.sub}"

    def step(self, name: str, number: int) -> None:
        self.world.clock.advance(10)
        getattr(self, f"_{name.replace(' ', '_')}")(number)
        self._check()

    def _sign_in(self, _: int) -> None:
        now = self.idp.now
        self.model.minted.append(Minted(self.idp.sign_in(iat=now), now))

    def _login(self, number: int) -> None:
        self._deliver(number, lambda t: self.idp.login(t, subject=self.subject))

    def _capture(self, number: int) -> None:
        minted = self._chosen(number)
        if minted is not None:
            place = self.model.minted.index(minted)
            self.world.hook(self.idp.capture(minted.tokens, f"l{place}"))

    def _bind(self, number: int) -> None:
        self.world.hook(self.idp.bind(self.subject, f"l{number % 6}"))

    def _forget(self, _: int) -> None:
        for grant in self._grants():
            self.world.services.admin.forget(self.world.caller(), grant.id)
            self.model.shut_until = self.idp.now

    def _unlink(self, _: int) -> None:
        self.world.hook(self.idp.unlinked(self.subject, occurred_at=self.idp.now))
        self.model.shut_until = self.idp.now

    def _late(self, number: int) -> None:
        """A farewell that happened a while ago."""
        then = self.idp.now - 10 * (number % 8)
        self.world.hook(self.idp.unlinked(self.subject, occurred_at=then))
        self.model.shut_until = max(self.model.shut_until, then)

    def _revoke(self, _: int) -> None:
        for grant in self._grants():
            self.world.services.admin.revoke(self.world.caller(), grant.id, dry_run=False)
            if grant.state is not State.REVOKED:  # that one stays as it is
                self.model.dead_before = self.idp.now

    def _read(self, _: int) -> None:
        self.used.clear()
        with suppress(BridgeError):
            self.world.read(self.subject, CALENDAR)
        shut_out = {m.tokens.refresh_token for m in self.model.minted if not self.model.may_live(m)}
        assert shut_out.isdisjoint(secret.reveal() for secret in self.used)

    def _deliver(self, number: int, message: Any) -> None:
        minted = self._chosen(number)
        if minted is None:
            return
        built: Message = message(minted.tokens)
        self.world.hook(built)
        if not minted.is_delivered and self.model.may_live(minted):
            # A new one is never lost, whatever came before it.
            assert self.idp.marks(minted.tokens) <= self.idp.held(self.subject)
        minted.is_delivered = True

    def _chosen(self, number: int) -> Minted | None:
        minted = self.model.minted
        return minted[number % len(minted)] if minted else None

    def _grants(self) -> list[Grant]:
        return self.world.grants_of(self.subject)

    def _check(self) -> None:
        allowed = [m.tokens for m in self.model.minted if self.model.may_live(m)]
        assert self.idp.held(self.subject) <= self.idp.marks(*allowed)


@contextmanager
def _listening(run: Run) -> Iterator[None]:
    """Note every refresh token that is sent to Google."""
    refresh = GoogleClient.refresh

    def noted(client: GoogleClient, credentials: Any, token: Secret, **more: Any) -> Any:
        run.used.append(token)
        return refresh(client, credentials, token, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GoogleClient, "refresh", noted)
        yield


@settings(
    max_examples=60,
    deadline=None,  # a step is a whole request, on a machine of unknown speed
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has its own account
)
@given(steps=st.lists(st.tuples(STEP, st.integers(0, 5)), min_size=4, max_size=24))
def test_no_order_of_messages_brings_an_older_token_back(
    bridge_world: World, steps: list[tuple[str, int]]
) -> None:
    """Nothing from before a forgetting or revocation is held or used, and a new one is always."""
    run = Run(bridge_world)
    with _listening(run):
        run.step("sign in", 0)
        for name, number in steps:
            run.step(name, number)
        run.step("read", 0)


@given(order=st.permutations(range(4)), reads=st.sets(st.integers(0, 3)))
@settings(
    max_examples=20,
    deadline=None,  # as above
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # as above
)
def test_the_newest_token_serves_in_the_end(
    bridge_world: World, order: list[int], reads: set[int]
) -> None:
    """However consents are told, what serves never gets older, and the newest serves in the end."""
    run = Run(bridge_world)
    served = 0
    for _ in order:
        run.step("sign in", 0)
    for place, number in enumerate(order):
        run.step("login", number)
        if place in reads:
            served = _read_again(run, served)
    for _ in order:
        served = _read_again(run, served)
    assert served == run.model.minted[-1].time


def _read_again(run: Run, served: int) -> int:
    """Read after the access token's expiry; return the time of what serves now."""
    run.world.clock.advance(7200)
    run.step("read", 0)
    live = run.world.grant_of(run.subject).live
    assert live is not None
    assert live.time >= served
    return live.time
