"""The login hook: a signed message in, an answer that is on disk out.

Owns the order: signature, form, repetition, evidence, one commit of record and answer, and only
then the reply. What was answered once is answered again in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from bridge.capture.admission import Admission
from bridge.capture.evidence import Evidence, Examiner, Standing, secret_hook
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
from bridge.config.tenants import TenantSettings
from bridge.errors import BridgeError, Code, invalid
from bridge.model import Binding, RefreshToken, Source, Unbound
from bridge.parsing import from_validation
from bridge.profile import strip
from bridge.secret import fingerprint
from bridge.signing.webhooks import SignedHeaders, verified_id
from bridge.store.base import GuardConflictError, Op, StoreConflictError
from bridge.vault import endings
from bridge.vault.grants import Grants, Identity
from bridge.vault.inbox import Inbox, Message
from bridge.vault.needs import Needs
from bridge.vault.records import Records
from bridge.vault.refresh_tokens import NO_MARK, Owner, RefreshTokens

log = structlog.get_logger(__name__)

_TRIES: Final = 20
_DECODER: Final = msgspec.json.Decoder(HookMessage, dec_hook=secret_hook)
_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a message comes to: writes of one partition, its answer, and whose grant it was."""

    ops: tuple[Op, ...]
    answer: HookAnswer
    identity: Identity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Takes the messages of all tenants' IdPs."""

    tenants: Mapping[str, TenantSettings]
    records: Records
    grants: Grants
    tokens: RefreshTokens
    inbox: Inbox
    needs: Needs
    examiner: Examiner
    admission: Admission
    clock: Clock

    def take(self, tenant: str, headers: SignedHeaders, body: bytes) -> bytes:
        """Return the answer, JSON, to a message; what it brought is on disk by then.

        Raises:
            BridgeError: `not_found` for an unknown tenant, `unauthenticated`, `invalid_request`
                with the field, `message_conflict`, `key_unavailable`, `store_unavailable`.
        """
        settings = self.tenants.get(tenant)
        if settings is None:
            raise BridgeError(Code.NOT_FOUND, "There is no such tenant.", field="tenant")
        message_id = verified_id(headers, body, settings.hook_secrets, self.clock.now())
        decoded = _decoded(body)
        if decoded.tenant != tenant:
            raise invalid("The body names another tenant than the path.", field="tenant")
        digest = self.records.keys.hasher.body(body)
        return self._answered(Message(tenant, message_id, digest), decoded)

    def _answered(self, message: Message, decoded: HookMessage) -> bytes:
        partition = self._partition(decoded)
        for _ in range(_TRIES):
            if self.inbox.is_reused(message):
                raise _reused()
            if (recorded := self.inbox.answer(partition, message)) is not None:
                return recorded
            plan = self._plan(partition, decoded)
            answer = _ENCODER.encode(plan.answer)
            ops = [*plan.ops, self.inbox.record_answer(partition, message, answer)]
            try:
                self.records.store.commit(ops, self.inbox.guard(message))
            except StoreConflictError:
                continue
            except GuardConflictError:
                raise _reused() from None
            self._afterwards(partition, decoded, plan)
            _tell(message, decoded, plan.answer)
            return answer
        raise BridgeError(Code.CONFLICT, "The account keeps changing; try again.", retry_after=1)

    def _partition(self, decoded: HookMessage) -> str:
        match decoded:
            case Capture() | Bind() | Login():
                return self.grants.partition(decoded.tenant, decoded.account.sub)
            case Decide() | Unlinked() | UserDeleted():
                return self.inbox.subject_partition(decoded.tenant, decoded.subject)

    def _plan(self, partition: str, decoded: HookMessage) -> Plan:
        match decoded:
            case Capture():
                return self._capture(partition, decoded)
            case Bind():
                return self._bind(partition, decoded)
            case Login():
                return self._login(partition, decoded)
            case Decide():
                return Plan((), HookAnswer(decision="continue", reason="recovery_not_set_up"))
            case Unlinked() | UserDeleted():
                self._part(decoded)
                return Plan((), HookAnswer(result="forgotten"))

    def _capture(self, partition: str, message: Capture) -> Plan:
        evidence = self.examiner.examine(message)
        op = self._set_aside(
            partition, message.tenant, message.login_id, message.client_id, evidence
        )
        return Plan(
            (op,) if op else (), HookAnswer(result=_result(evidence, is_new=op is not None))
        )

    def _bind(self, partition: str, message: Bind) -> Plan:
        binding = Binding(
            login=self.inbox.login(message.tenant, message.login_id),
            account_sub=message.account.sub,
            subject=message.subject,
        )
        op = self.inbox.keep_binding(partition, message.tenant, binding)
        is_there = any(u.record.login == binding.login for u in self.inbox.unbound(partition))
        answer = HookAnswer(result="bound" if is_there else "waiting")
        return Plan((op,) if op else (), answer)

    def _login(self, partition: str, message: Login) -> Plan:
        evidence = self.examiner.examine(message)
        profile = None
        if message.profile is not None:
            known = [token.reveal() for token in evidence.known]
            profile = strip(message.profile, known=known).profile
        if evidence.standing is Standing.CONTRADICTED:
            op = self._set_aside(
                partition, message.tenant, message.login.id, message.client_id, evidence
            )
            return Plan((op,) if op else (), _continue("quarantined", profile))
        identity = Identity(message.tenant, message.subject, message.account.sub, message.client_id)
        token = self._sealed(partition, message.tenant, evidence)
        entry = self.admission.enter(identity, evidence.account, token)
        answer = _continue(_result(evidence, is_new=entry.is_new), profile)
        return Plan((entry.op,) if entry.op else (), answer, identity)

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
        at = min(message.occurred_at or now, now)
        account = message.account.sub if isinstance(message, Unlinked) and message.account else None
        self.inbox.bid_farewell(message.tenant, message.subject, account, at)
        for held in self.grants.find(message.tenant, message.subject):
            if account in (None, held.record.account.sub):
                self.grants.update(held.ref, lambda g: endings.forget(g, at, now))
        for need in self.needs.of(message.tenant, message.subject) if account is None else ():
            self.needs.clear(message.tenant, message.subject, need.client_id, None)

    def _afterwards(self, partition: str, decoded: HookMessage, plan: Plan) -> None:
        if isinstance(decoded, Capture | Bind):
            self.admission.join(decoded.tenant, partition)
        if plan.identity is not None:
            self.admission.recheck_farewell(plan.identity)


def _decoded(body: bytes) -> HookMessage:
    try:
        message: HookMessage = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise from_validation(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid("The body is not JSON in UTF-8.") from None
    return message


def _result(evidence: Evidence, *, is_new: bool) -> Result:
    if evidence.standing is Standing.CONTRADICTED:
        return "quarantined"
    if evidence.refresh_token is None:
        return "no_refresh_token"
    return "captured" if is_new else "known"


def _continue(result: Result, profile: object) -> HookAnswer:
    return HookAnswer(
        result=result, decision="continue", reason="recovery_not_set_up", profile=profile
    )


def _reused() -> BridgeError:
    return BridgeError(
        Code.MESSAGE_CONFLICT,
        "This webhook-id came before with another body. Give every message an id of its own, and "
        "repeat a message with its body unchanged.",
        field="webhook-id",
    )


def _tell(message: Message, decoded: HookMessage, answer: HookAnswer) -> None:
    log.info(
        "hook",
        tenant=message.tenant,
        type=type(decoded).__struct_config__.tag,
        message=fingerprint(message.id),
        result=answer.result,
        decision=answer.decision,
    )
