"""A route as data: what it takes, who may call it, what it answers.

Owns the one way from a WSGI environ to a reply. Flask mounts every route, the fast path mounts one
in front of it; both come through `respond`, and so behave alike.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import structlog

from bridge.admin.gate import Gate
from bridge.errors import BridgeError, Code, invalid, place_of
from bridge.model import Caller
from bridge.parsing import from_validation, read_json
from bridge.tokens.visits import STAYS, Left, Visit
from bridge.web.reply import JSON, Reply, encoded, refused

Environ = dict[str, Any]

log = structlog.get_logger(__name__)

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_LENGTH: Final = 12
_MOST_PARAMETERS: Final = 32
_REMEMBERED: Final = 4096
_LONGEST_REMEMBERED: Final = 1024
SMALL: Final = 64 * 1024
LARGE: Final = 1024 * 1024


class Ask(msgspec.Struct, frozen=True):
    """A request in order, as a handler gets it.

    Attributes:
        caller: who asks; NOBODY on open routes.
        params: from the path.
        query: of the route's `query` type, None if it has none.
        body: of the route's `body` type; as bytes on a raw route; None if it has none.
        environ: for the headers of a signed message.
        visit: how it comes for a token.

    It prints its caller alone: the rest is the sender's own, and some of it secret.
    """

    caller: Caller
    params: Mapping[str, str]
    query: Any
    body: Any
    environ: Environ
    visit: Visit = STAYS

    def __repr__(self) -> str:
        return f"Ask(caller={self.caller!r}, …)"


NOBODY: Final = Caller("", frozenset(), frozenset(), frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API.

    Attributes:
        method, path: as OpenAPI writes them, `/v1/grants/{grant}`.
        name: the operation's id.
        summary: one line for the reader of the document.
        handle: from request to answer; None is 204.
        body, query, answer: their types.
        media: the type of the answer's content.
        errors: codes it may answer with, beside those that every route may.
        is_open: no caller is asked for.
        is_raw: the body is passed on as bytes, to be decoded once its signature is proven.
        largest: bytes of the largest body.
        kept_as: callers send the same body again and again, and nothing in it is secret: the last
            ones are kept as this makes them, and so the handler gets every one. What a body is
            depends on nothing but its bytes.
    """

    method: str
    path: str
    name: str
    summary: str
    handle: Callable[[Ask], Any]
    body: Any = None
    query: type | None = None
    answer: Any = None
    media: str = JSON
    errors: tuple[Code, ...] = ()
    is_open: bool = False
    is_raw: bool = False
    largest: int = SMALL
    kept_as: Callable[[Any], object] | None = None
    read: Callable[[bytes], Any] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.body is not None and not self.is_raw:
            decoder, kept_as = msgspec.json.Decoder(self.body), self.kept_as
            read: Callable[[bytes], Any] = partial(read_json, decoder)
            if kept_as is not None:
                read = _Bodies(lambda raw: kept_as(read_json(decoder, raw))).__getitem__
            object.__setattr__(self, "read", read)
        for kind in (self.query, self.answer):
            if kind is not None:
                # Before threads do: built by two of them at once, what msgspec 0.22 knows of a type
                # crashes the process.
                msgspec.json.Decoder(kind)


class _RequestIds:
    """Ids that no other process gives: to be found again, not to be unguessable.

    Attributes:
        next: returns another id.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, as a process that was forked must."""
        # Random once: asking the system at every request lets other threads in between.
        form = secrets.token_hex(5) + "{:08x}"
        self.next: Callable[[], str] = map(form.format, itertools.count()).__next__


_request_ids: Final = _RequestIds()
os.register_at_fork(after_in_child=_request_ids.renew)


def request_id_of(environ: Environ) -> str:
    """Return the caller's own request id if it is a sound one, else a new one."""
    given = environ.get("HTTP_X_REQUEST_ID")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return str(given)
    return _request_ids.next()


def respond(
    route: Route, gate: Gate, environ: Environ, params: Mapping[str, str], request_id: str
) -> Reply:
    """Return the answer to a request; raises nothing."""
    try:
        ask = read(route, gate, environ, params)
    except Exception as error:  # noqa: BLE001 - the last resort: a caller gets an answer
        return failed(route, error, request_id)
    return answer(route, ask, request_id)


