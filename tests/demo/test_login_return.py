"""What the sandbox IdP believes when a browser comes back in the middle of a login."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from bridge.idp.login_return import LoginReturn
from bridge.sandbox.idp.login_return import Expected, ForgedReturnError, read_return
from bridge.secret import Secret

ISSUER = "https://bridge.example"
AUDIENCE = "https://idp.example/continue"
SECRET = Secret("s" * 32)
EXPECTED = Expected(issuer=ISSUER, audience=AUDIENCE, subject="u1", state="st4te")


def claims(**changes: object) -> Mapping[str, object]:
    now = int(time.time())
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "state": "st4te", "status": "connected"}
    return {**told, "iat": now, "exp": now + 900, **changes}


def signed(told: Mapping[str, object], secret: str = SECRET.reveal()) -> str:
    return jwt.encode(dict(told), secret, algorithm="HS256")


def test_what_the_bridge_says_is_believed() -> None:
    """The bridge's own way back is read as it is."""
    told = LoginReturn(
        issuer=ISSUER, subject="u1", state="st4te", status="denied", issued_at=int(time.time())
    )
    query = parse_qs(urlsplit(told.url(AUDIENCE, SECRET)).query)
    assert read_return(query["session_token"][0], query["state"][0], EXPECTED, SECRET) == "denied"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"aud": "https://other.example/continue"},
        {"sub": "u2"},
        {"state": "other"},
        {"exp": int(time.time()) - 60},
    ],
    ids=["issuer", "audience", "subject", "state", "expired"],
)
def test_a_statement_about_something_else_is_refused(change: Mapping[str, object]) -> None:
    """Each claim must be this bridge's, this IdP's, this user's and this login's."""
    with pytest.raises(ForgedReturnError):
        read_return(signed(claims(**change)), "st4te", EXPECTED, SECRET)


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "state", "exp"])
def test_a_statement_that_leaves_something_out_is_refused(missing: str) -> None:
    """None of the claims is optional."""
    told = {name: value for name, value in claims().items() if name != missing}
    with pytest.raises(ForgedReturnError):
        read_return(signed(told), "st4te", EXPECTED, SECRET)


def test_a_statement_under_another_secret_is_refused() -> None:
    """Only the bridge can sign it."""
    with pytest.raises(ForgedReturnError):
        read_return(signed(claims(), "x" * 32), "st4te", EXPECTED, SECRET)


def test_an_unsigned_statement_is_refused() -> None:
    """A token that names `none` as its algorithm is not asked what it likes."""
    forged = jwt.encode(dict(claims()), "", algorithm="none")
    with pytest.raises(ForgedReturnError):
        read_return(forged, "st4te", EXPECTED, SECRET)


@pytest.mark.parametrize("state", ["", "other"])
def test_another_login_s_state_beside_it_is_refused(state: str) -> None:
    """The address must carry the state that went out with this browser."""
    with pytest.raises(ForgedReturnError):
        read_return(signed(claims()), state, EXPECTED, SECRET)
