"""What a caller may be allowed to do; the words of `permissions` in settings and callers."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """One thing a caller may do in its tenants."""

    TOKEN = "token"  # noqa: S105 - a permission's name
    GRANTS_READ = "grants:read"
    GRANTS_FORGET = "grants:forget"
    GRANTS_REVOKE = "grants:revoke"
    GRANTS_RECHECK = "grants:recheck"
    CONNECT = "connect"
    LOGIN_HINTS = "login-hints"
    ORDERS = "orders"
    EVENTS_READ = "events:read"
    PREFLIGHT = "preflight"
    PROFILES = "profiles"
