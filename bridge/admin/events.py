"""The audit record for those who may read it.

Owns the wire form of events, and which of them a caller is shown.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import msgspec

from bridge.admin.access import no_tenant, permit
from bridge.audit.act import ActType
from bridge.audit.cursor import BEGINNING, Cursor, format_cursor, parse_cursor
from bridge.audit.log import AuditLog, Page, Selection
from bridge.errors import invalid
from bridge.model import Caller, Event
from bridge.vault.records import Held


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened.

    Attributes:
        id: its place in the record; `after` takes it, too.
        at: Unix seconds.
        type: what happened.
        tenant: null for what concerns no tenant in particular.
        actor: a caller's name, `cli:` and a user's, or `bridge`, `hook`, `user`.
        reason: why, in a word for machines.
        subject, account, client, grant: what it is about; `account` is Google's `sub`.
        before, after: states of the grant.
        tokens: fingerprints of access tokens (`fp_`), and names that only the bridge can make of
            refresh tokens (`rt_`).
        details: further texts.
    """

    id: str
    at: int
    type: str
    tenant: str | None
    actor: str
    reason: str | None
    subject: str | None
    account: str | None
    client: str | None
    grant: str | None
    before: str | None
    after: str | None
    tokens: tuple[str, ...]
    details: dict[str, str]


class EventList(msgspec.Struct, frozen=True, kw_only=True):
    """Events in their order, and where to go on, now or later, as `after`."""

    events: tuple[EventView, ...]
    next: str


@dataclass(frozen=True, slots=True)
class EventReader:
    """Lists events for callers."""

    audit: AuditLog
    tenants: Container[str]

    def page(
        self,
        caller: Caller,
        *,
        tenant: str | None,
        kind: ActType | None,
        after: str | None,
        limit: int,
    ) -> EventList:
        """Return the events next after `after`, of one tenant or of all that the caller sees.

        Raises:
            BridgeError: `forbidden`; `not_found`, for a tenant that is not there or not for this
                caller; `invalid_request`, the cursor is of another record.
        """
        selection = self._selection(caller, tenant, kind, _cursor(after), limit)
        return _list(self.audit.page(selection))

    def newest(
        self, caller: Caller, *, tenant: str | None, kind: ActType | None, limit: int
    ) -> EventList:
        """Return the last events, in their order; raises as `page`."""
        return _list(self.audit.newest(self._selection(caller, tenant, kind, BEGINNING, limit)))

    def _selection(
        self, caller: Caller, tenant: str | None, kind: ActType | None, after: Cursor, limit: int
    ) -> Selection:
        permit(caller, "events:read")
        if tenant is not None and not caller.sees(tenant):
            raise no_tenant()
        # The events of one that was taken out of the configuration are there as long as they last.
        if tenant is not None and tenant not in self.tenants and not self.audit.knows(tenant):
            raise no_tenant()
        return Selection(
            tenants=caller.tenants if tenant is None else frozenset({tenant}),
            type=None if kind is None else kind.value,
            after=after,
            limit=limit,
        )


def _cursor(text: str | None) -> Cursor:
    if text is None:
        return BEGINNING
    try:
        return parse_cursor(text)
    except ValueError:
        raise invalid("This is no place in the audit record.", field="after") from None


def _list(page: Page) -> EventList:
    return EventList(
        events=tuple(_view(place, held) for place, held in page.events),
        next=format_cursor(page.next),
    )


def _view(place: Cursor, held: Held[Event]) -> EventView:
    event = held.record
    return EventView(
        id=format_cursor(place),
        at=event.at,
        type=event.type,
        tenant=held.index.tenant or None,
        actor=event.actor,
        reason=event.reason,
        subject=event.subject,
        account=event.account,
        client=event.client_id,
        grant=event.grant,
        before=event.before,
        after=event.after,
        tokens=event.tokens,
        details=dict(event.details),
    )
