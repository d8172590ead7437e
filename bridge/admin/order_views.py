"""What is said of orders over the wire: the wish for one, the order, and how far it has come.

Owns names, types and bounds; the OpenAPI document is generated from them. The users that an order
lists are never shown: it keeps hashes of them alone.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from bridge.admin.selecting import filter_of
from bridge.admin.views import ShownState
from bridge.model import Filter, Order
from bridge.parsing import Label, Name, Word

MOST_SUBJECTS: Final = 100_000


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what comes in."""


class FilterWish(Wire, frozen=True):
    """Which users are meant: those with a grant to which all that is given applies.

    Attributes:
        domain: the account's Workspace domain, or its email's.
        idle_since: Unix seconds after which no refresh succeeded.
        missing_scope: a scope that is not granted.
        no_usable_grant: only users none of whose grants can serve.
    """

    state: ShownState | None = None
    reason: Word | None = None
    domain: Word | None = None
    idle_since: Annotated[int, Meta(ge=0, le=2**40)] | None = None
    missing_scope: Word | None = None
    no_usable_grant: bool = False

    def meant(self) -> Filter:
        """Return the filter; raises BridgeError `invalid_request`."""
        return filter_of(
            state=self.state,
            reason=self.reason,
            domain=self.domain,
            idle_since=self.idle_since,
            missing_scope=self.missing_scope,
            no_usable_grant=self.no_usable_grant,
        )


class OrderRequest(Wire, frozen=True):
    """An order to be made: for users that a filter means, or for those listed.

    Attributes:
        include_active: also users who have a grant that works.
        reason: why, for the audit and for other admins.
        dry_run: only count whom it would mean.
    """

    tenant: Name
    reason: Label
    filter: FilterWish | None = None
    subjects: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=MOST_SUBJECTS)] | None = (
        None
    )
    include_active: bool = False
    dry_run: bool = False


class FilterView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A filter, what it does not use left out."""

    state: ShownState | None = None
    reason: str | None = None
    domain: str | None = None
    idle_since: int | None = None
    missing_scope: str | None = None
    no_usable_grant: bool = False


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """An order.

    Attributes:
        filter: whom it means; null if it lists them.
        listed: how many it lists; null if a filter means them.
        matched: how many users it meant when it was made.
        created_at, expires_at, cancelled_at: Unix seconds.
    """

    id: str
    tenant: str
    filter: FilterView | None
    listed: int | None
    include_active: bool
    reason: str
    matched: int
    created_by: str
    created_at: int
    expires_at: int
    cancelled_at: int | None
    cancelled_by: str | None


class OrderMade(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the wish for an order; `order` is null after a dry run."""

    order: OrderView | None
    matched: int


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's orders, the newest first."""

    orders: tuple[OrderView, ...]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an order has come, in users.

    Attributes:
        asked: were asked; the others of these numbers, but `not_seen`, are parts of it.
        given, denied, abandoned: consented, came back without, or did not come back.
        not_seen: have not signed in since, or nothing was to be asked of them when they did.
    """

    asked: int
    given: int
    denied: int
    abandoned: int
    not_seen: int


class OrderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An order, and how far it has come."""

    order: OrderView
    progress: Progress


class WouldAsk(msgspec.Struct, frozen=True, kw_only=True):
    """How many users each policy would have asked."""

    ordered: int
    needed: int
    always: int


class RecoveryView(msgspec.Struct, frozen=True, kw_only=True):
    """What `recovery = "observe"` has found in the last days.

    Attributes:
        recovery: the policy in force; only `observe` counts.
        days: over how many days.
        users: how many signed in.
    """

    tenant: str
    recovery: str
    days: int
    users: int
    would_ask: WouldAsk


def order_view(order: Order) -> OrderView:
    """Return what is shown of an order."""
    return OrderView(
        id=order.id,
        tenant=order.tenant,
        filter=None if order.filter is None else _filter_view(order.filter),
        listed=order.listed if order.filter is None else None,
        include_active=order.include_active,
        reason=order.text,
        matched=order.matched,
        created_by=order.created_by,
        created_at=order.created_at,
        expires_at=order.expires_at,
        cancelled_at=order.cancelled_at,
        cancelled_by=order.cancelled_by,
    )


def _filter_view(wanted: Filter) -> FilterView:
    return FilterView(
        state=ShownState(wanted.state.value) if wanted.state else None,
        reason=wanted.reason,
        domain=wanted.domain,
        idle_since=wanted.idle_since,
        missing_scope=wanted.missing_scope,
        no_usable_grant=wanted.no_usable_grant,
    )
