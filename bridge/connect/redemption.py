"""The app's backend redeems what a browser brought home: only then is the account anybody's.

Owns the rule that the subject of the browser's session at the app must be the one that the link was
made for. A link that was sent to somebody else brings that person's session, and attaches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from bridge.audit.act import Act, ActType, Cause
from bridge.audit.log import AuditLog
from bridge.clock import Clock
from bridge.connect.entering import Entering, Entry
from bridge.connect.views import ConnectionRequest
from bridge.errors import BridgeError, Code
from bridge.model import Account, Caller, Grant, Link, LinkStatus, Pending
from bridge.secret import Secret
from bridge.store.base import Op, StoreConflictError
from bridge.tokens.leases import LeaseKeeper
from bridge.vault.grants import Identity
from bridge.vault.links import Links, partition_of
from bridge.vault.records import Held

log = structlog.get_logger(__name__)

_OTHER_SUBJECT = "other_subject"


@dataclass(frozen=True, slots=True)
class Connection:
    """What a code was redeemed for.

    Attributes:
        grant: the grant as it is now.
        status: `connected` or `partial`.
        missing: scopes that were asked for and not granted.
    """

    grant: Grant
    status: LinkStatus
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """Redeems codes."""

    links: Links
    entering: Entering
    leases: LeaseKeeper
    audit: AuditLog
    clock: Clock

    def redeem(self, caller: Caller, request: ConnectionRequest) -> Connection:
        """Make a result the grant of its subject, once.

        Raises:
            BridgeError: `not_found`, the code was never one, is over, or was used, by now perhaps
                by somebody else; `forbidden` with reason `other_subject`, and nothing is left of
                the result; `grant_missing`, the subject left since; `conflict`.
        """
        may_connect(caller)
        code = Secret(request.code)
        link, _ = self._waiting(caller, request, code)
        # Under a lease, and used up last: whoever dies in between can do the same again.
        with self.leases.held(f"redeem:{link.id}") as lease:
            if lease is None:
                raise _is_used()
            link, held = self._waiting(caller, request, code)
            if held.record.subject != request.subject:
                raise self._destroyed(caller, link, held)
            grant = self.entering.enter(_entry(link, held.record))
            self._use(link, held, self._connected(caller, link, grant), grant.id)
        return Connection(grant=grant, status=link.status, missing=link.missing)

    def _waiting(
        self, caller: Caller, request: ConnectionRequest, code: Secret
    ) -> tuple[Link, Held[Pending]]:
        found = self.links.waiting(code)
        if found is None:
            raise _is_used()
        tenant = found[0].tenant
        if not caller.sees(tenant) or request.tenant not in (None, tenant):
            raise _is_used()
        return found

    def _use(self, link: Link, held: Held[Pending], told: Op, grant: str | None) -> None:
        now = int(self.clock.now())

        def used(present: Link) -> Link:
            if grant is not None:
                return replace(present, code=None, grant=grant)
            # Its end too: whoever has this link is not the one that it was made for.
            return replace(
                present,
                code=None,
                status=LinkStatus.FAILED,
                reason=_OTHER_SUBJECT,
                account=None,
                missing=(),
                expires_at=min(now, present.expires_at),
            )

        try:
            self.links.update(link.id, used, [self.links.use(held), told])
        except StoreConflictError:
            raise _is_used() from None

    def _destroyed(self, caller: Caller, link: Link, held: Held[Pending]) -> BridgeError:
        """Destroy a result, and return the error for whoever named another subject.

        It is not revoked: the account may be connected rightly elsewhere, and would lose that too.
        """
        log.warning("connection_destroyed", tenant=link.tenant, link=link.id, caller=caller.name)
        act = Act(
            type=ActType.CONNECTION_DESTROYED,
            tenant=link.tenant,
            cause=Cause(caller.name, _OTHER_SUBJECT),
            subject=link.subject,
            client=link.client_id,
            details=(("link", link.id),),
        )
        self._use(link, held, self.audit.op(partition_of(link), act), None)
        return BridgeError(
            Code.FORBIDDEN,
            "This link was made for another subject than the one whose browser came back with it; "
            "what it brought is destroyed. Make the signed-in user a link of their own.",
            reason=_OTHER_SUBJECT,
        )

    def _connected(self, caller: Caller, link: Link, grant: Grant) -> Op:
        act = Act(
            type=ActType.CONNECTED,
            tenant=link.tenant,
            cause=Cause(caller.name, link.status.value),
            subject=link.subject,
            account=grant.account.sub,
            client=link.client_id,
            grant=grant.id,
            after=grant.state.value,
            details=(("link", link.id),),
        )
        return self.audit.op(partition_of(link), act)


def may_connect(caller: Caller) -> None:
    """Check that a caller may connect accounts.

    Raises:
        BridgeError: `forbidden`.
    """
    if "connect" not in caller.permissions:
        raise BridgeError(Code.FORBIDDEN, "This caller lacks the permission `connect`.")


def _entry(link: Link, pending: Pending) -> Entry:
    account: Account = pending.account
    return Entry(
        identity=Identity(link.tenant, pending.subject, account.sub, pending.client_id),
        account=account,
        token=pending.token,
        scopes=pending.scopes,
        time=pending.time,
    )


def _is_used() -> BridgeError:
    return BridgeError(
        Code.NOT_FOUND,
        "There is nothing to redeem by this code: it was redeemed before, is older than ten "
        "minutes, or never was one.",
        field="code",
    )
