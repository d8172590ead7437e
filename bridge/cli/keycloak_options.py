"""The options by which a command is told which Keycloak to ask, and as whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TextIO

import click

from bridge.idp.keycloak_admin import ClientLogin, KeycloakAdmin, Login, PasswordLogin
from bridge.secret import Secret

_LOGIN: Final = "give --user, or --client-id with --client-secret-file"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeycloakOptions:
    """What was said of a Keycloak.

    Attributes:
        url: Keycloak's; empty if none was named.
        realm: the one to look at.
        user: an admin, whose password is asked for if it is in no file.
        password_file: the admin's password.
        client_id: instead of a user: a client with a service account.
        client_secret_file: its secret.
        admin_realm: where the admin or the client is.
    """

    url: str
    realm: str
    user: str | None
    password_file: TextIO | None
    client_id: str | None
    client_secret_file: TextIO | None
    admin_realm: str

    @property
    def names_somebody(self) -> bool:
        """Whether an admin or a client was named."""
        return self.user is not None or self.client_id is not None

    def admin(self) -> KeycloakAdmin:
        """Return the Admin API as this admin sees it; asks for a password where it must.

        Raises:
            click.UsageError: the options leave open who asks.
            BridgeError: the URL is none.
        """
        return KeycloakAdmin(self.url, self._login(), self.admin_realm)

    def _login(self) -> Login:
        if (self.user is None) == (self.client_id is None):
            raise click.UsageError(f"Who asks? {_LOGIN[0].upper()}{_LOGIN[1:]}.")
        if self.user is not None:
            return PasswordLogin(self.user, self._password())
        if self.client_secret_file is None:
            raise click.UsageError("--client-id needs --client-secret-file.")
        return ClientLogin(str(self.client_id), _secret_in(self.client_secret_file))

    def _password(self) -> Secret:
        if self.password_file is not None:
            return _secret_in(self.password_file)
        return Secret(click.prompt(f"Password of {self.user}", hide_input=True, err=True))


def keycloak_options(*, required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options; it receives them together, as `keycloak`.

    Args:
        required: whether there is nothing to do without a Keycloak.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def call(  # noqa: PLR0913 - one for each option
            *args: Any,  # noqa: ANN401 - the command's own
            url: str | None,
            realm: str | None,
            user: str | None,
            password_file: TextIO | None,
            client_id: str | None,
            client_secret_file: TextIO | None,
            admin_realm: str,
            **others: Any,  # noqa: ANN401 - the command's own
        ) -> None:
            if (url is None) != (realm is None):
                raise click.UsageError("--url and --realm go together.")
            keycloak = KeycloakOptions(
                url=url or "",
                realm=realm or "",
                user=user,
                password_file=password_file,
                client_id=client_id,
                client_secret_file=client_secret_file,
                admin_realm=admin_realm,
            )
            command(*args, keycloak=keycloak, **others)

        described: Callable[..., None] = call
        for option in reversed(_options(required=required)):
            described = option(described)
        return described

    return decorate


def _options(*, required: bool) -> list[Callable[..., Any]]:
    return [
        click.option("--url", required=required, help="Keycloak's URL, as browsers see it."),
        click.option("--realm", required=required, help="The realm whose users sign in."),
        click.option("--user", help="An admin; the password is asked for if it is in no file."),
        click.option(
            "--password-file", type=click.File("r"), help="The admin's password; - for stdin."
        ),
        click.option("--client-id", help="Instead of --user: a client with a service account."),
        click.option(
            "--client-secret-file", type=click.File("r"), help="That client's secret; - for stdin."
        ),
        click.option(
            "--admin-realm",
            default="master",
            show_default=True,
            help="The realm in which the admin or client is.",
        ),
    ]


def _secret_in(file: TextIO) -> Secret:
    text = file.read().strip("\r\n")
    if not text:
        raise click.UsageError(f"{file.name} is empty.")
    return Secret(text)
