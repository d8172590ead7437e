"""Values that settings only point to: secrets in files of their own, and Google's client JSON.

Each pointer in the draft is replaced by what it points to, so that the schema sees plain values.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from bridge.config import shape
from bridge.config.draft import Draft
from bridge.config.problems import SettingPath
from bridge.config.shape import Items, Named, Shape, Table, Value, is_secret
from bridge.config.tenants import GoogleClientFile
from bridge.secret import Secret

_LARGEST_FILE: Final = 65_536
_GOOGLE_FIELDS: Final = ("client_id", "client_secret")


class _UnreadableError(Exception):
    """A file that cannot be used; its text is for the operator."""


class _WebClient(msgspec.Struct, frozen=True, kw_only=True):
    """The `web` object of a `client_secret.json`; its other members are of no use here."""

    client_id: Annotated[str, msgspec.Meta(min_length=1)]
    client_secret: Annotated[str, msgspec.Meta(min_length=1)]
    project_id: str = ""
    redirect_uris: tuple[str, ...] = ()


class _ClientJson(msgspec.Struct, frozen=True, kw_only=True):
    web: _WebClient | None = None
    installed: object = None


def resolve_files(draft: Draft) -> None:
    """Replace every `…_file` of a secret and every `google_json` in the draft by its content."""
    _walk(draft, shape.root(), draft.tree, ())


def _walk(draft: Draft, here: Shape, node: object, path: SettingPath) -> None:
    match here, node:
        case Table(fields=fields), dict():
            _resolve_table(draft, here, node, path)
            for key, inner in fields.items():
                _walk(draft, inner, node.get(key), (*path, key))
        case Named(item), dict():
            for key, value in node.items():
                _walk(draft, item, value, (*path, key))
        case Items(item), list():
            for index, value in enumerate(node):
                _walk(draft, item, value, (*path, index))
        case _:
            pass


def _resolve_table(draft: Draft, table: Table, node: dict[str, Any], path: SettingPath) -> None:
    for key, inner in table.fields.items():
        if is_secret(inner) and f"{key}_file" in node:
            _resolve_secret(draft, node, (*path, key), several=isinstance(inner, Items))
        if isinstance(inner, Value) and inner.type is GoogleClientFile and key in node:
            _resolve_google_json(draft, node, (*path, key))


def _resolve_secret(
    draft: Draft, node: dict[str, Any], path: SettingPath, *, several: bool
) -> None:
    key = str(path[-1])
    pointer = (*path[:-1], f"{key}_file")
    name = node.pop(f"{key}_file")
    draft.explained.add(path)
    if key in node:
        draft.refuse(pointer, f"is given beside {key}", "keep one of the two")
        return
    try:
        text = _read(draft, name).strip()
    except _UnreadableError as error:
        draft.refuse(pointer, str(error))
        return
    if not text:
        draft.refuse(pointer, "names an empty file")
        return
    draft.explained.discard(path)
    node[key] = text.split() if several else text


def _resolve_google_json(draft: Draft, node: dict[str, Any], path: SettingPath) -> None:
    name = node.pop(str(path[-1]))
    owner = path[:-1]
    # Popped, not only looked for: one that stays would be judged once more by the schema. An empty
    # one is a placeholder that nobody filled in.
    beside = [key for key in _GOOGLE_FIELDS if node.pop(key, "") != ""]
    draft.explained.update((*owner, key) for key in _GOOGLE_FIELDS)
    if beside:
        draft.refuse(path, f"is given beside {beside[0]}", "keep the file or the pair, not both")
        return
    try:
        client = _google_client(_read(draft, name))
    except _UnreadableError as error:
        draft.refuse(path, str(error))
        return
    draft.explained.difference_update((*owner, key) for key in _GOOGLE_FIELDS)
    node |= {
        "google_json": client,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    }


def _read(draft: Draft, name: object) -> str:
    if not isinstance(name, str) or not name or "\0" in name:
        raise _UnreadableError("should be the path of a file")
    path = draft.name_of_file(name)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise _UnreadableError(f"names a file that cannot be read: {error.strerror}") from None
    draft.files.append(path)
    if len(content) > _LARGEST_FILE:
        raise _UnreadableError("names a file larger than 64 KiB")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _UnreadableError("names a file that is not UTF-8 text") from None


def _google_client(text: str) -> GoogleClientFile:
    try:
        parsed = msgspec.json.decode(text, type=_ClientJson)
    except (msgspec.DecodeError, RecursionError):
        raise _UnreadableError("names a file that is no client_secret.json") from None
    if parsed.web is None and parsed.installed is not None:
        raise _UnreadableError(
            "names an `installed` client: the secret of an app on a user's device is public and"
            " its redirects end on that device; create a client of type Web application"
        )
    if parsed.web is None:
        raise _UnreadableError("names a file without a `web` client")
    web = parsed.web
    return GoogleClientFile(
        web.client_id, Secret(web.client_secret), web.project_id, web.redirect_uris
    )
