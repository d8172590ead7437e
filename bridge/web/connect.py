"""Connecting accounts over HTTP, for backends: links, their state, and the redemption of codes.

Owns what each operation takes and answers; browsers have routes of their own in `pages`.
"""

from __future__ import annotations

import msgspec

from bridge.admin.views import GrantView, view
from bridge.connect.views import ConnectionRequest, LinkAnswer, LinkRequest, LinkView
from bridge.errors import Code
from bridge.services import Services
from bridge.web.route import Ask, Route


class ConnectionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A connected account.

    Attributes:
        grant: what it became.
        status: `connected`, or `partial` where the user left something out.
        missing: what was left out.
    """

    grant: GrantView
    status: str
    missing: tuple[str, ...]


def connect_routes(services: Services) -> tuple[Route, ...]:
    """Return the operations by which a backend connects accounts."""
    connecting = services.connecting

    def create(ask: Ask) -> LinkAnswer:
        return connecting.links.create(ask.caller, ask.body)

    def show(ask: Ask) -> LinkView:
        return connecting.links.show(ask.caller, ask.params["link"])

    def redeem(ask: Ask) -> ConnectionAnswer:
        made = connecting.redemption.redeem(ask.caller, ask.body)
        return ConnectionAnswer(
            grant=view(made.grant), status=made.status.value, missing=made.missing
        )

    return (
        Route(
            method="POST",
            path="/v1/connect-links",
            name="create_connect_link",
            summary="Make a link by which a user connects a Google account.",
            handle=create,
            body=LinkRequest,
            answer=LinkAnswer,
            errors=(Code.NOT_FOUND,),
        ),
        Route(
            method="GET",
            path="/v1/connect-links/{link}",
            name="show_connect_link",
            summary="Tell how far a link has come.",
            handle=show,
            answer=LinkView,
            errors=(Code.NOT_FOUND,),
        ),
        Route(
            method="POST",
            path="/v1/connections",
            name="redeem_connection",
            summary="Redeem the code that a user's browser brought to `return_to`.",
            handle=redeem,
            body=ConnectionRequest,
            answer=ConnectionAnswer,
            errors=(Code.NOT_FOUND, Code.GRANT_MISSING, Code.CONFLICT),
        ),
    )
