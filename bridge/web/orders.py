"""The routes by which admins force consent, and see what other policies would do."""

from __future__ import annotations

from typing import Final

import msgspec

from bridge.admin.order_views import OrderList, OrderMade, OrderRequest, OrderStatus, RecoveryView
from bridge.errors import Code
from bridge.parsing import Name
from bridge.services import Services
from bridge.web.route import Ask, Route

# 100,000 names of ordinary length.
_LARGEST: Final = 8 * 1024 * 1024


class TenantQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tenant is meant."""

    tenant: Name


def order_routes(services: Services) -> tuple[Route, ...]:
    """Return the operations about orders."""
    admin = services.orders

    def create(ask: Ask) -> OrderMade:
        return admin.create(ask.caller, ask.body)

    def orders(ask: Ask) -> OrderList:
        return admin.list(ask.caller, ask.query.tenant)

    def show(ask: Ask) -> OrderStatus:
        return admin.show(ask.caller, ask.params["order"])

    def cancel(ask: Ask) -> None:
        admin.cancel(ask.caller, ask.params["order"])

    def recovery(ask: Ask) -> RecoveryView:
        return admin.recovery(ask.caller, ask.query.tenant)

    return (
        Route(
            method="POST",
            path="/v1/admin/orders",
            name="create_order",
            summary="Order that users be asked to consent at their next login, or count them.",
            handle=create,
            body=OrderRequest,
            answer=OrderMade,
            errors=(Code.NOT_FOUND,),
            largest=_LARGEST,
        ),
        Route(
            method="GET",
            path="/v1/admin/orders",
            name="list_orders",
            summary="List a tenant's orders, the newest first.",
            handle=orders,
            query=TenantQuery,
            answer=OrderList,
            errors=(Code.NOT_FOUND,),
        ),
        Route(
            method="GET",
            path="/v1/admin/orders/{order}",
            name="show_order",
            summary="Show an order, and how many users were asked and consented.",
            handle=show,
            answer=OrderStatus,
            errors=(Code.NOT_FOUND,),
        ),
        Route(
            method="DELETE",
            path="/v1/admin/orders/{order}",
            name="cancel_order",
            summary="Cancel an order. The next login is not asked for it any more.",
            handle=cancel,
            errors=(Code.NOT_FOUND,),
        ),
        Route(
            method="GET",
            path="/v1/admin/recovery",
            name="recovery",
            summary="Count whom each recovery policy would have asked, where one only observes.",
            handle=recovery,
            query=TenantQuery,
            answer=RecoveryView,
            errors=(Code.NOT_FOUND,),
        ),
    )
