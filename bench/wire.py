"""HTTP/1.1 requests as bytes: what load generators send without thinking about it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping

from bench.setup import CALENDAR, TENANT, Setup
from bridge.secret import Secret
from bridge.signing.webhooks import sign


def get(path: str) -> bytes:
    """Return a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a POST request with a JSON body."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def token_read(subject: str, authorization: str) -> bytes:
    """Return a backend's request for a subject's Calendar token."""
    body = {"tenant": TENANT, "subject": subject, "scopes": [CALENDAR]}
    return post("/v1/token", {"Authorization": authorization}, json.dumps(body).encode())


def hook_message(setup: Setup, message: Mapping[str, object]) -> bytes:
    """Return a signed message to the login hook, with an id of its own."""
    body = json.dumps(message).encode()
    name, stamp = f"msg_{secrets.token_hex(12)}", int(time.time())
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(Secret(setup.hook_secret), name, stamp, body),
    }
    return post(f"/hooks/{TENANT}", headers, body)
