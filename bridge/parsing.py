"""Turning a decoder's complaint into an error that names the field.

Owns reading msgspec's messages, which end in a path.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from bridge.errors import BridgeError, invalid

_PATH: Final = re.compile(r" - at `\$?\.?(?P<path>[^`]*)`$")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<field>[^`]*)`")
_QUOTED: Final = re.compile(r" '[^']*'|\"[^\"]*\"")
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>[^`]*)`")


def from_validation(error: msgspec.ValidationError) -> BridgeError:
    """Return `invalid_request` for what msgspec found."""
    text = str(error)
    path = found["path"] if (found := _PATH.search(text)) else ""
    problem = _PATH.sub("", text)
    if unknown := _UNKNOWN.search(problem):
        return invalid("This field is not known here.", field=_joined(path, unknown["field"]))
    if missing := _MISSING.search(problem):
        return invalid("This field is missing.", field=_joined(path, missing["field"]))
    # A value that is quoted could be a token in the wrong field.
    return invalid(f"{_QUOTED.sub('', problem)}.", field=path or None)


def _joined(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field
