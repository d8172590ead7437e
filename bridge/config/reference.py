"""Every option as data, and the table of them in the docs; both made from the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from bridge.config import shape
from bridge.config.shape import Items, Named, Shape, Table, is_secret
from bridge.config.values import Bind


@dataclass(frozen=True, slots=True)
class Option:
    """One setting.

    Attributes:
        path: where it stands, such as `tenants.<name>.clients[].client_id`.
        required: whether there is no default.
        default: the default as TOML; empty where there is none to write down.
        example: an example as TOML, where there is no default to show.
        meaning: what it does.
        secret: whether it may be given as `…_file` and is never printed.
    """

    path: str
    required: bool
    default: str
    example: str
    meaning: str
    secret: bool

    @property
    def key(self) -> str:
        """The setting's name in its table."""
        return self.path.rpartition(".")[2]


def options() -> Iterator[Option]:
    """Yield every option there is, in the order of the schema."""
    return _options_of(shape.root(), "")


def table() -> str:
    """Return the options as a Markdown table."""
    rows = ["| Setting | Default | Meaning |", "| --- | --- | --- |"]
    for option in options():
        default = "required" if option.required else f"`{option.default}`" if option.default else ""
        secret = " Secret." if option.secret else ""
        rows.append(f"| `{option.path}` | {default} | {option.meaning}{secret} |")
    return "\n".join(rows) + "\n"


def option_of(table: Table, key: str, prefix: str = "") -> Option:
    """Return one key of a table as an option."""
    info = table.info(key)
    return Option(
        path=prefix + key,
        required=info.is_required(),
        default=_default(info),
        example=_toml(info.examples[0]) if info.examples else "",
        meaning=" ".join((info.description or "").split()),
        secret=is_secret(table.fields[key]),
    )


def nested(shape: Shape) -> tuple[Table, str] | None:
    """Return the table in a shape and how its path goes on, or None for a plain value."""
    match shape:
        case Table():
            return shape, "."
        case Named(Table() as item):
            return item, ".<name>."
        case Items(Table() as item):
            return item, "[]."
        case _:
            return None


def _options_of(table: Table, prefix: str) -> Iterator[Option]:
    for key, inner in table.fields.items():
        further = nested(inner)
        if further:
            yield from _options_of(further[0], prefix + key + further[1])
        else:
            yield option_of(table, key, prefix)


def _default(info: FieldInfo) -> str:
    if info.is_required() or info.default_factory or info.default is None:
        return ""
    return _toml(info.default)


def _toml(value: Any) -> str:  # noqa: ANN401 - a default can be of any type
    match value:
        case StrEnum() | Bind() | Path():
            return json.dumps(str(value))
        case tuple():
            return json.dumps(list(value))
        case _:
            # JSON's texts, numbers, booleans and lists of them are TOML's.
            return json.dumps(value)
