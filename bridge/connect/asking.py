"""What to ask Google for on behalf of a link: scopes, account and prompt.

Owns the rule that consent is forced only where the vault holds nothing that works: every forced one
mints one more refresh token, and Google keeps a hundred. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.consent.filter import is_usable
from bridge.google.id_token import VerifiedIdToken
from bridge.google.scopes import SIGN_IN
from bridge.model import Account, Grant, Link, LinkPurpose, LinkStatus


@dataclass(frozen=True, slots=True)
class Wish:
    """What a trip asks for.

    Attributes:
        scopes: all of it.
        held: what the bridge holds already of the account that the trip is for.
        prompts: Google's `prompt`.
        login_hint: the account that Google is to offer.
    """

    scopes: frozenset[str]
    held: frozenset[str]
    prompts: frozenset[str]
    login_hint: str | None

    @property
    def is_forced(self) -> bool:
        """Whether the user must consent even where Google would not ask."""
        return "consent" in self.prompts


def wish_of(link: Link, grants: Sequence[Grant], *, force: bool = False) -> Wish:
    """Return what a link's next trip asks for.

    Args:
        link: the link.
        grants: those of its subject.
        force: Google gave no refresh token without a consent, so there must be one.
    """
    present = [grant for grant in grants if grant.client_id == link.client_id]
    account = _meant(link, present)
    own = [grant for grant in present if account is not None and grant.account.sub == account.sub]
    # Whoever has named no account may come with any: what works for one of them is taken for it.
    concerned = own if link.account_sub or link.account_email else present
    held = frozenset(scope for grant in own if is_usable(grant) for scope in grant.granted)
    chooses = link.chooses_account or link.status is LinkStatus.WRONG_ACCOUNT
    is_forced = force or _is_decided(link, own) or not any(map(is_usable, concerned))
    prompts = {"consent"} if is_forced else set()
    return Wish(
        scopes=SIGN_IN | held | frozenset(link.scopes),
        held=held,
        prompts=frozenset(prompts | ({"select_account"} if chooses else set())),
        login_hint=account.sub if account else link.account_sub or link.account_email,
    )


def is_expected(link: Link, signed: VerifiedIdToken) -> bool:
    """Tell whether the account that came is the one that was asked for."""
    if link.account_sub is not None:
        return signed.sub == link.account_sub
    if link.account_email is not None:
        return signed.email_verified and _same(signed.email, link.account_email)
    return True


def expected_label(link: Link, grants: Sequence[Grant]) -> str | None:
    """Return the address of the account that Google is asked for, as far as it is known."""
    if link.account_email is not None:
        return link.account_email
    meant = _meant(link, grants)
    return meant.email if meant is not None else None


def _meant(link: Link, grants: Sequence[Grant]) -> Account | None:
    """Return the account that a link is about: the one named, or the only one there is."""
    accounts = {grant.account.sub: grant.account for grant in grants}
    if link.account_sub is not None:
        return accounts.get(link.account_sub)
    if link.account_email is not None:
        named = (a for a in accounts.values() if _same(a.email, link.account_email))
        return next(named, None)
    return (
        next(iter(accounts.values())) if len(accounts) == 1 and not link.chooses_account else None
    )


def _is_decided(link: Link, own: Sequence[Grant]) -> bool:
    """Tell whether a login waits for a consent that was decided on and has not been given yet.

    An order can mean users whose grant works, and for them Google would ask nothing by itself.
    """
    return link.purpose is LinkPurpose.LOGIN and not any(
        token.time >= link.created_at for grant in own if is_usable(grant) for token in grant.tokens
    )


def _same(address: str | None, other: str) -> bool:
    return address is not None and address.casefold() == other.casefold()
