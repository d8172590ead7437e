"""Scope names: which exist, how Google renames them, which never count as data access."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final

_PREFIX: Final = "https://www.googleapis.com/auth/"
OPENID: Final = "openid"
EMAIL: Final = _PREFIX + "userinfo.email"
PROFILE: Final = _PREFIX + "userinfo.profile"
SIGN_IN: Final = frozenset({OPENID, EMAIL, PROFILE})
MAIL: Final = "https://mail.google.com/"

_ALIASES: Final = {"email": EMAIL, "profile": PROFILE}
_DESCRIPTIONS: Final = {
    OPENID: "Associate you with your personal info on Google",
    EMAIL: "See your primary Google Account email address",
    PROFILE: "See your personal info, including any you've made publicly available",
    _PREFIX + "calendar": "See, edit, share and delete all your calendars",
    _PREFIX + "calendar.events": "View and edit events on all your calendars",
    _PREFIX + "calendar.readonly": "See and download any calendar you can access",
    _PREFIX + "drive": "See, edit, create and delete all of your Drive files",
    _PREFIX + "drive.file": "See, edit, create and delete the Drive files you use with this app",
    _PREFIX + "gmail.readonly": "View your email messages and settings",
}
_order = random.SystemRandom()


def normalised(scope: str | Iterable[str]) -> frozenset[str]:
    """Return the set that a `scope` parameter means, `email` and `profile` spelled out."""
    names = scope.split() if isinstance(scope, str) else scope
    return frozenset(_ALIASES.get(name, name) for name in names)


def written(scopes: Iterable[str]) -> str:
    """Return scopes as an answer's `scope`; Google keeps no order, so neither does this."""
    names = list(scopes)
    _order.shuffle(names)
    return " ".join(names)


def unknown(scopes: Iterable[str]) -> frozenset[str]:
    """Return those that Google would call invalid: no sign-in scope, nor of Google's URLs."""
    return frozenset(
        name for name in scopes if name not in SIGN_IN and name != MAIL and not _names_an_api(name)
    )


def is_gmail(scope: str) -> bool:
    """Tell whether a password change kills grants that hold this scope."""
    return scope == MAIL or scope.startswith(_PREFIX + "gmail.")


def described(scope: str) -> str:
    """Return the consent page's line about a scope."""
    return _DESCRIPTIONS.get(scope, f"Use {scope.removeprefix(_PREFIX)} on your behalf")


def _names_an_api(name: str) -> bool:
    rest = name.removeprefix(_PREFIX)
    return rest != name and rest.replace(".", "").replace("_", "").replace("-", "").isalnum()
