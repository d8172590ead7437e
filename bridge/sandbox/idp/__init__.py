"""A small identity provider that signs users in with (sandbox) Google and tells the bridge's hook.

Shows the part that an IdP plays: `hook` and `login_return` are all that an adapter must do. It
knows the bridge by HTTP alone, as a real one does.
"""

from bridge.sandbox.idp.app import create_idp
from bridge.sandbox.idp.settings import (
    AppRegistration,
    GoogleRegistration,
    HookTarget,
    IdpSettings,
)

__all__ = ["AppRegistration", "GoogleRegistration", "HookTarget", "IdpSettings", "create_idp"]
