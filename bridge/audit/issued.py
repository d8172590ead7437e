"""Access tokens handed out: noted in memory by the read that does, written by a thread later on.

Owns the promise that each is told once for each caller, over all processes, and that telling it
costs the warm path next to nothing. What was noted in the last second before a crash is lost.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

import structlog

from bridge.audit.act import Act, ActType, Cause
from bridge.audit.log import AuditLog, Named
from bridge.clock import Clock
from bridge.errors import BridgeError
from bridge.model import AccessToken, Caller, Grant
from bridge.secret import fingerprint

_TICK_S: Final = 0.5
_AT_ONCE: Final = 200
_REMEMBERED: Final = 100_000
_MOST_WAITING: Final = 100_000

log = structlog.get_logger(__name__)


class IssuedTokens:
    """Notes what is handed out, and writes it in batches."""

    def __init__(self, audit: AuditLog, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._recent: set[int] = set()
        self._former: set[int] = set()
        self._waiting: deque[Named] = deque()
        self._writing = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, caller: Caller, grant: Grant, access: AccessToken) -> bool:
        """Note that a caller got an access token, if that was not noted before.

        Returns False if it could not be: the next read of this token is to note it again.
        """
        # 64 random bits stand for the two: no token is kept for this, and no two of them meet.
        handed = hash((caller.name, access.token.reveal()))
        if handed in self._recent or handed in self._former:
            return True
        if len(self._waiting) >= _MOST_WAITING:
            return False  # the store takes no writes
        if len(self._recent) >= _REMEMBERED:
            # One that was forgotten here is known by its name in the store.
            self._former, self._recent = self._recent, set()
        self._recent.add(handed)
        self._waiting.append(_named(int(self._clock.now()), caller, grant, access))
        return True

    def start(self) -> None:
        """Begin to write, in a thread of its own."""
        # No daemon: what is noted must be written before the process may end.
        self._thread = threading.Thread(target=self._run, name="audit")
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, and end the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._write_or_tell()

    def write(self) -> None:
        """Write what is noted by now.

        Raises:
            BridgeError: `store_unavailable`; what is not written is kept for the next time.
        """
        with self._writing:
            while self._waiting:
                # By their places: readers note more meanwhile, and an iterator would not bear that.
                ready = min(_AT_ONCE, len(self._waiting))
                batch = [self._waiting[place] for place in range(ready)]
                self._audit.note_once(batch)
                for _ in batch:
                    self._waiting.popleft()

    def _run(self) -> None:
        # A worker is not told that it is to stop: its main thread returns, and Python waits.
        while threading.main_thread().is_alive() and not self._stopping.wait(_TICK_S):
            self._write_or_tell()
        self._write_or_tell()

    def _write_or_tell(self) -> None:
        try:
            self.write()
        except BridgeError as error:
            log.warning("events_waiting", code=error.code.value, waiting=len(self._waiting))


def _named(at: int, caller: Caller, grant: Grant, access: AccessToken) -> Named:
    token = fingerprint(access.token)
    scopes = grant.granted if access.scopes is None else access.scopes
    act = Act(
        type=ActType.TOKEN_ISSUED,
        tenant=grant.tenant,
        cause=Cause(caller.name),
        subject=grant.subject,
        account=grant.account.sub,
        client=grant.client_id,
        grant=grant.id,
        tokens=(token,),
        details=(("scopes", " ".join(scopes)), ("expires_at", str(access.expires_at))),
    )
    return Named(at, (caller.name, grant.id, token), act)
