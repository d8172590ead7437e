"""What a process that will be killed is told to do, as it travels to it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Work = Literal["deeds", "rotation", "import"]


class Deed(msgspec.Struct, frozen=True):
    """One thing to do, acknowledged by its number when it is done.

    Attributes:
        subject: whom it is about; deeds about one subject are done in their order.
        verb: a hook `message` to send, a grant to `forget` or `revoke`, a token to `read`.
        message_id, message: what the hook is sent, the same at every repetition.
        brings: the refresh token in it.
    """

    number: int
    subject: str
    verb: Literal["hook", "forget", "revoke", "read"]
    message_id: str = ""
    message: dict[str, Any] = {}
    brings: str | None = None

    @property
    def ends(self) -> bool:
        """Whether nothing from before may be held afterwards."""
        return self.verb in ("forget", "revoke")


class Order(msgspec.Struct, frozen=True):
    """One life's work.

    Attributes:
        shift: seconds by which its clock is ahead of the host's.
        deeds: to be done; beside a rotation, too.
        lines: the file to import.
    """

    work: Work
    shift: float
    deeds: list[Deed] = []
    lines: str = ""
