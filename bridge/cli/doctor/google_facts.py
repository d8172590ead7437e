"""What Google says of a client, without a user: asked with a code that nobody ever got.

Owns the two questions and how their answers are read. The authorization endpoint has no documented
answer for machines, so that anything unknown there stays unknown.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from bridge.config.settings import GoogleSettings
from bridge.google.client import GoogleClient
from bridge.google.credentials import ClientCredentials
from bridge.google.endpoints import Endpoints
from bridge.google.outcome import ClientFault, CodeRefusal, CodeRefused, Hint
from bridge.secret import Secret

_CODE: Final = "4/0grantbridge-doctor-made-this-code-up"
_VERIFIER: Final = "grantbridge-doctor-made-this-verifier-up-as-well"
_MOST_READ: Final = 256 * 1024
_ERRORS: Final = re.compile(
    rb"\b(redirect_uri_mismatch|invalid_client|deleted_client|disabled_client)\b"
)
_ERROR_PATH: Final = "/signin/oauth/error"
_SIGN_IN_PATH: Final = "/signin/"
_OK: Final = 200


class Accepted(StrEnum):
    """Whether Google lets a client in, and if not, why."""

    YES = "yes"
    WRONG_ID = "wrong_id"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a name, not a password
    WRONG_ID_OR_SECRET = "wrong_id_or_secret"  # noqa: S105 - the same
    DELETED = "deleted_client"
    DISABLED = "disabled_client"
    UNKNOWN = "unknown"


class Redirect(StrEnum):
    """Whether Google knows a client's redirect URI."""

    KNOWN = "known"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


_HINTED: Final = {
    Hint.CLIENT_NOT_FOUND: Accepted.WRONG_ID,
    Hint.CLIENT_SECRET_INVALID: Accepted.WRONG_SECRET,
}


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """What was learnt of a client.

    Attributes:
        accepted: whether id and secret go together.
        redirect: whether Google would send browsers back to the bridge.
    """

    accepted: Accepted
    redirect: Redirect


def ask(
    google: GoogleClient,
    endpoints: Endpoints,
    settings: GoogleSettings,
    credentials: ClientCredentials,
    redirect_uri: str,
) -> ClientFacts:
    """Ask Google about a client; nothing there is changed, and no user is concerned."""
    outcome = google.exchange_code(credentials, Secret(_CODE), redirect_uri, Secret(_VERIFIER))
    accepted = Accepted.UNKNOWN
    redirect = Redirect.UNKNOWN
    match outcome:
        case CodeRefused(cause=cause):
            accepted = Accepted.YES
            if cause is CodeRefusal.REDIRECT_URI_MISMATCH:
                redirect = Redirect.MISMATCH
        case ClientFault(fault=fault, hint=hint):
            accepted = _fault(fault.value, hint)
        case _:
            pass
    if redirect is Redirect.UNKNOWN:
        redirect = _asked_redirect(endpoints, settings, credentials.client_id, redirect_uri)
    return ClientFacts(accepted, redirect)


def read_authorization(status: int, location: str, body: bytes, redirect_uri: str) -> Redirect:
    """Return what an answer of the authorization endpoint tells of the redirect URI.

    Google redirects back to a URI that it knows, and else to a page of its own, of which the path
    and, for an error, the parameter `authError` tell what it is; a stand-in shows its page at once.

    Args:
        status: of the answer.
        location: where it leads, empty if nowhere.
        body: its page.
        redirect_uri: the one that was asked about.
    """
    if location.partition("?")[0] == redirect_uri:
        return Redirect.KNOWN
    page = urlsplit(location)
    told = _auth_error(page.query) if location else body
    if error := _ERRORS.search(told):
        mismatch = error[1] == b"redirect_uri_mismatch"
        return Redirect.MISMATCH if mismatch else Redirect.UNKNOWN
    if location:
        known = _SIGN_IN_PATH in page.path and _ERROR_PATH not in page.path
        return Redirect.KNOWN if known else Redirect.UNKNOWN
    return Redirect.KNOWN if status == _OK else Redirect.UNKNOWN


def _fault(fault: str, hint: Hint | None) -> Accepted:
    if fault in {Accepted.DELETED, Accepted.DISABLED}:
        return Accepted(fault)
    return _HINTED.get(hint, Accepted.WRONG_ID_OR_SECRET) if hint else Accepted.WRONG_ID_OR_SECRET


def _asked_redirect(
    endpoints: Endpoints, google: GoogleSettings, client_id: str, redirect_uri: str
) -> Redirect:
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": "openid",
        # Nobody is there to be shown anything: with a known URI Google sends us right back.
        "prompt": "none",
    }
    try:
        with requests.get(
            f"{endpoints.authorization}?{urlencode(asked)}",
            timeout=(google.connect_timeout_s, google.read_timeout_s),
            allow_redirects=False,
            stream=True,
        ) as answer:
            body = answer.raw.read(_MOST_READ, decode_content=True)
            location = answer.headers.get("Location", "")
            return read_authorization(answer.status_code, location, body, redirect_uri)
    except (requests.RequestException, OSError):
        return Redirect.UNKNOWN


def _auth_error(query: str) -> bytes:
    [text] = parse_qs(query).get("authError", [""])[:1]
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
