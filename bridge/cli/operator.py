"""Who works at the command line, as the bridge and its audit know them."""

from __future__ import annotations

import getpass

from bridge.config import Permission
from bridge.model import Caller


def operator() -> Caller:
    """Return a caller that may do everything everywhere: whoever reads the key file can anyway.

    Its name is `cli:` and the system's user; no caller's key can have it, for want of the colon.
    """
    return Caller(
        name=f"cli:{_user()}",
        tenants=None,
        scopes=None,
        permissions=frozenset(permission.value for permission in Permission),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"  # a container may run under a number that has no name
