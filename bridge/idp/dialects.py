"""How an IdP's authorization request says what is wanted of Google, in each IdP's own words.

Owns the names of parameters and what may not stand beside what. Knows no grant and no policy: it
is told whether consent is to be forced.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_SIGN_IN: Final = ("openid", "email", "profile")
_OFFLINE: Final = {"access_type": "offline"}


class Idp(StrEnum):
    """Whose authorization endpoint the browser is sent to."""

    KEYCLOAK = "keycloak"
    AUTH0 = "auth0"
    GOOGLE = "google"


class ConsentParameter(StrEnum):
    """The parameter that forces a consent; Google refuses a request that has both."""

    PROMPT = "prompt"
    APPROVAL_PROMPT = "approval_prompt"


_VALUES: Final = {ConsentParameter.PROMPT: "consent", ConsentParameter.APPROVAL_PROMPT: "force"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What an IdP takes.

    Attributes:
        consent: the parameters by which it can be told to have consent forced, the usual one first.
        connection: its usual name for Google; None where it is Google.
        takes_scopes: whether scopes travel in the request; else its configuration has them.
    """

    consent: tuple[ConsentParameter, ...]
    connection: str | None
    takes_scopes: bool


DIALECTS: Final[dict[Idp, Dialect]] = {
    # GoogleIdentityProvider hands the client's `prompt` on where its own is blank; scopes come
    # from the identity provider's configuration alone.
    Idp.KEYCLOAK: Dialect(
        consent=(ConsentParameter.PROMPT,), connection="google", takes_scopes=False
    ),
    # Auth0's page on Google names `approval_prompt=force`; whether a tenant hands `prompt` on is
    # for its admin to try.
    Idp.AUTH0: Dialect(
        consent=(ConsentParameter.APPROVAL_PROMPT, ConsentParameter.PROMPT),
        connection="google-oauth2",
        takes_scopes=True,
    ),
    Idp.GOOGLE: Dialect(consent=(ConsentParameter.PROMPT,), connection=None, takes_scopes=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of one login.

    Attributes:
        scopes: beyond those of signing in.
        forces: the parameter to force a consent by; None does not force one.
        account_sub, email: the Google account to suggest, as far as it is known.
        connection: the IdP's name for Google, where it is not the usual one.
        includes_granted: whether the token shall carry what was granted to the project before.
    """

    scopes: tuple[str, ...] = ()
    forces: ConsentParameter | None = None
    account_sub: str | None = None
    email: str | None = None
    connection: str | None = None
    includes_granted: bool = False


def parameters(idp: Idp, wish: Wish) -> dict[str, str]:
    """Return the parameters to add to an IdP's authorization request.

    `access_type=offline` is always among them: without it Google gives no refresh token, whatever
    the user consents to.
    """
    return _OFFLINE | _own(idp, wish) | _forcing(wish)


def _own(idp: Idp, wish: Wish) -> dict[str, str]:
    match idp:
        case Idp.KEYCLOAK:
            return _keycloak(wish)
        case Idp.AUTH0:
            return _auth0(wish)
        case Idp.GOOGLE:
            return _google(wish)


def _keycloak(wish: Wish) -> dict[str, str]:
    # The email first: where the user does not go on to Google, the login page shows the hint.
    alias = wish.connection or DIALECTS[Idp.KEYCLOAK].connection
    return _present(kc_idp_hint=alias, login_hint=wish.email or wish.account_sub)


def _auth0(wish: Wish) -> dict[str, str]:
    # `scope` is Auth0's own there; Google's go by the connection, which adds those of signing in.
    return _present(
        connection=wish.connection or DIALECTS[Idp.AUTH0].connection,
        connection_scope=",".join(wish.scopes) or None,
        login_hint=wish.email or wish.account_sub,
    )


def _google(wish: Wish) -> dict[str, str]:
    return _present(
        scope=" ".join((*_SIGN_IN, *wish.scopes)),
        # By its `sub`: an email changes hands.
        login_hint=wish.account_sub or wish.email,
        include_granted_scopes="true" if wish.includes_granted else None,
    )


def _forcing(wish: Wish) -> dict[str, str]:
    return {} if wish.forces is None else {wish.forces.value: _VALUES[wish.forces]}


def _present(**given: str | None) -> dict[str, str]:
    return {name: value for name, value in given.items() if value is not None}
