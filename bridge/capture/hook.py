"""The login hook: a signed message in, an answer that is on disk out.

Owns the order: signature, form, repetition, plan, one commit of record and answer, and only then
the reply. What was answered once is answered again in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from bridge.capture.admission import Admission
from bridge.capture.asking import Delivery
from bridge.capture.evidence import secret_hook
from bridge.capture.joining import Joining
from bridge.capture.planning import Planner, identity_of
from bridge.capture.wire import Bind, Capture, HookAnswer, HookMessage, Login
from bridge.clock import Clock
from bridge.config.tenants import TenantSettings
from bridge.errors import BridgeError, Code, invalid
from bridge.parsing import read_json
from bridge.secret import fingerprint
from bridge.signing.webhooks import SignedHeaders, verified_id
from bridge.store.base import GuardConflictError, StoreConflictError
from bridge.vault.inbox import Inbox, Message
from bridge.vault.records import Records

log = structlog.get_logger(__name__)

_TRIES: Final = 20
_DECODER: Final = msgspec.json.Decoder(HookMessage, dec_hook=secret_hook)
_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Takes the messages of all tenants' IdPs."""

    tenants: Mapping[str, TenantSettings]
    records: Records
    inbox: Inbox
    planner: Planner
    joining: Joining
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
        decoded = read_json(_DECODER, body)
        if decoded.tenant != tenant:
            raise invalid("The body names another tenant than the path.", field="tenant")
        hasher = self.records.keys.hasher
        message = Message(tenant, message_id, hasher.body(body))
        name = hasher.index("message", tenant, message_id)
        return self._answered(message, decoded, Delivery(name, int(headers.timestamp or 0)))

    def _answered(self, message: Message, decoded: HookMessage, delivery: Delivery) -> bytes:
        partition = self.planner.partition(decoded)
        for _ in range(_TRIES):
            recorded = self.inbox.answer(partition, message)
            # Looked at last: another body that won in between has answered under this id.
            if self.inbox.is_reused(message):
                raise _reused()
            if recorded is not None:
                # Whoever answered first may have been cut off before it came to this.
                self._afterwards(partition, decoded)
                # The answer acknowledges a capture that some other request wrote.
                self.records.store.confirm()
                return recorded
            plan = self.planner.plan(partition, decoded, delivery)
            answer = _ENCODER.encode(plan.answer)
            ops = [*plan.ops, self.inbox.record_answer(partition, message, answer)]
            try:
                if plan.first:
                    self.records.store.commit(plan.first)
                self.records.store.commit(ops, self.inbox.guard(message))
            except StoreConflictError:
                continue
            except GuardConflictError:
                raise _reused() from None
            self._afterwards(partition, decoded)
            _tell(message, decoded, plan.answer)
            return answer
        raise BridgeError(Code.CONFLICT, "The account keeps changing; try again.", retry_after=1)

    def _afterwards(self, partition: str, decoded: HookMessage) -> None:
        """Do what cannot be in the message's commit; safe to repeat."""
        match decoded:
            case Capture() | Bind():
                self.joining.join(decoded.tenant, partition)
            case Login():
                self.admission.recheck_farewell(identity_of(decoded), decoded.obtained_at or 0)
            case _:
                return


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
