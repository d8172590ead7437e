"""The route by which an app learns what a login should ask Google for."""

from __future__ import annotations

from bridge.consent.hint_wire import HintsAnswer, HintsRequest
from bridge.errors import Code
from bridge.services import Services
from bridge.web.route import Ask, Route


def hint_routes(services: Services) -> tuple[Route, ...]:
    """Return the operation about logins that have not begun."""

    def hints(ask: Ask) -> HintsAnswer:
        """Give the hints."""
        return services.hints.of(ask.caller, ask.body)

    return (
        Route(
            method="POST",
            path="/v1/login-hints",
            name="login_hints",
            summary="Get the parameters for an IdP's authorization request, before the login.",
            handle=hints,
            body=HintsRequest,
            answer=HintsAnswer,
            errors=(Code.NOT_FOUND,),
        ),
    )
