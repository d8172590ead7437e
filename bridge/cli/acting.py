"""What an operator does at the command line, told in the audit record."""

from __future__ import annotations

from bridge.audit.act import EVERYWHERE, Act, ActType, Cause
from bridge.cli.operator import operator
from bridge.services import Services


def tell(services: Services, act_type: ActType, /, **details: str) -> None:
    """Note an act that concerns no tenant in particular; none of the details is secret.

    Raises:
        BridgeError: `store_unavailable`; the act is done, and untold.
    """
    cause = Cause(operator().name)
    act = Act(type=act_type, tenant=EVERYWHERE, cause=cause, details=tuple(details.items()))
    services.audit.note(act)
