"""One page of every kind, and of the kinds that change their face more than one."""

from __future__ import annotations

from typing import Final

from bridge.config.tenants import Purpose
from bridge.connect.connection_pages import (
    ConnectedAccount,
    Connection,
    ConnectionsClosed,
    ConnectionsPage,
    Disconnect,
    Done,
    Ends,
    ForeignForm,
    Welcome,
)
from bridge.connect.pages import (
    Ask,
    Blocked,
    Connected,
    Denied,
    EmbeddedBrowser,
    Expired,
    Failed,
    OtherBrowser,
    Page,
    Partial,
    Superseded,
    Unknown,
    WrongAccount,
)
from bridge.model import State

AUTH: Final = "https://www.googleapis.com/auth/"
APP: Final = "Acme Planner"
BACK: Final = "https://app.example.com/settings"
ADA: Final = "ada@example.com"
LONG: Final = "augusta.ada.king.countess.of.lovelace@a-very-long-domain-name.example.org"
FORM: Final = "/connect/here"
EVERYTHING: Final = (
    *(AUTH + name for name in ("calendar.events", "drive.file", "gmail.send", "documents")),
    *(AUTH + name for name in ("spreadsheets", "presentations", "tasks", "contacts.readonly")),
    *(AUTH + name for name in ("userinfo.email", "userinfo.profile", "chat.spaces")),
    "openid",
)

SIGN_IN_CONNECTION: Final = Connection(
    grant="g_" + "a" * 32,
    purpose=Purpose.SIGNIN,
    state=State.ACTIVE,
    scopes=(AUTH + "calendar", AUTH + "userinfo.email", "openid"),
    missing=(AUTH + "drive.file",),
    used=1200,
    can_reconnect=True,
)


def connection(state: State, reason: str | None = None, **more: object) -> Connection:
    made = {"grant": f"g_{state.value:_<32}", "purpose": Purpose.DATA, "used": 86400 * 3} | more
    return Connection(state=state, reason=reason, **made)  # type: ignore[arg-type] # a sample's own


ACCOUNTS: Final = (
    ConnectedAccount(
        email=ADA,
        connections=(
            SIGN_IN_CONNECTION,
            connection(State.REAUTH_REQUIRED, "unknown", can_reconnect=True),
        ),
    ),
    ConnectedAccount(
        email=LONG, connections=(connection(State.BLOCKED, "admin_policy_enforced", used=None),)
    ),
    ConnectedAccount(
        email=None,
        connections=(
            connection(State.UNVERIFIED),
            connection(State.REVOKING),
            connection(State.MISSING, can_reconnect=True),
            connection(State.REVOKED, can_reconnect=True),
        ),
    ),
)

SAMPLES: Final[dict[str, Page]] = {
    "ask": Ask(
        app=APP,
        back=BACK,
        form=FORM,
        account=ADA,
        scopes=(AUTH + "calendar.events", AUTH + "drive.file"),
        held=(AUTH + "contacts.readonly",),
    ),
    "ask-everything": Ask(app=APP, back=BACK, form=FORM, scopes=EVERYTHING),
    "ask-in-a-login": Ask(
        app=APP, back=BACK, form=FORM, scopes=(AUTH + "calendar",), is_login=True
    ),
    "ask-unanswered": Ask(
        app=APP, back=BACK, form=FORM, scopes=(AUTH + "calendar",), is_unanswered=True
    ),
    "ask-nothing-new": Ask(form=FORM, scopes=()),
    "embedded": EmbeddedBrowser(
        app=APP, back=BACK, url="https://connect.example.com/connect/" + "3f9wJc0yq2x8uLkz" * 3
    ),
    "denied": Denied(app=APP, back=BACK, form=FORM),
    "wrong-account": WrongAccount(app=APP, back=BACK, form=FORM, expected=ADA, chosen=LONG),
    "partial": Partial(app=APP, back=BACK, account=ADA, missing=(AUTH + "calendar",)),
    "connected": Connected(app=APP, back=BACK, account=ADA),
    "blocked-by-admin": Blocked(app=APP, back=BACK, reason="admin_policy_enforced", form=FORM),
    "blocked-outsider": Blocked(app=APP, back=BACK, reason="org_internal"),
    "superseded": Superseded(app=APP, back=BACK, form=FORM),
    "other-browser": OtherBrowser(app=APP, back=BACK),
    "expired": Expired(app=APP, back=BACK),
    "unknown": Unknown(),
    "failed": Failed(app=APP, back=BACK, reason="upstream_unavailable", form=FORM),
    "failed-for-good": Failed(app=APP, reason="client_fault"),
    "connections-welcome": Welcome(app=APP, back=BACK, form="/connections/here"),
    "connections": ConnectionsPage(
        app=APP, back=BACK, csrf="c", accounts=ACCOUNTS, can_connect=True, done=Done.FORGOTTEN
    ),
    "connections-none": ConnectionsPage(
        app=APP, back=BACK, csrf="c", accounts=(), can_connect=True
    ),
    "disconnect": Disconnect(
        app=APP,
        back=BACK,
        csrf="c",
        connection=SIGN_IN_CONNECTION,
        email=ADA,
        ends=Ends(own=(Purpose.DATA,), others=2),
    ),
    "disconnect-here-only": Disconnect(
        app=APP, csrf="c", connection=SIGN_IN_CONNECTION, email=LONG, ends=None
    ),
    "connections-closed": ConnectionsClosed(app=APP, back=BACK),
    "foreign-form": ForeignForm(app=APP, back=BACK, retry="/connections"),
}
