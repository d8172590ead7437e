"""The ways back: to the app with a code or without one, or into the login that waits.

Owns which of the two a link has, and that nothing else is ever redirected to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from bridge.clock import Clock
from bridge.config.tenants import TenantSettings
from bridge.errors import BridgeError, Code, invalid
from bridge.idp.login_return import LoginReturn
from bridge.model import Link, LinkPurpose
from bridge.secret import Secret

_OURS: Final = frozenset({"code", "status"})
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysBack:
    """Makes URLs to send browsers back to."""

    tenants: Mapping[str, TenantSettings]
    public_url: str
    clock: Clock

    def url(
        self, link: Link, status: str, *, code: Secret | None = None, idp_state: str | None = None
    ) -> str | None:
        """Return the way back of a link's user; None if the configuration has none any more."""
        tenant = self.tenants.get(link.tenant)
        if tenant is None:
            return None
        if link.purpose is LinkPurpose.LOGIN:
            return self._into_login(tenant, link, status, idp_state)
        # Looked up again: an address that was taken off the list is not redirected to.
        if link.return_to is None or not _is_listed(link.return_to, tenant.return_to):
            return None
        parameters = {"status": status} | ({"code": code.reveal()} if code else {})
        joint = "&" if "?" in link.return_to else "?"
        return link.return_to + joint + urlencode(parameters)

    def _into_login(
        self, tenant: TenantSettings, link: Link, status: str, idp_state: str | None
    ) -> str | None:
        if tenant.login_return_url is None or tenant.login_return_secret is None:
            return None
        told = LoginReturn(
            issuer=self.public_url,
            subject=link.subject,
            state=idp_state,
            status=status,
            issued_at=int(self.clock.now()),
        )
        return told.url(tenant.login_return_url, tenant.login_return_secret)


def check_return_to(url: str, listed: Sequence[str], field: str) -> None:
    """Check that a browser may be sent to `url`: an open redirect would hand codes to anybody.

    Raises:
        BridgeError: `invalid_request`.
    """
    if not listed:
        raise invalid(
            "This tenant has no `return_to` in the configuration; an operator adds the app's page.",
            field=field,
        )
    if not _is_listed(url, listed):
        raise BridgeError(
            Code.INVALID_REQUEST,
            "Scheme, host, port and path must be those of an entry of the tenant's `return_to`, "
            "without fragment, user name and a query that holds `code` or `status`.",
            field=field,
            reason="return_to",
        )


def _is_listed(url: str, listed: Sequence[str]) -> bool:
    parts = _split(url)
    return parts is not None and any(
        _place(parts) == _place(its) for its in map(_split, listed) if its is not None
    )


def _split(url: str) -> SplitResult | None:
    # A backslash, a control character or a space is where browsers and urlsplit part ways.
    if not url.isascii() or not url.isprintable() or any(c in url for c in "\\ #"):
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and parts.hostname and parts.port != 0
        names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    except ValueError:
        return None
    return parts if usable and "@" not in parts.netloc and not names & _OURS else None


def _place(parts: SplitResult) -> tuple[str, str | None, int, str]:
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme], parts.path or "/"
