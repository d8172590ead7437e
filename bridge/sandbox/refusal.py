"""Google's refusals as data: one type for the token endpoint's JSON and the consent page's text.

Owns the shape and the refusals that arise naturally. Knows nothing of HTTP beyond a status.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

REAUTH_HELP = "https://support.google.com/a/answer/9368756"


class GoogleRefusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the program
    """What Google answers instead of what was asked for.

    Attributes:
        error: RFC 6749's `error`.
        description: the human text; callers must not classify by it.
        status: the HTTP status.
        subtype: Google's `error_subtype`.
        uri: RFC 6749's `error_uri`.
    """

    def __init__(
        self,
        error: str,
        description: str | None = None,
        *,
        status: int = HTTPStatus.BAD_REQUEST,
        subtype: str | None = None,
        uri: str | None = None,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = int(status)
        self.subtype = subtype
        self.uri = uri

    def as_json(self) -> dict[str, str]:
        """Return the body that the token endpoint answers with."""
        members = {
            "error": self.error,
            "error_description": self.description,
            "error_subtype": self.subtype,
            "error_uri": self.uri,
        }
        return {name: text for name, text in members.items() if text is not None}


def dead_grant(description: str = "Token has been expired or revoked.") -> GoogleRefusal:
    """Return `invalid_grant`: the refresh token or the code is of no use any more."""
    return GoogleRefusal("invalid_grant", description)


def reauth_needed(subtype: str) -> GoogleRefusal:
    """Return the refusal of Google Cloud session control, subtype `invalid_rapt` or another."""
    return GoogleRefusal(
        "invalid_grant", f"reauth related error ({subtype})", subtype=subtype, uri=REAUTH_HELP
    )


def invalid_client(description: str, error: str = "invalid_client") -> GoogleRefusal:
    """Return a refusal that is the operator's fault, `deleted_client` and the like included."""
    return GoogleRefusal(error, description, status=HTTPStatus.UNAUTHORIZED)


def invalid_scopes(valid: Iterable[str], invalid: Iterable[str]) -> GoogleRefusal:
    """Return `invalid_scope` with Google's list of which were valid."""
    return GoogleRefusal(
        "invalid_scope",
        f"Some requested scopes were invalid. {{valid=[{', '.join(sorted(valid))}], "
        f"invalid=[{', '.join(sorted(invalid))}]}}",
    )
