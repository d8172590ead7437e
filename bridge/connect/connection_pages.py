"""What a user is told about the accounts that are connected: one type a page, without its words.

The counterpart of `pages` for the page on which users look after their connections.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

import msgspec

from bridge.config.tenants import Purpose
from bridge.connect.pages import Page
from bridge.model import State


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One grant, as its user sees it.

    Attributes:
        grant: its id.
        purpose: what the app uses its Google client for.
        state, reason: what can be done with it, and why.
        scopes: what the app may do, normalised.
        missing: what the app could use besides, normalised.
        used: when the app last got a token by it, in seconds before now; None: never.
        can_reconnect: whether the user can mend or widen it here.
    """

    grant: str
    purpose: Purpose
    state: State
    reason: str | None = None
    scopes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    used: int | None = None
    can_reconnect: bool = False

    @property
    def is_broken(self) -> bool:
        """Whether it does not serve, and the user's consent would mend that."""
        return self.state in {State.MISSING, State.REAUTH_REQUIRED, State.REVOKED}


class ConnectedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A Google account with all that connects it; `email` may be unknown."""

    email: str | None
    connections: tuple[Connection, ...]


class Done(StrEnum):
    """What the user has just done."""

    FORGOTTEN = "forgotten"
    REVOKED = "revoked"
    REVOKING = "revoking"


class Welcome(Page, frozen=True):
    """The page behind a one-time link, before anything is shown. Showing it changes nothing.

    Attributes:
        form: where its one button POSTs.
    """

    form: str


class ConnectionsPage(Page, frozen=True):
    """A subject's connected accounts.

    Attributes:
        accounts: all of them, by address.
        csrf: goes with every form.
        can_connect: whether another account can be connected from here.
        done: what the user has just done.
    """

    accounts: tuple[ConnectedAccount, ...]
    csrf: str
    can_connect: bool = False
    done: Done | None = None


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """What a revocation at Google ends besides the connection that the user chose.

    Attributes:
        own: the user's other connections: what each is for.
        others: how many of somebody else's that use the same account.
    """

    own: tuple[Purpose, ...] = ()
    others: int = 0


class Disconnect(Page, frozen=True):
    """Two ways of disconnecting, told apart, to choose from.

    Attributes:
        connection: what is to be disconnected.
        email: the account's address, if it is known.
        csrf: goes with every form.
        ends: what revoking ends besides; None where it cannot be done from here.
    """

    connection: Connection
    email: str | None
    csrf: str
    ends: Ends | None


class ConnectionsClosed(Page, frozen=True):
    """No connections are shown: the link was used, the time is over, or the browser is another."""

    status: ClassVar[int] = 410


class ForeignForm(Page, frozen=True):
    """A form that did not come from the user's own page; nothing was done.

    Attributes:
        retry: the page from which to do it again.
    """

    status: ClassVar[int] = 403

    retry: str