def answer(route: Route, ask: Ask, request_id: str) -> Reply:
    """Return the answer to a request that was read.

    Raises:
        Left: the visit is of a kind that leaves; nothing else.
    """
    try:
        value = route.handle(ask)
        if isinstance(value, Reply):
            return value
        return Reply(204, b"") if value is None else encoded(value)
    except Left:
        raise
    except Exception as error:  # noqa: BLE001 - a caller gets an answer
        return failed(route, error, request_id)


def failed(route: Route, error: Exception, request_id: str) -> Reply:
    """Return the answer to whatever reading or handling a request raised."""
    if not isinstance(error, BridgeError):
        return broken(error, request_id)
    _tell(route, error, request_id)
    return refused(error, request_id)


def broken(error: Exception, request_id: str) -> Reply:
    """Return the answer to a fault of our own; the log has its place, never its text."""
    log.error("broken", request_id=request_id, error=type(error).__name__, place=place_of(error))
    public = "The bridge failed; its log has this request's id."
    return refused(BridgeError(Code.INTERNAL_ERROR, public), request_id)


def read(
    route: Route,
    gate: Gate,
    environ: Environ,
    params: Mapping[str, str],
    visit: Visit = STAYS,
) -> Ask:
    """Return a request as its handler gets it.

    Raises:
        BridgeError: it is not in order, or whoever sent it may not.
    """
    if "HTTP_ORIGIN" in environ or "HTTP_SEC_FETCH_SITE" in environ or "HTTP_COOKIE" in environ:
        # A browser never gets a token: neither by script (Origin) nor by a link (Sec-Fetch-Site),
        # and a cookie means that one is at the other end.
        raise BridgeError(
            Code.FORBIDDEN,
            "This listener is for servers; the request looks like a browser's.",
            reason="browser",
        )
    caller = NOBODY if route.is_open else gate.admit(environ.get("HTTP_AUTHORIZATION"))
    query = None if route.query is None else _query(route.query, environ)
    return Ask(caller, params, query, _body(route, environ), environ, visit)


def _body(route: Route, environ: Environ) -> Any:  # noqa: ANN401 - of the route's own type
    if route.read is None and not route.is_raw:
        return None
    raw: bytes = environ["wsgi.input"].read(length_of(environ, route.largest))
    if len(raw) > route.largest:
        raise _too_large(route.largest)
    if route.read is None:
        return raw
    media = environ.get("CONTENT_TYPE", "")
    if media != JSON and media.partition(";")[0].strip().lower() != JSON:
        raise BridgeError(Code.UNSUPPORTED_MEDIA_TYPE, "Send `Content-Type: application/json`.")
    return route.read(raw)


class _Bodies(dict[bytes, object]):
    """What was made of the last bodies, by their bytes. Safe for use by many threads.

    Not of those that came last: to know which they are, every request would write. As many more are
    held for a while as this holds itself, and come back if they are asked for.
    """

    def __init__(self, make: Callable[[bytes], object]) -> None:
        super().__init__()
        self._make = make
        self._before: Mapping[bytes, object] = {}

    def __missing__(self, raw: bytes) -> object:
        found = self._before.get(raw)
        if found is None:
            found = self._make(raw)
        if len(raw) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED:
                self._before = dict(self)
                self.clear()
            self[raw] = found
        return found


def length_of(environ: Environ, largest: int) -> int:
    """Return how many bytes of a body are to be read.

    Raises:
        BridgeError: `too_large`, by its own account.
    """
    declared = environ.get("CONTENT_LENGTH") or ""
    if not (declared.isdecimal() and declared.isascii()):
        # Without a length, as with chunks: never more than one byte beyond what is allowed.
        return largest + 1
    if len(declared) > _LONGEST_LENGTH or int(declared) > largest:
        raise _too_large(largest)
    return int(declared)


def _too_large(largest: int) -> BridgeError:
    return BridgeError(Code.TOO_LARGE, f"The body is longer than {largest // 1024} kB.")


def _query(kind: type, environ: Environ) -> Any:  # noqa: ANN401 - of this kind
    try:
        pairs = parse_qsl(
            environ.get("QUERY_STRING", ""),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        raise invalid("The query is not percent-encoded UTF-8.") from None
    given = dict(pairs)
    if len(given) != len(pairs):
        raise invalid("A query parameter is given twice.")
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise from_validation(error) from None


def _tell(route: Route, error: BridgeError, request_id: str) -> None:
    log.info(
        "refused",
        request_id=request_id,
        operation=route.name,
        code=error.code.value,
        reason=error.reason,
        field=error.field,
        **error.context,
    )
