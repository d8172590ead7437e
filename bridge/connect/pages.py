"""What a user is told on the way to a connected account: one type a page, without a word of text.

Owns what each page must say and where its buttons lead. How it looks, and in which words, is the
pages' own business; nothing here knows HTML or HTTP beyond a status.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What every page has.

    Attributes:
        status: the HTTP status that goes with it.
        app: what the tenant calls its app; None: it has no name, say "the app".
        back: an absolute URL of the app or the IdP by which the user goes on without connecting;
            None where the bridge does not know whose link it was.
    """

    status: ClassVar[int] = 200

    app: str | None = None
    back: str | None = None


class Ask(Page, frozen=True):
    """Why the user is asked, before Google is: the link's first page. Showing it changes nothing.

    Attributes:
        form: where its one button POSTs, a path of this host with its query.
        scopes: what the app would get that it does not have, normalised, sign-in scopes apart.
        held: what it has of this account already, normalised, sign-in scopes apart.
        account: the address of the account that Google is asked for; None: the user chooses one.
        is_login: a login waits for it; else the user came from within the app.
        is_unanswered: an earlier try went to Google and never came back. Google shows some refusals
            (an admin's policy, an app in testing) on a page of its own that leads nowhere.
    """

    form: str
    scopes: tuple[str, ...]
    held: tuple[str, ...] = ()
    account: str | None = None
    is_login: bool = False
    is_unanswered: bool = False


class EmbeddedBrowser(Page, frozen=True):
    """The link was opened in a browser inside of another app, which Google refuses.

    Attributes:
        url: the link, to be copied into a real browser.
    """

    url: str


class Denied(Page, frozen=True):
    """The user said no at Google. Nothing was stored.

    Attributes:
        form: where "try again" POSTs.
    """

    form: str


class WrongAccount(Page, frozen=True):
    """The user chose another Google account than the one that was asked for. Nothing was stored.

    Attributes:
        form: where "choose another account" POSTs.
        expected: the address that was asked for, if it is known.
        chosen: the address that came.
    """

    form: str
    expected: str | None = None
    chosen: str | None = None


class Partial(Page, frozen=True):
    """The account is connected, and the user left out a part; shown when they come by again.

    Attributes:
        account: the address of the account.
        missing: the scopes that were asked for and not granted, normalised.
        is_login: a login waits for it.
    """

    account: str | None = None
    missing: tuple[str, ...] = ()
    is_login: bool = False


class Connected(Page, frozen=True):
    """All is done; shown when the user comes by again (Back, reload, the link once more).

    Attributes:
        account: the address of the account.
        is_login: a login waits for it.
    """

    account: str | None = None
    is_login: bool = False


class Blocked(Page, frozen=True):
    """An admin's policy forbids it, so that the user's consent does not help.

    Attributes:
        reason: Google's word for it: `admin_policy_enforced`, `org_internal`, `access_denied`,
            `policy_enforced`.
        form: where "try with another account" POSTs; None where another one would not do.
    """

    status: ClassVar[int] = 403

    reason: str
    form: str | None = None


class Superseded(Page, frozen=True):
    """This tab's try was started anew elsewhere: another tab, another window, or after Back.

    Attributes:
        form: where "start again here" POSTs.
    """

    status: ClassVar[int] = 409

    form: str


class OtherBrowser(Page, frozen=True):
    """The answer of Google came into a browser that did not ask; it was thrown away.

    Cookies may be off, the session lost, or the address came from somebody else. The page must not
    offer to go on with it: only the app can give this user a link of their own.
    """

    status: ClassVar[int] = 403


class Expired(Page, frozen=True):
    """The link's time is over; the app gives a new one."""

    status: ClassVar[int] = 410


class Unknown(Page, frozen=True):
    """There is no such link, or Google's answer names none: mistyped, cut off, long gone."""

    status: ClassVar[int] = 404


class Failed(Page, frozen=True):
    """It did not work, and it is not the user's fault; nothing was stored.

    Attributes:
        form: where "try again" POSTs; None where it would only fail again.
        reason: a word for the person who is asked for help, such as `upstream_unavailable`,
            `client_fault`, `invalid_scope`.
    """

    status: ClassVar[int] = 409

    reason: str
    form: str | None = None


AnyPage = (
    Ask
    | EmbeddedBrowser
    | Denied
    | WrongAccount
    | Partial
    | Connected
    | Blocked
    | Superseded
    | OtherBrowser
    | Expired
    | Unknown
    | Failed
)
"""Every page there is: a renderer must know them all."""
