"""Connection links and what waits for redemption: where they live, and how they are changed.

Owns the texts that open a link, name a browser's trip and redeem a result: 256 random bits each,
found again by keyed hashes, so that a copy of the store opens nothing. A link and its result share
a partition, so that using the one up and keeping the other is one commit. What a change means is
the connect flow's.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.model import Account, Link, Pending
from bridge.secret import Secret
from bridge.store.base import Op, Ref, StoreConflictError
from bridge.vault.records import Held, Index, Records
from bridge.vault.refresh_tokens import key_id_of

LINK: Final = "link"
PENDING: Final = "pending"
# Beyond its end a link says only that it is over, to its user and to the app's backend.
KEPT_S: Final = 7 * 24 * 3600

_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_ID: Final = re.compile(r"l_[A-Za-z0-9_-]{16}")
# The link's id and a random text: an answer finds its link, and the link cannot be opened by it.
_OF_LINK: Final = re.compile(r"(?P<id>[A-Za-z0-9_-]{16})\.[A-Za-z0-9_-]{43}")
_TRIES: Final = 50


class Links:
    """All connection links, and the results that wait."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._hasher = records.keys.hasher
        self._clock = clock

    def id_of(self, text: str) -> str:
        """Return the id of the link that a text opens."""
        return "l_" + self._hasher.index("link", text)

    def hash(self, purpose: str, text: Secret) -> str:
        """Return the keyed hash by which a cookie or a `state` is known again."""
        return self._hasher.index(f"link-{purpose}", text.reveal())

    def opened_by(self, text: str) -> Link | None:
        """Return the link that a text opens, or None."""
        return self.get(self.id_of(text)) if _TEXT.fullmatch(text) else None

    def get(self, link_id: str) -> Link | None:
        """Return a link by its id, or None."""
        held = self._held(link_id)
        return None if held is None else held.record

    def of_state(self, state: str) -> Link | None:
        """Return the link whose trip a `state` names, if there is one; proves nothing yet."""
        named = _OF_LINK.fullmatch(state)
        return self.get(f"l_{named['id']}") if named else None

    def put(self, link: Link) -> Op:
        """Return the write of a new link."""
        return self._records.put(_place(link.id), link, _index(link))

    def commit(self, ops: Sequence[Op]) -> None:
        """Commit writes of one link's partition."""
        self._records.store.commit(ops)

    def update(
        self,
        link_id: str,
        change: Callable[[Link], Link | None],
        also: Sequence[Op] = (),
    ) -> Link | None:
        """Apply `change` to the present link, together with `also`; None if it changes nothing.

        Raises:
            BridgeError: `not_found`, if the link is gone; `conflict` after many tries in vain.
        """
        for _ in range(_TRIES):
            held = self._held(link_id)
            if held is None:
                raise no_link()
            changed = change(held.record)
            if changed is None:
                return None
            try:
                write = self._records.replace(held, changed, _index(changed))
                self._records.store.commit([write, *also])
            except StoreConflictError:
                continue
            return changed
        raise BridgeError(Code.CONFLICT, "The link keeps changing; try again.", retry_after=1)

    def keep(self, link_id: str, tenant: str, code: Secret, pending: Pending) -> Op:
        """Return the write of a result that waits to be redeemed by `code`."""
        index = Index(tenant=tenant, expires_at=pending.expires_at)
        key_id = key_id_of(pending.token.sealed) if pending.token else None
        return self._records.put(self._pending_ref(link_id, code), pending, index, key_id=key_id)

    def waiting(self, code: Secret) -> tuple[Link, Held[Pending]] | None:
        """Return what a code redeems, with its link; None if it redeems nothing any more."""
        link = self.of_state(code.reveal())
        if link is None:
            return None
        held = self._records.get(self._pending_ref(link.id, code), Pending)
        if held is None or held.record.is_used or held.record.expires_at <= self._clock.now():
            return None
        return link, held

    def use(self, held: Held[Pending]) -> Op:
        """Return the write that uses a result up, and leaves nothing of the account in it."""
        blank = replace(held.record, is_used=True, token=None, account=Account(sub=""), scopes=())
        return self._records.replace(held, blank)

    def _held(self, link_id: str) -> Held[Link] | None:
        return self._records.get(_place(link_id), Link) if _ID.fullmatch(link_id) else None

    def _pending_ref(self, link_id: str, code: Secret) -> Ref:
        return Ref(PENDING, _place(link_id).partition, self.hash("code", code))


def random_text() -> Secret:
    """Return 256 random bits as 43 characters that a URL carries as they are."""
    return Secret(secrets.token_urlsafe(32))


def text_of_link(link_id: str) -> Secret:
    """Return a new `state` or code that finds its link and cannot open it."""
    return Secret(f"{link_id.removeprefix('l_')}.{random_text().reveal()}")


def no_link() -> BridgeError:
    """Return the error for a link that is not there, or not for this caller."""
    return BridgeError(Code.NOT_FOUND, "There is no such link.")


def partition_of(link: Link) -> str:
    """Return the partition of a link and of what comes of it."""
    return _place(link.id).partition


def _place(link_id: str) -> Ref:
    return Ref(LINK, link_id.removeprefix("l_"), LINK)


def _index(link: Link) -> Index:
    return Index(tenant=link.tenant, state=link.status, expires_at=link.expires_at + KEPT_S)
