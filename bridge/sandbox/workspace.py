"""The little data that the sandbox's Calendar, Drive and Gmail hold for each account.

Owns the records. Knows nothing of tokens, scopes or HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.sandbox import minting
from bridge.sandbox.core import Core

Resource = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A Drive file and the project that created it, None for the user's own."""

    resource: Resource
    project: str | None


class WorkspaceData:
    """Calendars, files and messages by account; every returned resource is a copy."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._events: dict[tuple[str, str], dict[str, Resource]] = {}
        self._files: dict[str, dict[str, StoredFile]] = {}
        self._messages: dict[str, list[Resource]] = {}

    def events(self, sub: str, calendar: str = "primary") -> list[Resource]:
        """Return an account's events in the order of their creation."""
        with self._core.lock:
            return [dict(event) for event in self._events.get((sub, calendar), {}).values()]

    def event(self, sub: str, calendar: str, event_id: str) -> Resource | None:
        """Return an event, or None."""
        with self._core.lock:
            event = self._events.get((sub, calendar), {}).get(event_id)
            return None if event is None else dict(event)

    def insert_event(self, sub: str, calendar: str, fields: Mapping[str, object]) -> Resource:
        """Create an event."""
        now = self._timestamp()
        event: Resource = {
            "kind": "calendar#event",
            "id": minting.opaque_id(),
            "status": "confirmed",
            "created": now,
            **fields,
            "updated": now,
            "etag": f'"{minting.opaque_id()}"',
        }
        with self._core.lock:
            self._events.setdefault((sub, calendar), {})[str(event["id"])] = event
        return dict(event)

    def patch_event(
        self, sub: str, calendar: str, event_id: str, fields: Mapping[str, object]
    ) -> Resource | None:
        """Change an event's fields; its id stays. None if there is no such event."""
        with self._core.lock:
            event = self._events.get((sub, calendar), {}).get(event_id)
            if event is None:
                return None
            fixed = {"id": event_id, "updated": self._timestamp()}
            event.update({**fields, **fixed, "etag": f'"{minting.opaque_id()}"'})
            return dict(event)

    def delete_event(self, sub: str, calendar: str, event_id: str) -> bool:
        """Delete an event; tell whether there was one."""
        with self._core.lock:
            return self._events.get((sub, calendar), {}).pop(event_id, None) is not None

    def files(self, sub: str, project: str | None = None) -> list[Resource]:
        """Return an account's files, or those alone that a project created."""
        with self._core.lock:
            stored = self._files.get(sub, {}).values()
            return [dict(f.resource) for f in stored if project in {None, f.project}]

    def create_file(
        self, sub: str, fields: Mapping[str, object], project: str | None = None
    ) -> Resource:
        """Create a file, in the user's own name unless a project is given."""
        resource: Resource = {
            "kind": "drive#file",
            "mimeType": "application/octet-stream",
            "name": "Untitled",
            **fields,
            "id": minting.opaque_id(),
        }
        with self._core.lock:
            files = self._files.setdefault(sub, {})
            files[str(resource["id"])] = StoredFile(resource=resource, project=project)
        return dict(resource)

    def messages(self, sub: str) -> list[Resource]:
        """Return the ids of an account's messages."""
        with self._core.lock:
            return [dict(message) for message in self._messages.get(sub, [])]

    def deliver_message(self, sub: str) -> Resource:
        """Let a message arrive, and return its id and thread."""
        message: Resource = {"id": minting.opaque_id()[:16], "threadId": minting.opaque_id()[:16]}
        with self._core.lock:
            self._messages.setdefault(sub, []).append(message)
        return dict(message)

    def _timestamp(self) -> str:
        moment = datetime.fromtimestamp(self._core.now(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
