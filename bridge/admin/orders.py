"""Orders for callers: who may make, see and cancel them.

Owns the permission and the refusals. What an order does is `consent`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec.structs import replace

from bridge.admin.access import no_tenant, permit
from bridge.admin.order_views import (
    OrderList,
    OrderMade,
    OrderRequest,
    OrderStatus,
    Progress,
    RecoveryView,
    WouldAsk,
    order_view,
)
from bridge.config.tenants import Recovery, TenantSettings
from bridge.consent.foresight import KEPT_S, SEEN, Foresight
from bridge.consent.orders import Orders
from bridge.consent.reach import Reach
from bridge.errors import BridgeError, Code, invalid
from bridge.model import Caller, Order
from bridge.vault.records import Held

_DAY_S: Final = 24 * 3600

log = structlog.get_logger(__name__)


def _unwatched(_done: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAdmin:
    """Acts on orders for callers."""

    tenants: Mapping[str, TenantSettings]
    orders: Orders
    reach: Reach
    foresight: Foresight

    def create(
        self, caller: Caller, wish: OrderRequest, progress: Callable[[int], None] = _unwatched
    ) -> OrderMade:
        """Make an order, or only count whom it would mean.

        Raises:
            BridgeError: `forbidden`; `not_found` for a tenant that is not there or not for this
                caller; `invalid_request` with the field.
        """
        self._admit(caller, wish.tenant)
        if (wish.filter is None) == (wish.subjects is None):
            raise invalid("Give `filter` or `subjects`, one of them.", field="filter")
        draft = Order(
            id="",
            tenant=wish.tenant,
            filter=wish.filter.meant() if wish.filter else None,
            subjects=self.orders.listing(wish.tenant, wish.subjects or ()),
            include_active=wish.include_active,
            text=wish.reason,
            created_by=caller.name,
            created_at=0,
            expires_at=0,
            matched=0,
        )
        matched = self.reach.matched(draft, progress)
        if wish.dry_run:
            return OrderMade(order=None, matched=matched)
        made = self.orders.create(replace(draft, matched=matched))
        log.info("ordered", tenant=made.tenant, order=made.id, caller=caller.name, matched=matched)
        return OrderMade(order=order_view(made), matched=matched)

    def list(self, caller: Caller, tenant: str) -> OrderList:
        """Return a tenant's orders, the newest first; raises as `create`."""
        self._admit(caller, tenant)
        found = sorted(self.orders.of(tenant), key=lambda o: (o.created_at, o.id), reverse=True)
        return OrderList(orders=tuple(map(order_view, found)))

    def show(self, caller: Caller, order_id: str) -> OrderStatus:
        """Return an order and how far it has come.

        Raises:
            BridgeError: `forbidden`; `not_found` for an order that is not there or not for this
                caller.
        """
        order = self._visible(caller, order_id).record
        counts = self.reach.progress(order)
        progress = Progress(**counts, not_seen=max(0, order.matched - counts["asked"]))
        return OrderStatus(order=order_view(order), progress=progress)

    def cancel(self, caller: Caller, order_id: str) -> None:
        """End an order: no login from now on is asked for it. Raises as `show`."""
        order = self.orders.cancel(self._visible(caller, order_id), caller.name)
        log.info("order_cancelled", tenant=order.tenant, order=order.id, caller=caller.name)

    def recovery(self, caller: Caller, tenant: str) -> RecoveryView:
        """Return whom the policies would have asked; raises as `create`."""
        self._admit(caller, tenant)

        def count(policy: str) -> int:
            return self.foresight.count(tenant, policy)

        return RecoveryView(
            tenant=tenant,
            recovery=self.tenants[tenant].recovery.value,
            days=KEPT_S // _DAY_S,
            users=count(SEEN),
            would_ask=WouldAsk(
                ordered=count(Recovery.ORDERED),
                needed=count(Recovery.NEEDED),
                always=count(Recovery.ALWAYS),
            ),
        )

    def _admit(self, caller: Caller, tenant: str) -> None:
        permit(caller, "orders")
        if tenant not in self.tenants or not caller.sees(tenant):
            raise no_tenant()

    def _visible(self, caller: Caller, order_id: str) -> Held[Order]:
        permit(caller, "orders")
        held = self.orders.find(order_id)
        if held is None or not caller.sees(held.record.tenant):
            raise BridgeError(Code.NOT_FOUND, "There is no order with this id.", field="order")
        return held
