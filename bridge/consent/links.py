"""Where a browser is sent for a consent in the middle of a login: the seam to the connect flow."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class ConsentLinks(Protocol):
    """Makes links for consent rounds that the bridge runs itself."""

    def for_login(  # noqa: PLR0913 - what a link is about, all of it named
        self,
        *,
        tenant: str,
        subject: str,
        account_sub: str,
        email: str | None,
        client_id: str,
        scopes: Collection[str],
        login_id: str,
    ) -> str | None:
        """Return a URL that takes the user to Google's consent and back into the login.

        None if the bridge cannot run this round.
        """
        ...
