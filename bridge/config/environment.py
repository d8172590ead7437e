"""`BRIDGE_*` variables laid over the file's settings.

A variable's name is the setting's path: `BRIDGE_STORE__URL`,
`BRIDGE_TENANTS__ACME__CLIENTS__0__CLIENT_SECRET_FILE`. Tenant names have no underscore, so one
stands for their dash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from bridge.config import shape
from bridge.config.draft import Draft, nearest
from bridge.config.problems import Problem, SettingPath
from bridge.config.shape import Items, Named, Shape, Table, Value, is_secret, known_keys

PREFIX: Final = "BRIDGE_"
CONFIG_VARIABLE: Final = "BRIDGE_CONFIG"

_DELIMITER: Final = "__"
# Kubernetes sets these in every pod of a namespace that has a Service called `bridge`.
_KUBERNETES: Final = re.compile(
    r"BRIDGE_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


class _Refusal(Exception):  # noqa: N818 - caught where it is raised, never an error of its own
    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend


def overlay(draft: Draft, environ: Mapping[str, str]) -> None:
    """Lay every `BRIDGE_*` variable over the draft; unknown ones are problems."""
    names = [name for name in environ if name.startswith(PREFIX) and name != CONFIG_VARIABLE]
    for name in sorted(names, key=_in_list_order):
        if _KUBERNETES.fullmatch(name):
            continue
        try:
            _lay(draft, name, environ[name])
        except _Refusal as refusal:
            # A name may hold bytes that are no UTF-8 and that a terminal or JSON cannot take.
            shown = name.encode("ascii", "backslashreplace").decode()
            draft.problems.append(Problem(shown, refusal.message, refusal.mend))


def variable(path: SettingPath) -> str:
    """Return the name of the variable that sets a path."""
    parts = (str(part).replace("-", "_").upper() for part in path)
    return PREFIX + _DELIMITER.join(parts)


def _in_list_order(name: str) -> list[tuple[int, str]]:
    parts = name.split(_DELIMITER)
    return [(len(part) if part.isdigit() else 0, part) for part in parts]


def _lay(draft: Draft, name: str, text: str) -> None:
    # The whole way first: a name that leads nowhere must leave nothing behind.
    *way, (key, target) = _route(name)
    node: Any = draft.tree
    for inner_key, inner in way:
        node = _enter(node, inner_key, [] if isinstance(inner, Items) else {})
    owner: SettingPath = tuple(inner_key for inner_key, _ in way)
    if isinstance(node, dict):
        _drop_twin(draft, node, owner, str(key))
    _store(node, key, _decode(target, text))
    draft.from_environment[*owner, key] = name


def _route(name: str) -> list[tuple[str | int, Shape]]:
    here: Shape = shape.root()
    route: list[tuple[str | int, Shape]] = []
    for part in name.removeprefix(PREFIX).lower().split(_DELIMITER):
        key, here = _step(here, part, tuple(key for key, _ in route))
        route.append((key, here))
    return route


def _step(here: Shape, part: str, path: SettingPath) -> tuple[str | int, Shape]:
    match here:
        case Named(item):
            return part.replace("_", "-"), item
        case Items(item) if part.isdecimal() and part.isascii():
            return int(part[:4]), item
        case Table(fields=fields) if part in fields:
            return part, fields[part]
        case Table(fields=fields) if is_secret(fields.get(part.removesuffix("_file"))):
            return part, Value(str)
        case Table():
            known = (variable((*path, key)) for key in known_keys(here))
            raise _Refusal("is not a known variable", nearest(variable((*path, part)), known))
        case Items():
            raise _Refusal("is not a known variable", "a list's entries are numbered from 0 on")
        case _:
            raise _Refusal("is not a known variable", f"{variable(path)} is a single value")


def _enter(node: Any, key: str | int, empty: Any) -> Any:  # noqa: ANN401 - a raw tree
    if isinstance(node, dict):
        child = node.setdefault(key, empty)
    else:
        _grow(node, key, empty)
        child = node[key]
    if type(child) is not type(empty):
        raise _Refusal("cannot be set inside a value that is no table or list")
    return child


def _store(node: Any, key: str | int, value: object) -> None:  # noqa: ANN401 - a raw tree
    if not isinstance(node, dict):
        _grow(node, key, value)
    node[key] = value


def _grow(items: list[object], index: str | int, value: object) -> None:
    if not isinstance(index, int) or index > len(items):
        raise _Refusal("leaves a gap in its list", "number the entries from 0 on")
    if index == len(items):
        items.append(value)


def _drop_twin(draft: Draft, table: dict[str, object], path: SettingPath, key: str) -> None:
    # A secret from the environment wins over the file, whichever of its two forms either uses.
    stem = key.removesuffix("_file")
    for twin in {stem, f"{stem}_file"} - {key}:
        if (*path, twin) not in draft.from_environment:
            table.pop(twin, None)


def _decode(target: Shape, text: str) -> object:
    match target:
        case Value():
            return text
        case Items(Value()) if not text.lstrip().startswith("["):
            return [part.strip() for part in text.split(",")]
        case _:
            return _json(text)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _Refusal("is not valid JSON") from None
