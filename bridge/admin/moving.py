"""Moving to another store: which one may be written over, and when the copy is whole.

Owns what keeps an operator from copying over the wrong store, and a bridge from starting on half a
copy: the mark, without which no bridge takes a store for its own, is copied last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.errors import BridgeError, Code
from bridge.model import Mark
from bridge.store.base import Ref, Row, Store
from bridge.store.copying import Copying
from bridge.vault.keys import Keys
from bridge.vault.opening import MARK, SERVER, Opening
from bridge.vault.records import Records

_BEGUN: Final = "copy"


@dataclass(frozen=True, slots=True)
class Moved:
    """What a copy came to.

    Attributes:
        rows: compared, of the source.
        written, removed: in the target.
        differing: that another look found to differ; the source was written meanwhile.
        serving: server processes that run on the source.
    """

    rows: int
    written: int
    removed: int
    differing: int
    serving: int

    @property
    def is_whole(self) -> bool:
        """Whether the target can take the source's place."""
        return not self.differing and not self.serving


class Moving:
    """Copies a whole store into another one."""

    def __init__(self, source: Store, target: Store, keys: Keys, now: float) -> None:
        """Take both stores, the keys of both, and the time."""
        self._source, self._target, self._now = source, target, now
        self._from, self._to = Opening(Records(source, keys)), Opening(Records(target, keys))

    def run(self, progress: Callable[[int], None]) -> Moved:
        """Copy, then look again; what an earlier run has copied is not written again.

        Raises:
            BridgeError: `conflict`, the target is another store, a newer one, or in use; or there
                is nothing to copy; `key_unavailable`, the keys are others.
        """
        mark = self._checked()
        copying = Copying(self._source, self._target, progress)
        done = copying.copy(self._kinds())
        left = copying.compare(self._kinds())
        serving = len(self._from.servers(self._now))
        if not left.total:
            Copying(self._source, self._target, progress).copy([MARK])
            self._target.unload([_begun(mark).ref])
        return Moved(done.rows, done.wrong, done.surplus, left.total, serving)

    def _kinds(self) -> list[str]:
        # Who serves is the source's affair, and ends with it.
        known = {*self._source.kinds(), *self._target.kinds()}
        return sorted(known - {MARK, SERVER, _BEGUN})

    def _checked(self) -> Mark:
        self._from.prove_keys()
        mark = self._from.mark()
        if mark is None:
            raise _refused("There is no store of a bridge to copy.")
        if self._to.servers(self._now):
            raise _refused("Server processes run on the store that would be written over.")
        known = self._to.mark()
        if known is not None and known.store_id != mark.store_id:
            raise _refused("The store that would be written over is another bridge's.")
        if known is not None and known.value > mark.value:
            raise _refused("The store that would be written over is newer than the one to copy.")
        begun = _begun(mark)
        if known is None and self._target.get(begun.ref) is None:
            if self._target.kinds():
                raise _refused("The store that would be written over holds something else.")
            self._target.claim_once(begun)
        return mark


def _begun(mark: Mark) -> Row:
    """Return the row that tells half a copy from somebody else's store."""
    return Row(Ref(_BEGUN, _BEGUN, mark.store_id), 1, b"")


def _refused(text: str) -> BridgeError:
    return BridgeError(Code.CONFLICT, text)
