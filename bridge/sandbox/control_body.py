"""Reads the control API's JSON: every field typed, unknown ones refused by name."""

from __future__ import annotations

from typing import TypeVar

from flask import Request

_T = TypeVar("_T")


class BadControlRequestError(ValueError):
    """A control request that its sender must mend; the text names the field."""


class Body:
    """A JSON object that is read field by field, then checked for what nobody read."""

    def __init__(self, request: Request) -> None:
        fields = request.get_json(silent=True) if request.get_data() else {}
        if not isinstance(fields, dict):
            raise BadControlRequestError("the body is not a JSON object")
        self._fields: dict[str, object] = fields
        self._known: set[str] = set()

    def text(self, name: str) -> str:
        """Return a text that must be there."""
        return self._required(name, self.maybe_text(name))

    def maybe_text(self, name: str) -> str | None:
        """Return a text or None."""
        return self._typed(name, str)

    def maybe_whole(self, name: str) -> int | None:
        """Return a whole number or None."""
        return self._typed(name, int)

    def maybe_number(self, name: str) -> float | None:
        """Return a number or None."""
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadControlRequestError(f"field {name!r} is not a number")
        return float(value)

    def number(self, name: str) -> float:
        """Return a number that must be there."""
        return self._required(name, self.maybe_number(name))

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a truth value."""
        value = self._typed(name, bool)
        return default if value is None else value

    def maybe_texts(self, name: str) -> list[str] | None:
        """Return a list of texts or None; a single text is split at spaces."""
        value = self._take(name)
        if isinstance(value, str):
            return value.split()
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadControlRequestError(f"field {name!r} is not a list of texts")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of texts that must be there."""
        return self._required(name, self.maybe_texts(name))

    def one_of(self, name: str, choices: tuple[_T, ...], default: _T) -> _T:
        """Return one of `choices`, `default` if the field is absent."""
        if name not in self._fields:
            self._known.add(name)
            return default
        value = self._take(name)
        for choice in choices:
            if value == choice:
                return choice
        raise BadControlRequestError(f"field {name!r} is none of {choices}")

    def mapping(self, name: str) -> dict[str, object] | None:
        """Return an object or None."""
        return self._typed(name, dict)

    def given(self, name: str) -> bool:
        """Tell whether a field is there, null or not."""
        return name in self._fields

    def everything(self) -> dict[str, object]:
        """Return all fields as they are."""
        self._known.update(self._fields)
        return dict(self._fields)

    def done(self) -> None:
        """Refuse fields that nobody read."""
        unknown = sorted(set(self._fields) - self._known)
        if unknown:
            raise BadControlRequestError(f"unknown field {unknown[0]!r}")

    def _take(self, name: str) -> object:
        self._known.add(name)
        return self._fields.get(name)

    def _typed(self, name: str, kind: type[_T]) -> _T | None:
        value = self._take(name)
        if value is None:
            return None
        # A JSON true is an int to Python, and never what a number's field means.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BadControlRequestError(f"field {name!r} is of the wrong type")
        return value

    def _required(self, name: str, value: _T | None) -> _T:
        if value is None:
            raise BadControlRequestError(f"field {name!r} is missing")
        return value
