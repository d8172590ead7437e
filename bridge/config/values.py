"""The kinds of values that settings hold: secrets, socket addresses, names, Google client ids.

Each validator raises `wrong`, whose text never holds the value it refuses.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Final

from pydantic import AfterValidator, PlainValidator, ValidationInfo

from bridge.config.problems import wrong
from bridge.config.section import context_of
from bridge.secret import Secret

_TENANT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_CLIENT_ID: Final = re.compile(r"[0-9]+-[A-Za-z0-9_]+\.apps\.googleusercontent\.com")
_HOOK_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a Standard Webhooks secret begins with
_HOOK_SECRET_BYTES: Final = range(24, 65)
_LARGEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Bind:
    """Where a socket listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this host can reach it."""
        return ip_address(self.host).is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _bind(value: object) -> Bind:
    if isinstance(value, Bind):
        return value
    if not isinstance(value, str):
        raise wrong("should be a text such as 127.0.0.1:8601")
    host, _, port = value.rpartition(":")
    address = _address(host)
    if address is None or not re.fullmatch(r"[0-9]{1,5}", port):
        raise wrong("should be an IP address and a port, such as 127.0.0.1:8601 or [::1]:8601")
    if not 1 <= int(port) <= _LARGEST_PORT:
        raise wrong("should have a port from 1 to 65535")
    return Bind(str(address), int(port))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return None
    return address if bracketed == (address.version == 6) else None  # noqa: PLR2004 - IP version


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise wrong("should be a text")
    if not value.strip():
        raise wrong("is missing")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise wrong("holds a space, a line break or a character that no secret of its kind has")
    return Secret(value)


def hook_secret_bytes(secret: Secret) -> bytes:
    """Return the HMAC key in a Standard Webhooks secret: `whsec_` and base64 of 24 to 64 bytes.

    Raises:
        ValueError: it is no such secret; the text does not quote it.
    """
    text = secret.reveal()
    if not text.startswith(_HOOK_SECRET_PREFIX):
        raise ValueError("should begin with whsec_")
    try:
        key = base64.b64decode(text.removeprefix(_HOOK_SECRET_PREFIX), validate=True)
    except ValueError:
        key = None
    if key is None:
        raise ValueError("should be whsec_ and base64")
    if len(key) not in _HOOK_SECRET_BYTES:
        raise ValueError("should hold 24 to 64 bytes")
    return key


def _hook_secret(value: object) -> Secret:
    secret = _secret(value)
    try:
        hook_secret_bytes(secret)
    except ValueError as error:
        raise wrong(str(error), "`bridge init` in an empty folder writes a fresh one") from None
    return secret


def _tenant_name(name: str) -> str:
    if not _TENANT_NAME.fullmatch(name):
        raise wrong(
            "is no tenant name",
            "use 1 to 63 lower-case letters, digits and dashes, not beginning with a dash",
        )
    return name


def _client_id(client_id: str, info: ValidationInfo) -> str:
    if not client_id:
        raise wrong("is missing", "copy it from the Google Cloud console")
    if not context_of(info).development and not _CLIENT_ID.fullmatch(client_id):
        raise wrong(
            "is no Google client id",
            "it looks like 123456789012-abc….apps.googleusercontent.com",
        )
    return client_id


def _token68(text: str) -> str:
    if not text:
        raise wrong("is missing")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise wrong("should be printable ASCII without spaces")
    return text


BindAddress = Annotated[Bind, PlainValidator(_bind)]
SecretText = Annotated[Secret, PlainValidator(_secret)]
HookSecret = Annotated[Secret, PlainValidator(_hook_secret)]
TenantName = Annotated[str, AfterValidator(_tenant_name)]
ClientId = Annotated[str, AfterValidator(_client_id)]
Token = Annotated[str, AfterValidator(_token68)]
