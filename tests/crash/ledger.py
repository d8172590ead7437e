"""What must be held and what must not, after each process's death: kept apart from the bridge."""

from __future__ import annotations

import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from typing import Any, Final

from bridge.model import Grant, RefreshToken, State
from bridge.secret import Secret
from bridge.services import Services
from bridge.store.sqlite import SqliteStore
from bridge.tokens.leases import TERM_S
from bridge.vault.refresh_tokens import Owner
from tests.crash.orders import Deed
from tests.kit import TENANT, ShiftedClock, World, token_fields

_MARGIN_S: Final = 0.5


class Ledger:
    """The lives of many subjects: what each deed brings and ends, and which deeds are done."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.deeds: list[Deed] = []
        self.done: set[int] = set()
        self._subs: dict[str, str] = {}
        self._deeds_of: defaultdict[str, list[Deed]] = defaultdict(list)

    # Making up lives

    def sign_in(self, subject: str, *, is_unbound: bool = False) -> Deed:
        """Have a user consent now, and let an IdP tell of it later."""
        account = self.world.account()
        if subject in self._subs:
            account = self.world.google.accounts.get(self._subs[subject])
        self._subs[subject] = account.sub
        tokens = self.world.sign_in(account)
        message: dict[str, Any] = {
            "tenant": TENANT,
            "account": {"sub": account.sub},
            "client_id": self.world.client.client_id,
            "tokens": token_fields(tokens),
        }
        if is_unbound:
            message |= {"type": "capture", "login_id": f"login-{subject}"}
        else:
            message |= {"type": "login", "subject": subject, "login": {"id": subject}}
        return self._hook(subject, message, tokens.refresh_token)

    def bind(self, subject: str) -> Deed:
        message = {
            "type": "bind",
            "tenant": TENANT,
            "login_id": f"login-{subject}",
            "account": {"sub": self._subs[subject]},
            "subject": subject,
        }
        return self._hook(subject, message, None)

    def repeat(self, deed: Deed) -> Deed:
        """Have an IdP tell the same again, as another message."""
        return self._hook(deed.subject, deed.message, deed.brings)

    def forget(self, subject: str) -> Deed:
        return self._add(Deed(len(self.deeds), subject, "forget"))

    def revoke(self, subject: str) -> Deed:
        return self._add(Deed(len(self.deeds), subject, "revoke"))

    def read(self, subject: str) -> Deed:
        return self._add(Deed(len(self.deeds), subject, "read"))

    def _hook(self, subject: str, message: dict[str, Any], brings: str | None) -> Deed:
        message_id = f"msg_{secrets.token_hex(8)}"
        return self._add(Deed(len(self.deeds), subject, "hook", message_id, message, brings))

    def _add(self, deed: Deed) -> Deed:
        self.deeds.append(deed)
        self._deeds_of[deed.subject].append(deed)
        return deed

    def pending(self) -> list[Deed]:
        """Return what was not acknowledged: it is done again, as its sender would."""
        return [deed for deed in self.deeds if deed.number not in self.done]

    @property
    def subjects(self) -> list[str]:
        return list(self._deeds_of)

    def is_ended(self, subject: str) -> bool:
        """Tell whether an ending was acknowledged, or may have been under way."""
        return any(deed.ends for deed in self._so_far(subject))

    def _so_far(self, subject: str) -> list[Deed]:
        """Return the deeds that are done, and the one that may be."""
        known: list[Deed] = []
        for deed in self._deeds_of[subject]:
            known.append(deed)
            if deed.number not in self.done:
                break
        return known

    # Looking

    def check(self, services: Services, subjects: Iterable[str]) -> None:
        """Compare what the bridge holds of these subjects with what was acknowledged.

        Raises:
            AssertionError: a refresh token is lost, or one came back.
        """
        for subject in subjects:
            self._check(services, subject)

    def _check(self, services: Services, subject: str) -> None:
        done = [deed for deed in self._deeds_of[subject] if deed.number in self.done]
        marks = {self._mark(services, d.brings): d.number for d in done if d.brings is not None}
        held = {token.mark: token for token in self._held(services, subject)}
        if any(deed.ends for deed in done):
            back = [number for mark, number in marks.items() if mark in held]
            assert not back, f"{subject}: the refresh tokens of deeds {back} came back"
            states = {grant.state for grant in self._grants(services, subject)}
            assert states <= {State.REVOKED, State.REVOKING}, f"{subject}: serves again: {states}"
        elif not self.is_ended(subject):
            lost = [number for mark, number in marks.items() if mark not in held]
            assert not lost, f"{subject}: the refresh tokens of deeds {lost} are lost"
            self._check_readable(services, subject, held, done)

    def _check_readable(
        self,
        services: Services,
        subject: str,
        held: dict[bytes, RefreshToken],
        done: Iterable[Deed],
    ) -> None:
        owner = Owner(TENANT, services.grants.partition(TENANT, self._subs[subject]))
        for deed in done:
            if deed.brings is not None:
                token = held[self._mark(services, deed.brings)]
                assert services.admin.tokens.reveal(owner, token) == Secret(deed.brings)

    def _mark(self, services: Services, token: str) -> bytes:
        return services.keys.hasher.mark(Secret(token))

    def _held(self, services: Services, subject: str) -> list[RefreshToken]:
        partition = services.grants.partition(TENANT, self._subs[subject])
        unbound = services.upkeep.inbox.unbound(partition)
        tokens = [held.record.token for held in unbound if held.record.token is not None]
        return tokens + [t for g in self._grants(services, subject) for t in g.tokens]

    def _grants(self, services: Services, subject: str) -> list[Grant]:
        return [held.record for held in services.grants.find(TENANT, subject)]


def check_leases(world: World) -> int:
    """Take every lease that a dead process left, a term later; return how many there were."""
    later = ShiftedClock()
    later.shift = world.clock.shift + TERM_S + _MARGIN_S
    path = world.settings.store.path
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM leases")]
    with closing(SqliteStore(path, later)) as store:
        for name in names:
            lease = store.lease(name, "whoever comes next", TERM_S)
            assert lease is not None, f"the lease {name} is stuck beyond its term"
            assert store.release(lease)
    return len(names)
