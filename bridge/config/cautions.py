"""What is allowed and yet worth a look before the bridge goes to work."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.config.load import Loaded
from bridge.config.problems import Problem, dotted
from bridge.config.settings import Settings
from bridge.config.urls import is_loopback

_OTHERS_READ: Final = stat.S_IRGRP | stat.S_IROTH


def cautions(loaded: Loaded) -> tuple[Problem, ...]:
    """Return everything that is worth a warning; none of it stops the bridge."""
    settings = loaded.settings
    return (
        *_mode(settings),
        *_readable(loaded),
        *_unregistered(settings),
        *_unencrypted(settings),
    )


def _mode(settings: Settings) -> Iterator[Problem]:
    if settings.development:
        yield Problem("mode", "is development: plain http and stand-ins for Google are allowed")


def _readable(loaded: Loaded) -> Iterator[Problem]:
    tls_key = loaded.settings.internal.tls_key
    for path in dict.fromkeys((*loaded.files, *((tls_key,) if tls_key else ()))):
        if _others_read(path):
            message = "holds a secret and can be read by others than its owner"
            yield Problem(str(path), message, f"chmod 600 {path}")


def _unencrypted(settings: Settings) -> Iterator[Problem]:
    address = settings.store.address
    if address is None or address.tls or settings.store.redis.password is None:
        return
    if any(not is_loopback(host) for host, _ in address.hosts):
        message = "sends the password of the Redis over the network unencrypted"
        yield Problem("store.url", message, "use rediss://")


def _others_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS_READ)
    except OSError:
        return False


def _unregistered(settings: Settings) -> Iterator[Problem]:
    for name, tenant in settings.tenants.items():
        for index, client in enumerate(tenant.clients):
            file = client.google_json
            if file and settings.redirect_uri not in file.redirect_uris:
                yield Problem(
                    dotted(("tenants", name, "clients", index, "google_json")),
                    "does not list the bridge's redirect URI",
                    f"add {settings.redirect_uri} to the client in the Google Cloud console",
                )
