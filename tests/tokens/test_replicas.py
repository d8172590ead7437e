"""A re-consent, a revocation or a forgetting at one replica while another one's refresh is slow.

Two bridges, each a process of its own, on one store and one Google. The one refreshes; the other
changes the grant, at every point of that refresh, before it goes on or at the same moment as it.
"""

from __future__ import annotations

import itertools
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, get_args

import msgspec
import pytest

from bridge.model import State
from bridge.sandbox.records import Account
from bridge.store.recent import KEPT_S
from tests.kit import CALENDAR, DRIVE, HOUR, TENANT, World, token_fields
from tests.tokens.orders import Order, Point, Report
from tests.tokens.support import BOTH, ONLY_CALENDAR, capture, is_live, mark_of

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
TURNS: Final = 200
MANY_TURNS: Final = 1_000
SLOW_S: Final = 2  # less than a lease's term: nobody takes the refresh over

Answer = Literal["token", "dead", "rotated"]
Ending = Literal["revoke", "forget", "held_revoke"]


class Replica:
    """A bridge in another process, by its pipes."""

    def __init__(self, bridge: World) -> None:
        self._bridge = bridge
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.tokens.replica", str(bridge.config)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.hears("ready")

    def tell(self, order: Order) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()

    def do(self, do: Any, **more: Any) -> None:
        """Have it do something, without waiting for that."""
        self.tell(Order(do=do, shift=self._bridge.clock.shift, **more))

    def hears(self, of: str) -> str:
        """Wait for its next report, which must be about this; return why it was refused."""
        assert self._process.stdout is not None
        report = msgspec.json.decode(self._process.stdout.readline(), type=Report)
        assert report.of == of, report
        return report.refused

    def done(self, do: Any, **more: Any) -> str:
        """Have it do something; return why it was refused."""
        self.do(do, **more)
        return self.hears(do)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process:
            if error is not None:
                self._process.kill()
                return
            # With nothing more to read it ends by itself.
            self._process.communicate()
        assert self._process.returncode == 0


@dataclass(frozen=True)
class Turn:
    """How one try goes.

    Attributes:
        point: where the refresh is when the grant changes.
        answer: what Google says to it.
        races: whether it goes on at the same moment as the grant changes, and not afterwards.
    """

    point: Point
    answer: Answer
    races: bool


# Who rotates at a call that has not been made yet would rotate the new consent's token too.
WAYS: Final = tuple(
    Turn(point, answer, races)
    for point, answer, races in itertools.product(get_args(Point), get_args(Answer), (False, True))
    if (point, answer) != ("call", "rotated")
)


@dataclass
class Pair:
    """Two replicas, and a grant whose refresh is under way in the first one."""

    bridge: World
    slow: Replica
    other: Replica

    def begin(self, turn: Turn, subject: str) -> tuple[Account, str]:
        """Have a refresh come to its point; return the account and its refresh token."""
        account = self.bridge.account()
        now = self.bridge.clock.now()
        old = capture(self.bridge, subject, account, ONLY_CALENDAR, iat=now - 10)
        self.bridge.read(subject, CALENDAR)
        self.bridge.clock.advance(HOUR)
        if turn.answer == "dead":
            self.bridge.google.inject("token", "invalid_grant", refresh_token=old)
        self.bridge.google.configure(rotate_refresh_tokens=turn.answer == "rotated")
        if turn.point != "answer":
            self.slow.done("stop", point=turn.point)
            self.slow.do("read", subject=subject)
            self.slow.hears("at")
        else:
            hold = self.bridge.google.hold("token", refresh_token=old, times=1)
            self.slow.do("read", subject=subject)
            assert hold.wait_for(1)
        self.bridge.google.configure(rotate_refresh_tokens=False)
        return account, old

    def go_on(self) -> None:
        self.slow.do("go")
        self.bridge.google.release_holds()

    def meet(self, turn: Turn, number: int, change: Order) -> str:
        """Let the change and the refresh meet; return why the refresh's reader was refused."""
        if not turn.races:
            self.other.tell(change)
            assert self.other.hears(change.do) == ""
            self.bridge.clock.advance(SLOW_S)
            self.go_on()
            return self.slow.hears("read")
        acts: list[Callable[[], None]] = [self.go_on, lambda: self.other.tell(change)]
        for act in acts if number % 2 else reversed(acts):
            act()
        assert self.other.hears(change.do) == ""
        return self.slow.hears("read")


