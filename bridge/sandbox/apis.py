"""A small Calendar, Drive and Gmail at Google's paths, with the scopes Google asks for.

The scope sets are those of the discovery documents. `drive.file` shows only what the token's own
project created, and `gmail.metadata` may not search, as with Google.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, g, jsonify, request

from bridge.sandbox.bearer import ApiRefusal, authorized, forbidden, not_found
from bridge.sandbox.records import Account
from bridge.sandbox.state import SandboxGoogle
from bridge.sandbox.workspace import Resource

_AUTH: Final = "https://www.googleapis.com/auth/"
_EVENTS: Final = "/calendar/v3/calendars/<calendar>/events"
_EVENT: Final = _EVENTS + "/<event>"


def _scopes(*names: str) -> frozenset[str]:
    return frozenset(_AUTH + name for name in names)


CALENDAR_LIST: Final = _scopes(
    "calendar", "calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly"
)
EVENTS_WRITE: Final = _scopes(
    "calendar", "calendar.events", "calendar.events.owned", "calendar.app.created"
)
EVENTS_READ: Final = EVENTS_WRITE | _scopes(
    "calendar.readonly",
    "calendar.events.readonly",
    "calendar.events.owned.readonly",
    "calendar.events.public.readonly",
    "calendar.events.freebusy",
)
FILES_WRITE: Final = _scopes("drive", "drive.file", "drive.appdata")
FILES_READ_ALL: Final = _scopes(
    "drive",
    "drive.readonly",
    "drive.metadata",
    "drive.metadata.readonly",
    "drive.meet.readonly",
    "drive.photos.readonly",
)
FILES_READ: Final = FILES_READ_ALL | FILES_WRITE
MAIL_SEARCH: Final = _scopes("gmail.modify", "gmail.readonly") | {"https://mail.google.com/"}
MAIL_READ: Final = MAIL_SEARCH | _scopes("gmail.metadata")


def api_routes(google: SandboxGoogle) -> Blueprint:
    """Return the routes of the three APIs."""
    routes = Blueprint("apis", __name__)

    @routes.errorhandler(ApiRefusal)
    def refuse(refusal: ApiRefusal) -> Response:
        g.outcome = refusal.reason
        return refusal.response()

    @routes.after_request
    def count(response: Response) -> Response:
        # An injected answer counts too: the caller did call.
        call = g.call
        google.stats_book.api_call(call.endpoint, call.sub, g.get("outcome", "ok"))
        return response

    _add_calendar_reads(routes, google)
    _add_calendar_writes(routes, google)
    _add_drive(routes, google)
    _add_gmail(routes, google)
    return routes


def _add_calendar_reads(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get("/calendar/v3/users/me/calendarList", endpoint="calendar")
    def calendar_list() -> Response:
        _, account = authorized(google, request, CALENDAR_LIST)
        entry = {"kind": "calendar#calendarListEntry", "id": account.email, "primary": True}
        return jsonify(kind="calendar#calendarList", items=[entry])

    @routes.get(_EVENTS, endpoint="list-calendar")
    def list_events(calendar: str) -> Response:
        _, account = authorized(google, request, EVENTS_READ)
        events = google.workspace.events(account.sub, _name_of(calendar, account))
        return jsonify(kind="calendar#events", summary=account.email, items=events)

    @routes.get(_EVENT, endpoint="get-calendar")
    def get_event(calendar: str, event: str) -> Response:
        _, account = authorized(google, request, EVENTS_READ)
        found = google.workspace.event(account.sub, _name_of(calendar, account), event)
        return jsonify(_existing(found))


def _add_calendar_writes(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.post(_EVENTS, endpoint="insert-calendar")
    def insert_event(calendar: str) -> Response:
        _, account = authorized(google, request, EVENTS_WRITE)
        name = _name_of(calendar, account)
        return jsonify(google.workspace.insert_event(account.sub, name, _fields()))

    @routes.patch(_EVENT, endpoint="patch-calendar")
    def patch_event(calendar: str, event: str) -> Response:
        _, account = authorized(google, request, EVENTS_WRITE)
        name = _name_of(calendar, account)
        return jsonify(_existing(google.workspace.patch_event(account.sub, name, event, _fields())))

    @routes.delete(_EVENT, endpoint="delete-calendar")
    def delete_event(calendar: str, event: str) -> Response:
        _, account = authorized(google, request, EVENTS_WRITE)
        if not google.workspace.delete_event(account.sub, _name_of(calendar, account), event):
            raise not_found()
        return Response(status=HTTPStatus.NO_CONTENT)


def _add_drive(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get("/drive/v3/files", endpoint="drive")
    def list_files() -> Response:
        access, account = authorized(google, request, FILES_READ)
        sees_all = not access.scopes.isdisjoint(FILES_READ_ALL)
        files = google.workspace.files(account.sub, None if sees_all else access.project)
        return jsonify(kind="drive#fileList", incompleteSearch=False, files=files)

    @routes.post("/drive/v3/files", endpoint="create-drive")
    def create_file() -> Response:
        access, account = authorized(google, request, FILES_WRITE)
        return jsonify(google.workspace.create_file(account.sub, _fields(), access.project))


def _add_gmail(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get("/gmail/v1/users/<user>/messages", endpoint="gmail")
    def list_messages(user: str) -> Response:
        access, account = authorized(google, request, MAIL_READ)
        if user not in {"me", account.email}:
            raise forbidden("Delegation denied for " + account.email)
        if "q" in request.args and access.scopes.isdisjoint(MAIL_SEARCH):
            raise forbidden("Metadata scope does not support 'q' parameter")
        messages = google.workspace.messages(account.sub)
        return jsonify(messages=messages, resultSizeEstimate=len(messages))


def _fields() -> dict[str, object]:
    fields = request.get_json(silent=True)
    return fields if isinstance(fields, dict) else {}


def _name_of(calendar: str, account: Account) -> str:
    if calendar in {"primary", account.email}:
        return "primary"
    raise not_found()


def _existing(resource: Resource | None) -> Resource:
    if resource is None:
        raise not_found()
    return resource
