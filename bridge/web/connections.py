"""The connections page over HTTP, for backends: one operation, which makes a link to it.

Owns what it takes and answers; what browsers see is in `pages`.
"""

from __future__ import annotations

from bridge.connect.invitations import ConnectionsLinkAnswer, ConnectionsLinkRequest
from bridge.errors import Code
from bridge.services import Services
from bridge.web.route import Ask, Route


def connections_routes(services: Services) -> tuple[Route, ...]:
    """Return the operation by which a backend opens a user's connections page."""

    def create(ask: Ask) -> ConnectionsLinkAnswer:
        return services.invitations.create(ask.caller, ask.body)

    return (
        Route(
            method="POST",
            path="/v1/connections-links",
            name="create_connections_link",
            summary="Make a one-time link to the page on which a user looks after connections.",
            handle=create,
            body=ConnectionsLinkRequest,
            answer=ConnectionsLinkAnswer,
            errors=(Code.NOT_FOUND,),
        ),
    )
