"""What a caller may see and do, as far as grants go.

Owns the refusals: what a caller may not see does not exist for it.
"""

from __future__ import annotations

from bridge.errors import BridgeError, Code
from bridge.model import Caller, Grant
from bridge.vault.grants import Grants
from bridge.vault.records import Held


def permit(caller: Caller, permission: str) -> None:
    """Refuse a caller without a permission. Raises BridgeError `forbidden`."""
    if permission not in caller.permissions:
        raise BridgeError(Code.FORBIDDEN, f"This caller lacks the permission `{permission}`.")


def visible(grants: Grants, caller: Caller, grant_id: str) -> Held[Grant]:
    """Return a grant of a tenant that the caller sees. Raises BridgeError `grant_missing`."""
    held = grants.get(grant_id)
    if held is None or not caller.sees(held.record.tenant):
        raise BridgeError(Code.GRANT_MISSING, "There is no grant with this id.")
    return held


def no_tenant() -> BridgeError:
    """Return the error for a tenant that is not there, or not for this caller."""
    return BridgeError(
        Code.NOT_FOUND, "There is no such tenant, or not for this caller.", field="tenant"
    )
