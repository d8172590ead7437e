"""What each kind of hook message comes to: the writes that it asks for, and its answer.

Owns the meaning of messages. Knows nothing of signatures and repetitions, and commits nothing but
a farewell, which must be on disk before the grants are looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec import structs

from bridge.capture.admission import HOOK_TOLD, Admission, Arrival, Fate
from bridge.capture.asking import Delivery, answer_of, asked, asked_with
from bridge.capture.evidence import Evidence, Examiner, Standing
from bridge.capture.joining import Joining
from bridge.capture.wire import (
    Bind,
    Capture,
    Decide,
    HookAnswer,
    HookMessage,
    Login,
    Result,
    Unlinked,
    UserDeleted,
)
from bridge.clock import Clock
from bridge.consent.deciding import Deciding
from bridge.errors import invalid
from bridge.model import Binding, Grant, RefreshToken, Source, Unbound
from bridge.profile import strip
from bridge.store.base import Op
from bridge.vault import endings
from bridge.vault.grants import Grants, Identity
from bridge.vault.inbox import Inbox
from bridge.vault.needs import Needs
from bridge.vault.refresh_tokens import NO_MARK, Owner, RefreshTokens

_RESULTS: Final[dict[Fate, Result]] = {
    Fate.TAKEN: "captured",
    Fate.KNOWN: "known",
    Fate.SHUT_OUT: "shut_out",
    Fate.ABSENT: "no_refresh_token",
}
# What keeps a binding from claiming a capture, for the adapter's author to see.
_OBSTACLES: Final = {
    Standing.CLAIMED: "id_token_missing",
    Standing.PENDING: "id_token_unchecked",
    Standing.CONTRADICTED: "id_token_contradicts",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a message comes to.

    Attributes:
        ops: writes of the message's partition, for one commit with its answer.
        answer: what the IdP is told.
        first: writes of another partition, committed before: without them the answer must not be
            given, and repeating them changes nothing.
    """

    ops: tuple[Op, ...]
    answer: HookAnswer
    first: tuple[Op, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Plans messages."""

    grants: Grants
    tokens: RefreshTokens
    inbox: Inbox
    needs: Needs
    examiner: Examiner
    admission: Admission
    joining: Joining
    deciding: Deciding
    clock: Clock

    def partition(self, decoded: HookMessage) -> str:
        """Return the partition that a message's records share."""
        match decoded:
            case Capture() | Bind() | Login():
                return self.grants.partition(decoded.tenant, decoded.account.sub)
            case Decide() | Unlinked() | UserDeleted():
                return self.inbox.subject_partition(decoded.tenant, decoded.subject)

    def plan(self, partition: str, decoded: HookMessage, delivery: Delivery) -> Plan:
        """Return what a message comes to.

        Raises:
            BridgeError: `invalid_request` with the field, `key_unavailable`, `record_corrupt`,
                `store_unavailable`.
        """
        match decoded:
            case Capture():
                return self._capture(partition, decoded)
            case Bind():
                return self._bind(partition, decoded)
            case Login():
                return self._login(partition, decoded, delivery)
            case Decide():
                verdict = self.deciding.at_login(asked(decoded, delivery))
                return Plan(verdict.ops, answer_of(verdict))
            case Unlinked() | UserDeleted():
                self._part(decoded)
                return Plan((), HookAnswer(result="forgotten"))

    def _capture(self, partition: str, message: Capture) -> Plan:
        evidence = self.examiner.examine(message, int(self.clock.now()))
        op = self._set_aside(
            partition, message.tenant, message.login_id, message.client_id, evidence
        )
        result = _result(evidence, Fate.TAKEN if op else Fate.KNOWN)
        return Plan(
            (op,) if op else (), HookAnswer(result=result, reason=_OBSTACLES.get(evidence.standing))
        )

    def _bind(self, partition: str, message: Bind) -> Plan:
        login = self.inbox.login(message.tenant, message.login_id)
        held = self.inbox.binding(partition, login)
        if held is not None and held.record.subject != message.subject:
            # Taking the second would let a later message move a user's tokens to somebody else.
            raise invalid(
                "This login is bound to another subject; give every login an id of its own.",
                field="subject",
            )
        is_bound = held is not None and self.inbox.has_claimed(held)
        if is_bound or self.joining.is_claimable(message.tenant, partition, login):
            answer = HookAnswer(result="bound")
        else:
            answer = HookAnswer(result="waiting")
        if held is not None:
            return Plan((), answer)
        binding = Binding(login=login, account_sub=message.account.sub, subject=message.subject)
        return Plan((self.inbox.keep_binding(partition, message.tenant, binding),), answer)

    def _login(self, partition: str, message: Login, delivery: Delivery) -> Plan:
        evidence = self.examiner.examine(message, int(self.clock.now()))
        profile = None
        if message.profile is not None:
            known = [token.reveal() for token in evidence.known]
            profile = strip(message.profile, known=known).profile
        if evidence.standing is Standing.CONTRADICTED:
            op = self._set_aside(
                partition, message.tenant, message.login.id, message.client_id, evidence
            )
            reason = _OBSTACLES[evidence.standing]
            answer = HookAnswer(
                result="quarantined", decision="continue", reason=reason, profile=profile
            )
            return Plan((op,) if op else (), answer)
        arrival = Arrival(
            identity=identity_of(message),
            account=evidence.account,
            token=self._sealed(partition, message.tenant, evidence),
            time=evidence.time,
        )
        entry = self.admission.enter(arrival)
        verdict = self.deciding.at_login(asked_with(message, delivery, entry.grant))
        result = _result(evidence, entry.fate)
        answer = structs.replace(answer_of(verdict), result=result, profile=profile)
        return Plan(entry.ops, answer, first=verdict.ops)

    def _set_aside(
        self, partition: str, tenant: str, login_id: str, client_id: str, evidence: Evidence
    ) -> Op | None:
        """Return the write that keeps a capture until a binding claims it."""
        pending = evidence.id_token if evidence.standing is Standing.PENDING else None
        owner = Owner(tenant, partition)
        unbound = Unbound(
            login=self.inbox.login(tenant, login_id),
            account=evidence.account,
            client_id=client_id,
            token=self._sealed(partition, tenant, evidence),
            id_token=self.tokens.seal_text(owner, NO_MARK, pending) if pending else None,
            verified=evidence.standing is Standing.VERIFIED,
            time=evidence.time,
        )
        return self.inbox.keep_unbound(partition, tenant, unbound)

    def _sealed(self, partition: str, tenant: str, evidence: Evidence) -> RefreshToken | None:
        if evidence.refresh_token is None:
            return None
        return self.tokens.seal(
            Owner(tenant, partition),
            evidence.refresh_token,
            time=evidence.time,
            source=Source.CAPTURE,
            lifetime=evidence.lifetime,
            account_proven=evidence.standing is Standing.VERIFIED,
        )

    def _part(self, message: Unlinked | UserDeleted) -> None:
        """Forget a subject's grants, of one account or all; a repetition finds nothing left."""
        now = int(self.clock.now())
        at = now if message.occurred_at is None else min(message.occurred_at, now)
        account = message.account.sub if isinstance(message, Unlinked) and message.account else None
        self.inbox.bid_farewell(message.tenant, message.subject, account, at)
        for held in self.grants.find(message.tenant, message.subject):
            if account in (None, held.record.account.sub):
                self.grants.update(held.ref, lambda g: _forgotten(g, at, now), HOOK_TOLD)
        for need in self.needs.of(message.tenant, message.subject) if account is None else ():
            self.needs.clear(message.tenant, message.subject, need.client_id, None)


def identity_of(message: Login) -> Identity:
    """Return whose grant a login is about."""
    return Identity(message.tenant, message.subject, message.account.sub, message.client_id)


def _forgotten(grant: Grant, at: int, now: int) -> Grant:
    return endings.forget_now(grant, now) if at == now else endings.forget(grant, at, now)


def _result(evidence: Evidence, fate: Fate) -> Result:
    if evidence.standing is Standing.CONTRADICTED:
        return "quarantined"
    return "no_refresh_token" if evidence.refresh_token is None else _RESULTS[fate]
