"""The control API's part on calls under way: faults, holds, being down, and the counters."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import TypedDict, get_args

from flask import Blueprint, Response, jsonify, request

from bridge.sandbox.canned import ANSWERS, CannedAnswer
from bridge.sandbox.control_body import Body
from bridge.sandbox.interference import Down, Fault, Hold
from bridge.sandbox.state import SandboxGoogle
from bridge.sandbox.stats import Snapshot


class _Filters(TypedDict):
    account: str | None
    client: str | None
    refresh_token: str | None
    grant_type: str | None


def add_fault_routes(routes: Blueprint, google: SandboxGoogle) -> None:
    """Add the routes on faults, holds, being down and counters."""
    _add_faults(routes, google)
    _add_holds(routes, google)
    _add_counters(routes, google)


def _add_faults(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get("/answers")
    def answers() -> Response:
        return jsonify(answers=list(ANSWERS))

    @routes.get("/faults")
    def faults() -> Response:
        return jsonify(faults=[_fault(fault) for fault in google.interference.faults()])

    @routes.post("/faults")
    def inject() -> tuple[Response, int]:
        body = Body(request)
        fault = google.inject(
            body.maybe_text("endpoint"),
            _answer(body),
            times=_times(body, default=1),
            retry_after=body.maybe_text("retry_after_date") or body.maybe_whole("retry_after"),
            **_filters(body),
        )
        body.done()
        return jsonify(_fault(fault)), HTTPStatus.CREATED

    @routes.delete("/faults", defaults={"fault_id": None})
    @routes.delete("/faults/<fault_id>")
    def clear(fault_id: str | None) -> Response:
        return jsonify(cleared=google.interference.clear_faults(fault_id))

    @routes.put("/down")
    def down() -> Response:
        body = Body(request)
        how: Down | None = body.one_of("how", (*get_args(Down), None), None)
        body.done()
        google.set_down(how)
        return jsonify(how=how)


def _add_holds(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get("/holds")
    def holds() -> Response:
        return jsonify(holds=[_hold(hold) for hold in google.interference.holds()])

    @routes.post("/holds")
    def hold() -> tuple[Response, int]:
        body = Body(request)
        made = google.hold(
            body.maybe_text("endpoint"),
            seconds=body.maybe_number("seconds"),
            times=_times(body, default=None),
            **_filters(body),
        )
        body.done()
        return jsonify(_hold(made)), HTTPStatus.CREATED

    @routes.delete("/holds", defaults={"hold_id": None})
    @routes.delete("/holds/<hold_id>")
    def release(hold_id: str | None) -> Response:
        return jsonify(released=google.interference.release(hold_id))


def _add_counters(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get("/stats")
    def stats() -> Response:
        return jsonify(_snapshot(google.stats()))

    @routes.delete("/stats")
    def reset_stats() -> Response:
        google.reset_stats()
        return jsonify({})

    @routes.post("/reset")
    def reset() -> Response:
        google.reset()
        return jsonify({})


def _answer(body: Body) -> str | CannedAnswer:
    if body.given("answer"):
        return body.text("answer")
    headers = body.mapping("headers") or {}
    return CannedAnswer(
        status=body.maybe_whole("status") or HTTPStatus.OK,
        body=body.maybe_text("body") or "",
        content_type=body.maybe_text("content_type") or "application/json; charset=utf-8",
        headers={name: str(value) for name, value in headers.items()},
    )


def _filters(body: Body) -> _Filters:
    return {
        "account": body.maybe_text("account"),
        "client": body.maybe_text("client"),
        "refresh_token": body.maybe_text("refresh_token"),
        "grant_type": body.maybe_text("grant_type"),
    }


def _times(body: Body, *, default: int | None) -> int | None:
    return body.maybe_whole("times") if body.given("times") else default


def _fault(fault: Fault) -> dict[str, object]:
    return {"id": fault.id, "left": fault.left, "given": fault.given, **asdict(fault.match)}


def _hold(hold: Hold) -> dict[str, object]:
    return {"id": hold.id, "left": hold.left, "held": hold.held, "total": hold.total} | asdict(
        hold.match
    )


def _snapshot(stats: Snapshot) -> dict[str, object]:
    return {
        "endpoints": stats.endpoints,
        "statuses": [
            {"endpoint": endpoint, "status": status, "calls": calls}
            for (endpoint, status), calls in stats.statuses.items()
        ],
        "token_calls": [
            {**asdict(call), "calls": calls} for call, calls in stats.token_calls.items()
        ],
        "refreshes": stats.refreshes,
        "consent_screens": [
            {"sub": sub, "client_id": client_id, "shown": shown}
            for (sub, client_id), shown in stats.consent_screens.items()
        ],
        "api_calls": [
            {"api": api, "sub": sub, "outcome": outcome, "calls": calls}
            for (api, sub, outcome), calls in stats.api_calls.items()
        ],
        "busiest": {name: asdict(busiest) for name, busiest in stats.busiest.items()},
        "in_flight": stats.in_flight,
    }
