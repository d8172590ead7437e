"""Taking a store restored from a backup for the true one.

Owns the order: first every grant is doubted, then the witness is told. Cut off in between, the
store goes on being refused at start, and the same command finishes the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bridge.clock import Clock
from bridge.model import Cause, State
from bridge.vault import endings
from bridge.vault.grants import Grants
from bridge.vault.opening import Opening


@dataclass(frozen=True, slots=True)
class Restored:
    """Accepts a store that is older than the bridge last saw it, or another one.

    A backup holds refresh tokens that were since revoked or replaced, and access tokens that were
    since refused: nothing of it serves before Google has honoured it once more.
    """

    grants: Grants
    opening: Opening
    witness: Path
    clock: Clock

    def run(self, progress: Callable[[int], None]) -> int:
        """Doubt every grant, then accept the store; resumable, and harmless when repeated.

        Args:
            progress: called with the number of grants done since the last call.

        Returns:
            How many grants must prove themselves at their next read.

        Raises:
            BridgeError: `key_unavailable`, if a grant's key is not here; `store_unavailable`.
        """
        now = int(self.clock.now())
        # The store may be from when the present key was on its way out.
        self.opening.allow_writing()
        doubted = 0
        for held in self.grants.everywhere():
            doubt = self.grants.update(
                held.ref, lambda grant: endings.doubt(grant, now), Cause(reason="restored")
            )
            doubted += doubt.state is State.UNVERIFIED
            progress(1)
        self.opening.accept(self.witness)
        return doubted
