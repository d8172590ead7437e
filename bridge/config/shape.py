"""The schema as a tree to walk: what may stand where, and what of it is secret.

Made from the settings classes, so that environment names, suggestions, docs and template cannot
name an option that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from bridge.config.problems import SettingPath
from bridge.config.section import Section
from bridge.config.settings import Settings
from bridge.secret import Secret


@dataclass(frozen=True, slots=True)
class Value:
    """A single value."""

    type: object

    @property
    def secret(self) -> bool:
        """Whether it must not be printed, and may be given as a file."""
        return self.type is Secret


@dataclass(frozen=True, slots=True)
class Items:
    """A list of one shape."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Named:
    """A table of tables whose names the operator chooses."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Table:
    """A table with known keys."""

    model: type[Section]
    fields: Mapping[str, Shape]

    def info(self, key: str) -> FieldInfo:
        """Return pydantic's description of a key."""
        return self.model.model_fields[key]


Shape: TypeAlias = Value | Items | Named | Table


@cache
def root() -> Table:
    """Return the shape of the whole configuration."""
    return _table(Settings)


def is_secret(shape: Shape | None) -> bool:
    """Return whether a shape is a secret or a list of them."""
    match shape:
        case Value():
            return shape.secret
        case Items(item):
            return is_secret(item)
        case _:
            return False


def at(path: SettingPath) -> Shape | None:
    """Return the shape of a place in the configuration, or None if nothing may stand there."""
    shape: Shape | None = root()
    for part in path:
        match shape:
            case Table(fields=fields):
                shape = fields.get(str(part))
            case Items(item) | Named(item):
                shape = item
            case _:
                return None
    return shape


def known_keys(table: Table) -> Iterator[str]:
    """Yield every key that may stand in a table, `…_file` twins of secrets included."""
    for key, shape in table.fields.items():
        yield key
        if is_secret(shape):
            yield f"{key}_file"


def _table(model: type[Section]) -> Table:
    fields = {key: _shape(info.annotation) for key, info in model.model_fields.items()}
    return Table(model, fields)


def _shape(annotation: Any) -> Shape:  # noqa: ANN401 - an annotation can be any object
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0])
    if origin in {Union, UnionType}:
        return _shape(next(a for a in arguments if a is not NoneType))
    if origin is tuple:
        return Items(_shape(arguments[0]))
    if origin is Mapping:
        return Named(_shape(arguments[1]))
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return _table(annotation)
    return Value(annotation)
