"""The control API's part on the world: time, options, keys, security events, users' data."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import get_args

from flask import Blueprint, Response, jsonify, request

from bridge.sandbox.control_body import BadControlRequestError, Body
from bridge.sandbox.risc import Delivery
from bridge.sandbox.security_event import (
    EventType,
    Flaw,
    SecurityEvent,
    SubjectForm,
    TokenAlgorithm,
)
from bridge.sandbox.state import SandboxGoogle


def add_world_routes(routes: Blueprint, google: SandboxGoogle) -> None:
    """Add the routes on time, options, keys, security events and users' data."""
    _add_settings(routes, google)
    _add_events(routes, google)
    _add_data(routes, google)


def _add_settings(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get("/clock")
    def clock() -> Response:
        return jsonify(now=google.now())

    @routes.post("/clock/advance")
    def advance() -> Response:
        body = Body(request)
        seconds = body.number("seconds")
        body.done()
        return jsonify(now=google.advance(seconds))

    @routes.get("/options")
    def options() -> Response:
        return jsonify(asdict(google.core.options))

    @routes.patch("/options")
    def configure() -> Response:
        return jsonify(asdict(google.configure(**Body(request).everything())))

    @routes.post("/keys/rotate")
    def rotate() -> Response:
        return jsonify(kid=google.rotate_keys())


def _add_events(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.put("/risc")
    def configure_risc() -> Response:
        body = Body(request)
        receiver = body.maybe_text("receiver")
        body.done()
        google.risc.configure(receiver)
        return jsonify(receiver=receiver)

    @routes.post("/risc/events")
    def send() -> Response:
        body = Body(request)
        attempts = body.maybe_whole("attempts") or 1
        event = _event(body, google)
        body.done()
        return jsonify(_delivery(google.risc.send(event, attempts=attempts)))

    @routes.get("/risc/deliveries")
    def deliveries() -> Response:
        return jsonify(deliveries=[_delivery(sent) for sent in google.risc.deliveries()])


def _add_data(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.post("/messages")
    def deliver() -> tuple[Response, int]:
        body = Body(request)
        sub = google.accounts.get(body.text("account")).sub
        body.done()
        return jsonify(google.workspace.deliver_message(sub)), HTTPStatus.CREATED

    @routes.post("/files")
    def create_file() -> tuple[Response, int]:
        body = Body(request)
        sub = google.accounts.get(body.text("account")).sub
        name = body.maybe_text("name") or "Untitled"
        body.done()
        return jsonify(google.workspace.create_file(sub, {"name": name})), HTTPStatus.CREATED


def _event(body: Body, google: SandboxGoogle) -> SecurityEvent:
    event_type: EventType = body.one_of("type", get_args(EventType), "verification")
    if not body.given("type"):
        raise BadControlRequestError("field 'type' is missing")
    who = body.maybe_text("account")
    account = google.accounts.get(who) if who else None
    return SecurityEvent(
        type=event_type,
        audience=tuple(body.texts("audience")),
        sub=account.sub if account else "",
        email=account.email if account else "",
        subject_form=body.one_of("subject_form", get_args(SubjectForm), "iss-sub"),
        refresh_token=body.maybe_text("refresh_token") or "",
        token_algorithm=body.one_of(
            "token_algorithm", get_args(TokenAlgorithm), "hash_base64_sha512_sha512"
        ),
        reason=body.maybe_text("reason"),
        state=body.maybe_text("state"),
        issuer_slash=body.flag("issuer_slash", default=True),
        jti=body.maybe_text("jti"),
        iat=body.maybe_whole("iat"),
        flaw=body.one_of("flaw", (*get_args(Flaw), None), None),
    )


def _delivery(sent: Delivery) -> dict[str, object]:
    return {
        "jti": sent.jti,
        "status": sent.status,
        "body": sent.body,
        "attempts": sent.attempts,
        "token": sent.token,
    }
