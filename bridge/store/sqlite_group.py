"""Group commit: writers that wait at the same time share one transaction, and one fsync.

Owns the queue of this process's writers. Knows nothing of what they write: each has a savepoint of
its own, so that one's conflict undoes nothing of another's.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

from bridge.store.base import StoreUnavailableError

_T = TypeVar("_T")

Action = Callable[[sqlite3.Connection], _T]
Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]

_LARGEST_GROUP: Final = 64


class _Task:
    """One writer's action, and what came of it; its writer sleeps on `wake`."""

    __slots__ = ("action", "done", "error", "result", "wake")

    def __init__(self, action: Action[Any]) -> None:
        self.action = action
        self.result: Any = None
        self.error: Exception | None = None
        self.done = False
        self.wake = threading.Lock()
        self.wake.acquire()

    def run(self, connection: sqlite3.Connection) -> None:
        """Do the action; an error that is not SQLite's undoes it and is kept for its writer."""
        self.error = None
        connection.execute("SAVEPOINT task")
        try:
            self.result = self.action(connection)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised again, in its own writer's thread
            connection.execute("ROLLBACK TO task")
            self.error = error
        connection.execute("RELEASE task")


class GroupCommit:
    """The queue of writers: one leads, commits for all who came before, and passes the lead on.

    Attributes:
        mutex: held while this process writes.
    """

    def __init__(self, transaction: Transaction, budget: float) -> None:
        """Prepare a queue.

        Args:
            transaction: begins a durable transaction; undoes it when left by an exception.
            budget: seconds that a writer waits for the others before it gives up.
        """
        self.mutex = threading.Lock()
        self._transaction = transaction
        self._budget = budget
        self._waiting: deque[_Task] = deque()
        self._led = False
        self._queue = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many writers wait for the one who leads."""
        return len(self._waiting)

    def run(self, action: Action[_T]) -> _T:
        """Return what `action` returned, once it is durable, or raise what it raised.

        Raises:
            StoreUnavailableError: it was not done.
        """
        task = _Task(action)
        if not self._leads(task):
            self._wait(task)
        if not task.done:
            try:
                self._lead(task)
            finally:
                self._pass_on()
        if task.error is not None:
            raise task.error
        result: _T = task.result
        return result

    def _leads(self, task: _Task) -> bool:
        with self._queue:
            if self._led:
                self._waiting.append(task)
                return False
            self._led = True
            return True

    def _wait(self, task: _Task) -> None:
        try:
            if task.wake.acquire(timeout=self._budget):
                return
        except BaseException:  # an interrupt must not take the lead to the grave
            if not self._withdrawn(task):
                task.wake.acquire()
                if not task.done:
                    self._pass_on()
            raise
        if self._withdrawn(task):
            raise StoreUnavailableError("locked by other threads")
        # Somebody is doing it at this moment: to say that it failed could be untrue.
        task.wake.acquire()

    def _withdrawn(self, task: _Task) -> bool:
        with self._queue:
            if task not in self._waiting:
                return False
            self._waiting.remove(task)
            return True

    def _lead(self, task: _Task) -> None:
        with self.mutex:
            with self._queue:
                others = min(len(self._waiting), _LARGEST_GROUP - 1)
                group = [task, *(self._waiting.popleft() for _ in range(others))]
            try:
                self._commit(group)
            finally:
                for each in group:
                    each.done = True
                    each.wake.release()

    def _pass_on(self) -> None:
        with self._queue:
            if self._waiting:
                self._waiting.popleft().wake.release()
            else:
                self._led = False

    def _commit(self, group: list[_Task]) -> None:
        begun = False
        try:
            with self._transaction() as connection:
                begun = True
                for task in group:
                    task.run(connection)
        except StoreUnavailableError as error:
            if begun and len(group) > 1:
                # One of them touched what cannot be read or written: the others must not pay.
                for task in group:
                    self._commit([task])
                return
            for task in group:
                task.error = StoreUnavailableError(str(error.context["detail"]))
        except BaseException:
            for task in group:
                task.error = StoreUnavailableError("interrupted")
            raise
