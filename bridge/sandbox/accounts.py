"""The Google accounts, and what their owners and admins do to them."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.sandbox import minting, scopes
from bridge.sandbox.core import Core
from bridge.sandbox.grants import GrantBook
from bridge.sandbox.records import Account, AccountKind, AccountStatus, ReauthSubtype


class Accounts:
    """Creates, finds and changes accounts; every `who` is a `sub` or an email."""

    def __init__(self, core: Core, book: GrantBook) -> None:
        self._core = core
        self._book = book
        self._by_sub: dict[str, Account] = {}
        self._by_email: dict[str, Account] = {}
        self._signed_in: dict[str, None] = {}

    def create(
        self,
        email: str | None = None,
        *,
        sub: str | None = None,
        hd: str | None = None,
        kind: AccountKind | None = None,
        name: str | None = None,
    ) -> Account:
        """Create an account; with `hd` it is of kind workspace unless told otherwise.

        Raises:
            ValueError: the `sub` or the email is taken, or the `sub` not 1 to 255 ASCII.
        """
        sub = sub or minting.subject()
        email = email or f"user{sub}@{hd or 'gmail.com'}"
        if not (sub.isascii() and len(sub) <= 255):  # noqa: PLR2004 - Google's limit
            raise ValueError("a sub is at most 255 ASCII characters")
        account = Account(
            sub=sub,
            email=email,
            hd=hd,
            kind=kind or ("workspace" if hd else "consumer"),
            name=name or email.partition("@")[0].title(),
        )
        with self._core.lock:
            if self.find(sub) or self.find(email):
                raise ValueError("an account with this sub or email exists")
            self._by_sub[sub] = self._by_email[email.lower()] = account
        return account

    def find(self, who: str) -> Account | None:
        """Return the account of a `sub` or an email, or None."""
        with self._core.lock:
            return self._by_sub.get(who) or self._by_email.get(who.lower())

    def get(self, who: str | Account) -> Account:
        """Return an account.

        Raises:
            LookupError: there is none.
        """
        account = who if isinstance(who, Account) else self.find(who)
        if account is None:
            raise LookupError("no such account")
        return account

    def all(self) -> list[Account]:
        """Return all accounts in the order of their creation."""
        with self._core.lock:
            return list(self._by_sub.values())

    def sign_in(self, who: str | Account) -> Account:
        """Sign the account in at the sandbox's one browser."""
        account = self.get(who)
        with self._core.lock:
            self._signed_in[account.sub] = None
        return account

    def sign_out(self, who: str | Account | None = None) -> None:
        """Sign an account out, or all of them."""
        with self._core.lock:
            if who is None:
                self._signed_in.clear()
            else:
                self._signed_in.pop(self.get(who).sub, None)

    def signed_in(self) -> list[Account]:
        """Return the accounts that the browser is signed in to."""
        with self._core.lock:
            return [self._by_sub[sub] for sub in self._signed_in]

    def suspend(self, who: str | Account) -> Account:
        """Suspend an account: its tokens answer `invalid_grant` until it is restored."""
        return self._set_status(who, "suspended")

    def restrict(self, who: str | Account) -> Account:
        """Restrict an account: its tokens answer `access_denied` until it is restored."""
        return self._set_status(who, "restricted")

    def restore(self, who: str | Account) -> Account:
        """Lift a suspension or a restriction."""
        return self._set_status(who, "active")

    def delete(self, who: str | Account) -> Account:
        """Delete an account for ever."""
        account = self.get(who)
        with self._core.lock:
            account.status = "deleted"
            self._signed_in.pop(account.sub, None)
            # The address can be given to another person: only the sub is left of this one.
            self._by_email.pop(account.email.lower(), None)
            self._book.kill_where(account.sub, "deleted", lambda _: True)
        return account

    def rename(self, who: str | Account, email: str) -> Account:
        """Give an account another address that is free; its `sub` stays."""
        account = self.get(who)
        with self._core.lock:
            holder = self.find(email)
            if holder is not None and holder is not account:
                raise ValueError("an account with this email exists")
            del self._by_email[account.email.lower()]
            account.email = email
            self._by_email[email.lower()] = account
        return account

    def change_password(self, who: str | Account) -> int:
        """Change the password, which kills grants with Gmail scopes; return how many died."""
        account = self.get(who)
        with self._core.lock:
            return self._book.kill_where(
                account.sub, "password", lambda token: any(map(scopes.is_gmail, token.scopes))
            )

    def block_scopes(self, who: str | Account, blocked: Iterable[str] = ("*",)) -> Account:
        """Set the scopes that the admin forbids (`*` is all of them, nothing lifts it)."""
        account = self.get(who)
        with self._core.lock:
            account.blocked_scopes = scopes.normalised(blocked)
        return account

    def require_reauth(
        self, who: str | Account, subtype: ReauthSubtype = "invalid_rapt"
    ) -> Account:
        """End the account's Cloud session: tokens issued until now ask for a new sign-in."""
        account = self.get(who)
        with self._core.lock:
            account.reauth_subtype = subtype
            account.reauth_since = self._core.now()
        return account

    def protect(self, who: str | Account, *, on: bool = True) -> Account:
        """Enroll an account in Advanced Protection, or take it out."""
        account = self.get(who)
        with self._core.lock:
            account.advanced_protection = on
        return account

    def _set_status(self, who: str | Account, status: AccountStatus) -> Account:
        account = self.get(who)
        with self._core.lock:
            if account.status == "deleted":
                raise ValueError("a deleted account stays deleted")
            account.status = status
        return account
