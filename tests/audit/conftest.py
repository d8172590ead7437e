"""An audit log on a SQLite file, and short ways to write and read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.audit.act import Act, ActType, Cause
from bridge.audit.cursor import BEGINNING, Cursor
from bridge.audit.log import AuditLog, Selection
from bridge.config.keys import generate
from bridge.services import material
from bridge.store.sqlite import SqliteStore
from bridge.vault.keys import Keys
from bridge.vault.records import Records
from tests.kit import ShiftedClock


class Audit:
    """A log without a bridge around it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ShiftedClock()
        self.keys = Keys(material(generate(1_000)))
        self.open()

    def open(self) -> None:
        self.store = SqliteStore(self.path, self.clock)
        self.records = Records(self.store, self.keys)
        self.log = AuditLog(self.records, self.clock, keep_days=10)

    def note(self, subject: str, tenant: str = "acme", type_: ActType = ActType.CAPTURED) -> None:
        self.log.note(Act(type=type_, tenant=tenant, cause=Cause("me"), subject=subject))

    def read(
        self,
        after: Cursor = BEGINNING,
        *,
        tenants: frozenset[str] | None = None,
        type_: str | None = None,
        limit: int = 100,
    ) -> tuple[list[str | None], Cursor]:
        """Return the subjects of a page's events, and the cursor to go on from."""
        page = self.log.page(Selection(tenants=tenants, type=type_, after=after, limit=limit))
        return [held.record.subject for _, held in page.events], page.next


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Audit]:
    made = Audit(tmp_path / "store.db")
    yield made
    made.store.close()
