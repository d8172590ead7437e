"""The routes of the internal API: the table from which app and OpenAPI document are made.

Owns what each operation takes and answers. Every handler is one call into a use case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from bridge import __version__, metrics
from bridge.admin.preflight import PreflightAnswer
from bridge.admin.selecting import filter_of
from bridge.admin.views import (
    GrantPage,
    GrantView,
    RecheckAnswer,
    RevokeAnswer,
    RevokeRequest,
    view,
)
from bridge.errors import BridgeError, Code
from bridge.profile import strip
from bridge.services import Services
from bridge.tokens.repeats import Asked, Repeats
from bridge.tokens.wire import TokenAnswer, TokenRequest
from bridge.web.batch import Batches
from bridge.web.reply import Reply, encode
from bridge.web.route import LARGE, Ask, Route
from bridge.web.wire import (
    GrantsQuery,
    ProfileAnswer,
    ProfileRequest,
    PublicKeys,
    Readiness,
    Removed,
    Status,
    TokensAnswer,
    TokensRequest,
    Version,
)

_READ_ERRORS: Final = (
    Code.GRANT_MISSING,
    Code.REAUTH_REQUIRED,
    Code.INSUFFICIENT_SCOPE,
    Code.BLOCKED,
    Code.ACCOUNT_AMBIGUOUS,
    Code.CLIENT_FAULT,
    Code.UPSTREAM_UNAVAILABLE,
)


@dataclass(frozen=True, slots=True)
class Api:
    """The handlers."""

    services: Services
    batches: Batches
    repeats: Repeats

    def token(self, ask: Ask) -> Reply:
        """Serve a token."""
        return Reply(200, self.repeats.read(ask.caller, ask.body, ask.visit))

    def tokens(self, ask: Ask) -> TokensAnswer:
        """Serve many; a refresh of one does not hold the others up."""
        if "token" not in ask.caller.permissions:
            raise BridgeError(Code.FORBIDDEN, "This caller may not ask for tokens.")
        return TokensAnswer(answers=self.batches.read(ask.caller, ask.body.requests))

    def grants(self, ask: Ask) -> GrantPage:
        """List grants."""
        query: GrantsQuery = ask.query
        wanted = filter_of(
            state=query.state,
            reason=query.reason,
            domain=query.domain,
            idle_since=query.idle_since,
            missing_scope=query.missing_scope,
            no_usable_grant=query.no_usable_grant,
        )
        return self.services.admin.page(ask.caller, query.tenant, wanted, query.after, query.limit)

    def grant(self, ask: Ask) -> GrantView:
        """Show a grant."""
        return view(self.services.admin.show(ask.caller, ask.params["grant"]).record)

    def forget(self, ask: Ask) -> None:
        """Forget a grant."""
        self.services.admin.forget(ask.caller, ask.params["grant"])

    def revoke(self, ask: Ask) -> RevokeAnswer:
        """Revoke a grant."""
        return self.services.admin.revoke(ask.caller, ask.params["grant"], dry_run=ask.body.dry_run)

    def recheck(self, ask: Ask) -> RecheckAnswer:
        """Try a grant again."""
        return self.services.rechecking.recheck(ask.caller, ask.params["grant"])

    def preflight(self, ask: Ask) -> PreflightAnswer:
        """Check a read from end to end."""
        return self.services.preflight.run(ask.caller, ask.body)

    def profile(self, ask: Ask) -> ProfileAnswer:
        """Strip a profile."""
        if "profiles" not in ask.caller.permissions:
            raise BridgeError(Code.FORBIDDEN, "This caller lacks the permission `profiles`.")
        stripped = strip(ask.body.profile)
        removed = tuple(Removed(path=r.path, why=r.why.value) for r in stripped.removed)
        return ProfileAnswer(profile=stripped.profile, removed=removed)

    def live(self, _ask: Ask) -> Status:
        """Say that the process answers."""
        return Status(status="live")

    def ready(self, _ask: Ask) -> Readiness:
        """Say that store and keys can serve."""
        self.services.store.check()
        self.services.opening.prove_writing()
        self.services.opening.prove_keys()
        return Readiness(status="ready", risks=tuple(self.services.store.risks()))

    def metrics(self, _ask: Ask) -> Reply:
        """Tell what all workers counted, for Prometheus."""
        body = metrics.exposed(self.services.circuits.number_open())
        return Reply(200, body, metrics.CONTENT_TYPE)

    def version(self, _ask: Ask) -> Version:
        """Say what runs."""
        return Version(name="grantbridge", version=__version__)

    def hook_keys(self, _ask: Ask) -> PublicKeys:
        """Publish the keys that IdPs encrypt tokens to."""
        jwks = self.services.keys.present.envelope.public_jwks()
        return msgspec.convert(jwks, PublicKeys)


def routes(services: Services) -> tuple[Route, ...]:
    """Return every operation of the internal API but the hook's, the token route first."""
    repeats = Repeats(
        service=services.tokens,
        rows=services.rows,
        grants=services.grants,
        keys=services.keys,
        clock=services.clock,
        encode=encode,
    )
    api = Api(services, Batches(services.tokens), repeats)
    return (
        Route(
            method="POST",
            path="/v1/token",
            name="token",
            summary="Get a fresh Google access token for a subject or a grant.",
            handle=api.token,
            body=TokenRequest,
            answer=TokenAnswer,
            errors=_READ_ERRORS,
            kept_as=Asked,
        ),
        Route(
            method="POST",
            path="/v1/tokens",
            name="tokens",
            summary="Get up to 500 tokens; each request has an answer of its own.",
            handle=api.tokens,
            body=TokensRequest,
            answer=TokensAnswer,
            largest=LARGE,
        ),
        Route(
            method="GET",
            path="/v1/grants",
            name="list_grants",
            summary="List a tenant's grants without their secrets.",
            handle=api.grants,
            query=GrantsQuery,
            answer=GrantPage,
            errors=(Code.NOT_FOUND,),
        ),
        Route(
            method="GET",
            path="/v1/grants/{grant}",
            name="show_grant",
            summary="Show a grant without its secrets.",
            handle=api.grant,
            answer=GrantView,
            errors=(Code.GRANT_MISSING,),
        ),
        Route(
            method="DELETE",
            path="/v1/grants/{grant}",
            name="forget_grant",
            summary="Forget a grant. Google is not told; late messages do not bring it back.",
            handle=api.forget,
            errors=(Code.GRANT_MISSING, Code.CONFLICT),
        ),
        Route(
            method="POST",
            path="/v1/grants/{grant}/revoke",
            name="revoke_grant",
            summary="Revoke a grant at Google, with all of the same account and Google project.",
            handle=api.revoke,
            body=RevokeRequest,
            answer=RevokeAnswer,
            errors=(Code.GRANT_MISSING, Code.UPSTREAM_UNAVAILABLE, Code.CONFLICT),
        ),
        Route(
            method="POST",
            path="/v1/grants/{grant}/recheck",
            name="recheck_grant",
            summary="Try a grant again, also what Google refused before.",
            handle=api.recheck,
            answer=RecheckAnswer,
            errors=(
                Code.GRANT_MISSING,
                Code.CLIENT_FAULT,
                Code.UPSTREAM_UNAVAILABLE,
                Code.CONFLICT,
            ),
        ),
        Route(
            method="POST",
            path="/v1/preflight",
            name="preflight",
            summary="Check all the way to a token, and say who can mend what is wrong.",
            handle=api.preflight,
            body=TokenRequest,
            answer=PreflightAnswer,
        ),
        Route(
            method="POST",
            path="/v1/profiles/strip",
            name="strip_profile",
            summary="Remove tokens from a profile before a client sees it.",
            handle=api.profile,
            body=ProfileRequest,
            answer=ProfileAnswer,
            largest=LARGE,
        ),
        Route(
            method="GET",
            path="/live",
            name="live",
            summary="Is the process there?",
            handle=api.live,
            answer=Status,
            is_open=True,
        ),
        Route(
            method="GET",
            path="/metrics",
            name="metrics",
            summary="What all workers counted, in Prometheus' text format",
            handle=api.metrics,
            answer=str,
            media=metrics.CONTENT_TYPE,
            is_open=True,
        ),
        Route(
            method="GET",
            path="/ready",
            name="ready",
            summary="Can it serve: store and keys?",
            handle=api.ready,
            answer=Readiness,
            errors=(Code.KEY_UNAVAILABLE,),
            is_open=True,
        ),
        Route(
            method="GET",
            path="/version",
            name="version",
            summary="What runs?",
            handle=api.version,
            answer=Version,
            is_open=True,
        ),
        Route(
            method="GET",
            path="/.well-known/jwks.json",
            name="hook_keys",
            summary="The public keys that an IdP encrypts `tokens_jwe` to (RFC 7517).",
            handle=api.hook_keys,
            answer=PublicKeys,
            is_open=True,
        ),
    )
