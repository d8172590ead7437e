"""From a message about a login to the question whether it may go on, and back to the answer."""

from __future__ import annotations

from typing import Final, NamedTuple

from bridge.capture.wire import Decide, HookAnswer, Login
from bridge.consent.deciding import LoginAsk, Verdict
from bridge.model import Grant

_WAITED_FOR_S: Final = 120  # a user may take a second factor between Google and the hook


class Delivery(NamedTuple):
    """One attempt to deliver a message.

    Attributes:
        message: the keyed name of the message.
        sent_at: when it was signed, by the IdP's clock.
    """

    message: str
    sent_at: int


def asked(message: Decide, delivery: Delivery) -> LoginAsk:
    """Return the login that a `decide` is about."""
    login = message.login
    return LoginAsk(
        tenant=message.tenant,
        subject=message.subject,
        account_sub=message.account.sub if message.account else None,
        client_id=login.client_id,
        scopes=login.scopes,
        login_id=login.id,
        message=delivery.message,
        can_redirect=login.can_redirect,
        is_returned=login.returned,
    )


def asked_with(message: Login, delivery: Delivery, grant: Grant | None) -> LoginAsk:
    """Return the login that a `login` is about.

    Args:
        message: it.
        delivery: how it came.
        grant: the subject's, as the message leaves it.
    """
    login, obtained_at = message.login, message.obtained_at
    return LoginAsk(
        tenant=message.tenant,
        subject=message.subject,
        account_sub=message.account.sub,
        email=message.account.email,
        client_id=login.client_id or message.client_id,
        scopes=login.scopes,
        login_id=login.id,
        message=delivery.message,
        can_redirect=login.can_redirect,
        is_returned=login.returned,
        # Both by the IdP's own clock. A login that waited in a queue has long gone on.
        is_late=obtained_at is not None and delivery.sent_at - obtained_at > _WAITED_FOR_S,
        changed=grant,
    )


def answer_of(verdict: Verdict) -> HookAnswer:
    """Return what the IdP is told of a decision."""
    decision = verdict.decision
    return HookAnswer(
        decision="consent" if decision.forces else "continue",
        reason=decision.reason.value,
        consent_url=verdict.url,
    )
