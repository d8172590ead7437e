"""The login hook over HTTP.

Owns where headers are, and on which listener a tenant's hook is; the use case does the rest.
"""

from __future__ import annotations

from bridge.capture.wire import HookAnswer, HookMessage
from bridge.config.tenants import HookListener
from bridge.errors import BridgeError, Code
from bridge.services import Services
from bridge.signing.webhooks import SignedHeaders
from bridge.web.reply import Reply
from bridge.web.route import LARGE, Ask, Route


def hook_route(services: Services, listener: HookListener) -> Route:
    """Return the hook's operation on a listener; another listener's tenants are not found."""
    here = frozenset(
        name
        for name, tenant in services.settings.tenants.items()
        if tenant.hook_listener is listener
    )

    def take(ask: Ask) -> Reply:
        tenant = ask.params["tenant"]
        if tenant not in here:
            raise BridgeError(Code.NOT_FOUND, "This listener has no hook for such a tenant.")
        return Reply(200, services.hook.take(tenant, _headers(ask), ask.body))

    return Route(
        method="POST",
        path="/hooks/{tenant}",
        name="hook",
        summary="Take a login's message, signed by Standard Webhooks.",
        handle=take,
        body=HookMessage,
        answer=HookAnswer,
        errors=(Code.NOT_FOUND, Code.MESSAGE_CONFLICT, Code.KEY_UNAVAILABLE, Code.CONFLICT),
        is_open=True,
        is_raw=True,
        largest=LARGE,
    )


def _headers(ask: Ask) -> SignedHeaders:
    environ = ask.environ
    return SignedHeaders(
        id=environ.get("HTTP_WEBHOOK_ID"),
        timestamp=environ.get("HTTP_WEBHOOK_TIMESTAMP"),
        signature=environ.get("HTTP_WEBHOOK_SIGNATURE"),
    )
