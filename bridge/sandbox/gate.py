"""What happens around every call of an endpoint: counted, injected, held back, dated.

Owns the order of these. The control API passes by untouched.
"""

from __future__ import annotations

from flask import Flask, Request, Response, g, request
from werkzeug.http import http_date

from bridge.sandbox import minting
from bridge.sandbox.call_control import ENDPOINTS
from bridge.sandbox.canned import CannedAnswer
from bridge.sandbox.interference import Call
from bridge.sandbox.oauth_server import credentials
from bridge.sandbox.state import SandboxGoogle
from bridge.sandbox.stats import TokenCall

REQUEST_ID_HEADER = "X-Request-Id"
HANG_UP = "bridge.sandbox.hang_up"


def install_gate(app: Flask, google: SandboxGoogle) -> None:
    """Put the gate around all of the app's endpoints."""

    @app.before_request
    def enter() -> Response | None:
        endpoint = (request.endpoint or "").rpartition(".")[2].rpartition("-")[2]
        if endpoint not in ENDPOINTS:
            return None
        call = _call(google, endpoint, request)
        g.call = call
        google.stats_book.arrived(endpoint, call.client_id)
        g.hold = google.interference.hold_for(call)
        answer = google.interference.answer_to(call)
        return None if answer is None else _given(answer)

    @app.after_request
    def leave(response: Response) -> Response:
        response.headers["Date"] = http_date(google.now())
        response.headers[REQUEST_ID_HEADER] = minting.opaque_id()
        call: Call | None = g.get("call")
        if call is None:
            return response
        if call.endpoint == "token":
            google.stats_book.token_call(_counted(call, response))
        if g.hold is not None:
            g.hold.keep()
        google.stats_book.left(call.endpoint, 0 if g.get("closed") else response.status_code)
        return response


def _given(answer: CannedAnswer) -> Response:
    g.outcome = answer.outcome
    g.closed = answer.status == 0
    if g.closed:
        # The server put it there; without a server, a test client sees the 503.
        request.environ.get(HANG_UP, bool)()
    response = Response(answer.body, answer.status or 503, content_type=answer.content_type)
    response.headers.update(answer.headers)
    return response


def _counted(call: Call, response: Response) -> TokenCall:
    status = response.status_code
    fallback = "ok" if status == 200 else f"http_{status}"  # noqa: PLR2004 - success
    return TokenCall(
        grant_type=call.grant_type,
        client_id=call.client_id,
        sub=g.get("sub", call.sub),
        outcome=g.get("outcome", fallback),
    )


def _call(google: SandboxGoogle, endpoint: str, incoming: Request) -> Call:
    if endpoint == "token":
        form = incoming.form
        text = form.get("refresh_token", "")
        return Call(
            endpoint=endpoint,
            client_id=credentials(incoming),
            sub=google.owner(text)[0],
            refresh_token=text,
            grant_type=form.get("grant_type", ""),
        )
    if endpoint == "authorization":
        account = google.accounts.find(incoming.args.get("login_hint", ""))
        return Call(
            endpoint=endpoint,
            client_id=incoming.args.get("client_id", ""),
            sub=account.sub if account else "",
        )
    text = incoming.values.get("token", "") if endpoint == "revocation" else bearer(incoming)
    sub, client_id = google.owner(text)
    return Call(endpoint=endpoint, client_id=client_id, sub=sub, refresh_token=text)


def bearer(incoming: Request) -> str:
    """Return the bearer token of a request (RFC 6750 section 2.1), or an empty text."""
    kind, _, token = incoming.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
