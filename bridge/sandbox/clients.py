"""The OAuth clients: registration, secrets, life and death."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from bridge.sandbox import minting
from bridge.sandbox.core import Core
from bridge.sandbox.options import DAY
from bridge.sandbox.records import Client, ClientStatus, Publishing
from bridge.sandbox.redirect_uris import check_redirect_uri
from bridge.sandbox.refusal import GoogleRefusal, invalid_client

DEFAULT_REDIRECT_URI = "http://localhost:8080/callback"
_RESTORABLE = 30 * DAY
_SECRETS_AT_ONCE = 2


class Clients:
    """Creates, finds, changes and authenticates clients."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._by_id: dict[str, Client] = {}

    def create(  # noqa: PLR0913 - the form that Google's console shows
        self,
        client_id: str | None = None,
        *,
        project: str | None = None,
        secret: str | None = None,
        redirect_uris: Iterable[str] = (DEFAULT_REDIRECT_URI,),
        publishing: Publishing = "production",
        internal_domain: str | None = None,
        test_users: Iterable[str] | None = None,
        name: str | None = None,
    ) -> Client:
        """Register a client; two of the same `project` share consents and revocations.

        Raises:
            ValueError: the id is taken, or a redirect URI breaks Google's rules.
        """
        now = self._core.now()
        client = Client(
            client_id=client_id or minting.client_id(project or minting.project()),
            secrets=(secret or minting.client_secret(),),
            redirect_uris=_checked(redirect_uris),
            publishing=publishing,
            internal_domain=internal_domain,
            test_users=None if test_users is None else frozenset(test_users),
            name=name,
            created_at=now,
            last_used_at=now,
        )
        with self._core.lock:
            if client.client_id in self._by_id:
                raise ValueError("a client with this id exists")
            self._by_id[client.client_id] = client
        return client

    def get(self, which: str | Client) -> Client:
        """Return a client.

        Raises:
            LookupError: there is none.
        """
        if isinstance(which, Client):
            return which
        with self._core.lock:
            client = self._by_id.get(which)
        if client is None:
            raise LookupError("no such client")
        return client

    def all(self) -> list[Client]:
        """Return all clients in the order of their creation."""
        with self._core.lock:
            return list(self._by_id.values())

    def publish(self, which: str | Client, publishing: Publishing) -> Client:
        """Set the publishing status of the consent screen."""
        client = self.get(which)
        with self._core.lock:
            client.publishing = publishing
        return client

    def set_redirect_uris(self, which: str | Client, redirect_uris: Iterable[str]) -> Client:
        """Replace the registered redirect URIs."""
        client = self.get(which)
        checked = _checked(redirect_uris)
        with self._core.lock:
            client.redirect_uris = checked
        return client

    def set_test_users(self, which: str | Client, emails: Iterable[str] | None) -> Client:
        """Name who may consent while in testing; None is everybody."""
        client = self.get(which)
        with self._core.lock:
            client.test_users = None if emails is None else frozenset(emails)
        return client

    def set_internal(self, which: str | Client, domain: str | None) -> Client:
        """Make a client internal to a Workspace domain, or external with None."""
        client = self.get(which)
        with self._core.lock:
            client.internal_domain = domain
        return client

    def set_status(self, which: str | Client, status: ClientStatus) -> Client:
        """Disable, delete or restore a client.

        Raises:
            ValueError: it was deleted more than 30 days ago.
        """
        client = self.get(which)
        with self._core.lock:
            now = self._core.now()
            if client.deleted_at is not None and now - client.deleted_at > _RESTORABLE:
                raise ValueError("a client can be restored for 30 days only")
            client.status = status
            client.deleted_at = now if status == "deleted" else None
            client.last_used_at = now
        return client

    def rotate_secret(
        self, which: str | Client, secret: str | None = None, *, keep_old: bool = False
    ) -> str:
        """Give a client a new secret and return it; at most two work at once."""
        client = self.get(which)
        new = secret or minting.client_secret()
        with self._core.lock:
            kept = client.secrets[: _SECRETS_AT_ONCE - 1] if keep_old else ()
            client.secrets = (new, *kept)
        return new

    def document(
        self, which: str | Client, *, origin: str | None = None
    ) -> dict[str, dict[str, object]]:
        """Return the client as the console's `client_secret_….json`.

        Args:
            which: the client.
            origin: whose endpoints the document names: a sandbox's, or None for Google's.
        """
        client = self.get(which)
        accounts = origin or "https://accounts.google.com"
        web: dict[str, object] = {
            "client_id": client.client_id,
            "project_id": f"sandbox-{client.project}",
            "auth_uri": f"{accounts}/o/oauth2/auth",
            "token_uri": f"{origin or 'https://oauth2.googleapis.com'}/token",
            "auth_provider_x509_cert_url": f"{origin or 'https://www.googleapis.com'}/oauth2/v3/certs",
            "client_secret": client.secrets[0],
            "redirect_uris": list(client.redirect_uris),
        }
        return {"web": web}

    def working(self, client_id: str) -> Client:
        """Return a client that works, and note its use.

        Raises:
            GoogleRefusal: it is unknown, deleted or disabled.
        """
        with self._core.lock:
            client = self._by_id.get(client_id)
            if client is None:
                raise invalid_client("The OAuth client was not found.")
            now = self._core.now()
            options = self._core.options
            if options.delete_idle_clients and now - client.last_used_at > options.idle_lifetime:
                client.status, client.deleted_at = "deleted", now
            if client.status != "active":
                raise invalid_client(
                    f"The OAuth client was {client.status}.", f"{client.status}_client"
                )
            client.last_used_at = now
            return client

    def authenticate(self, client_id: str | None, secret: str | None) -> Client:
        """Return the client that knows its secret.

        Raises:
            GoogleRefusal: a part is missing or wrong, or the client does not work.
        """
        if not client_id:
            raise GoogleRefusal("invalid_request", "Could not determine client ID from request.")
        client = self.working(client_id)
        if not secret:
            raise GoogleRefusal("invalid_request", "client_secret is missing.")
        if not any(hmac.compare_digest(secret.encode(), s.encode()) for s in client.secrets):
            raise invalid_client("The provided client secret is invalid.")
        return client


def _checked(redirect_uris: Iterable[str]) -> tuple[str, ...]:
    uris = tuple(redirect_uris)
    for uri in uris:
        check_redirect_uri(uri)
    return uris