@contextmanager
def pair(bridge: World) -> Iterator[Pair]:
    with Replica(bridge) as slow, Replica(bridge) as other:
        yield Pair(bridge, slow, other)


def reconsent(both: Pair, number: int) -> None:
    bridge, turn = both.bridge, WAYS[number % len(WAYS)]
    subject = f"reconsent-{number}"
    account, old = both.begin(turn, subject)
    tokens = bridge.sign_in(account, BOTH)
    message = {
        "type": "login",
        "tenant": TENANT,
        "subject": subject,
        "account": {"sub": account.sub},
        "client_id": bridge.client.client_id,
        "login": {"id": secrets.token_hex(8)},
        "tokens": token_fields(tokens),
        "obtained_at": int(bridge.clock.now()),
    }
    change = Order(
        do="hook",
        shift=bridge.clock.shift,
        message=json.dumps(message),
        message_id=secrets.token_hex(8),
    )
    refused = both.meet(turn, number, change)

    # A token that Google calls dead before the user has consented again is a death like any other.
    assert refused in (("", "reauth_required") if turn.races and turn.answer == "dead" else ("",))
    new = mark_of(bridge, tokens.refresh_token or "")
    assert new in {token.mark for token in bridge.grant_of(subject).tokens}, turn
    # The next refresh, at either replica, is made with the new token alone.
    used = bridge.google.inject("token", "invalid_grant", refresh_token=old, times=None)
    bridge.clock.advance(HOUR)
    reader = both.slow if number % 4 < 2 else both.other
    assert reader.done("read", subject=subject, scope=DRIVE) == "", turn
    grant = bridge.grant_of(subject)
    assert (grant.state, used.given) == (State.ACTIVE, 0), turn
    assert is_live(bridge, grant, tokens.refresh_token or ""), turn
    bridge.google.clear_faults()


def end(both: Pair, number: int) -> None:
    bridge = both.bridge
    endings = get_args(Ending)
    turn, ending = WAYS[number // len(endings) % len(WAYS)], endings[number % len(endings)]
    subject = f"end-{number}"
    both.begin(turn, subject)
    grant = bridge.grant_of(subject).id
    change = Order(
        do="forget" if ending == "forget" else "revoke", shift=bridge.clock.shift, grant=grant
    )
    if ending == "held_revoke":
        # The answer comes between the record's word and Google's.
        hold = bridge.google.hold("revocation", times=1)
        both.other.tell(change)
        assert hold.wait_for(1)
        both.go_on()
        refused = both.slow.hears("read")
        hold.release()
        assert both.other.hears("revoke") == ""
    else:
        refused = both.meet(turn, number, change)

    gone = "grant_missing" if ending == "forget" else "reauth_required"
    overtaken = ending == "held_revoke" or not turn.races
    assert refused in ((gone,) if overtaken else (gone, "", "reauth_required")), (turn, ending)
    # For so long a replica may serve what it has read before another one ended it.
    bridge.clock.advance(KEPT_S)
    for _ in range(2):
        assert both.slow.done("read", subject=subject) == gone, (turn, ending)
        assert both.other.done("read", subject=subject) == gone, (turn, ending)
        bridge.clock.advance(60)
    [left] = [h.record for h in bridge.services.grants.everywhere() if h.record.id == grant]
    state = State.FORGOTTEN if ending == "forget" else State.REVOKED
    assert (left.state, left.tokens, left.access) == (state, (), ()), (turn, ending)
    bridge.google.clear_faults()


def test_a_reconsent_in_the_midst_of_a_refresh_elsewhere_wins(bridge_world: World) -> None:
    """At whatever point it comes, the new refresh token stays and makes the next refresh."""
    with pair(bridge_world) as both:
        for number in range(TURNS):
            reconsent(both, number)


def test_what_ends_a_grant_in_the_midst_of_a_refresh_elsewhere_wins(bridge_world: World) -> None:
    """At whatever point it comes, the grant stays ended; a second later it serves nowhere."""
    with pair(bridge_world) as both:
        for number in range(TURNS):
            end(both, number)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_reconsent_wins_a_thousand_times(bridge_world: World) -> None:
    """The same at length."""
    with pair(bridge_world) as both:
        for number in range(MANY_TURNS):
            reconsent(both, number)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_what_ends_a_grant_wins_a_thousand_times(bridge_world: World) -> None:
    """The same at length."""
    with pair(bridge_world) as both:
        for number in range(MANY_TURNS):
            end(both, number)
