"""Reads an authorization request, refusing what Google refuses on its own page.

Owns the syntax and the client's part; accounts are the consent desk's. Every refusal here is shown
and never redirected: until the client and its redirect URI are known, there is nowhere to go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from bridge.sandbox import scopes
from bridge.sandbox.clients import Clients
from bridge.sandbox.records import AuthorizationRequest, Client
from bridge.sandbox.refusal import GoogleRefusal, invalid_scopes

_PROMPTS: Final = frozenset({"none", "consent", "select_account"})
_APPROVALS: Final = frozenset({"auto", "force"})
_ACCESS_TYPES: Final = frozenset({"online", "offline"})
_METHODS: Final = frozenset({"plain", "S256"})
# RFC 7636 section 4.2.
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
# Browsers inside of apps, which Google does not trust with a password.
_EMBEDDED: Final = re.compile(r"; wv\)|\bFBAN/|\bInstagram\b|Electron/")


def read_request(
    query: Mapping[str, str], user_agent: str, clients: Clients
) -> AuthorizationRequest:
    """Return a well-formed request of a working client.

    Raises:
        GoogleRefusal: to be shown on Google's own page.
    """
    if "prompt" in query and "approval_prompt" in query:
        raise _bad("Conflict params: approval_prompt and prompt")
    client = clients.working(_required(query, "client_id"))
    if _EMBEDDED.search(user_agent):
        raise GoogleRefusal(
            "disallowed_useragent",
            "This browser is embedded in an app, where signing in is not safe.",
            status=HTTPStatus.FORBIDDEN,
        )
    redirect_uri = _redirect_uri(query, client)
    if _required(query, "response_type") != "code":
        raise GoogleRefusal("unsupported_response_type", "This server only hands out codes.")
    wanted = scopes.normalised(_required(query, "scope"))
    unknown = scopes.unknown(wanted)
    if unknown:
        raise invalid_scopes(wanted - unknown, unknown)
    challenge, method = _pkce(query)
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        scopes=wanted,
        offline=_chosen(query, "access_type", _ACCESS_TYPES) == "offline",
        prompts=_prompts(query),
        state=query.get("state"),
        nonce=query.get("nonce"),
        login_hint=query.get("login_hint"),
        hd=query.get("hd"),
        include_granted_scopes=query.get("include_granted_scopes") == "true",
        code_challenge=challenge,
        code_challenge_method=method,
    )


def _redirect_uri(query: Mapping[str, str], client: Client) -> str:
    uri = _required(query, "redirect_uri")
    if uri not in client.redirect_uris:
        raise GoogleRefusal(
            "redirect_uri_mismatch",
            "The redirect URI in the request does not match one registered for the client.",
        )
    return uri


def _prompts(query: Mapping[str, str]) -> frozenset[str]:
    if _chosen(query, "approval_prompt", _APPROVALS) == "force":
        return frozenset({"consent"})
    prompts = frozenset(query.get("prompt", "").split())
    if not prompts <= _PROMPTS:
        raise _bad("Invalid parameter value for prompt: Invalid prompt")
    if "none" in prompts and len(prompts) > 1:
        raise _bad("Invalid parameter value for prompt: none stands alone")
    return prompts


def _pkce(query: Mapping[str, str]) -> tuple[str | None, str | None]:
    challenge = query.get("code_challenge")
    method = _chosen(query, "code_challenge_method", _METHODS)
    if challenge is None:
        if method is not None:
            raise _bad("Missing required parameter: code_challenge")
        return None, None
    if not _CHALLENGE.fullmatch(challenge):
        raise _bad("Invalid parameter value for code_challenge")
    return challenge, method or "plain"


def _chosen(query: Mapping[str, str], name: str, choices: frozenset[str]) -> str | None:
    value = query.get(name)
    if value is not None and value not in choices:
        raise _bad(f"Invalid parameter value for {name}")
    return value


def _required(query: Mapping[str, str], name: str) -> str:
    value = query.get(name)
    if not value:
        raise _bad(f"Missing required parameter: {name}")
    return value


def _bad(description: str) -> GoogleRefusal:
    return GoogleRefusal("invalid_request", description)
