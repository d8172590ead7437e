"""The route of the audit record."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bridge.admin.events import EventList
from bridge.audit.act import ActType
from bridge.audit.cursor import PATTERN
from bridge.errors import Code
from bridge.parsing import Name
from bridge.services import Services
from bridge.web.route import Ask, Route


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events to list.

    Attributes:
        type: only what is of this type.
        after: the `next` of the answer before, or an event's id; left out, from the beginning.
    """

    tenant: Name | None = None
    type: ActType | None = None
    after: Annotated[str, Meta(max_length=18, pattern=PATTERN)] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


def event_routes(services: Services) -> tuple[Route, ...]:
    """Return the operation that lists events."""

    def events(ask: Ask) -> EventList:
        query: EventsQuery = ask.query
        return services.events.page(
            ask.caller,
            tenant=query.tenant,
            kind=query.type,
            after=query.after,
            limit=query.limit,
        )

    return (
        Route(
            method="GET",
            path="/v1/events",
            name="list_events",
            summary="List what happened to grants, and who did it, in order; to be polled.",
            handle=events,
            query=EventsQuery,
            answer=EventList,
            errors=(Code.NOT_FOUND,),
        ),
    )
