"""Doing things at the same time, with real threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from bridge.store.base import Delete, Op

T = TypeVar("T")


def at_once(*jobs: Callable[[], T]) -> list[T]:
    """Run every job in a thread of its own, started together; return their results in order."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        barrier.wait(10)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(30) for future in [pool.submit(run, job) for job in jobs]]


def _is_grant(op: Op) -> bool:
    return not isinstance(op, Delete) and op.row.ref.kind == "grant"


class PausedCommits:
    """A store's `commit` that waits, once, before one thread writes a grant.

    Attributes:
        reached: set when that thread is about to commit.
        go_on: set it to let it.
    """

    def __init__(self, commit: Callable[..., None], thread: str) -> None:
        self._commit = commit
        self._thread = thread
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, ops: Sequence[Op], guard: Any = None) -> None:
        is_it = threading.current_thread().name == self._thread and any(map(_is_grant, ops))
        if is_it and not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(10)
        self._commit(ops, guard)
