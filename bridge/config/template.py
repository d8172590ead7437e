"""The `bridge.toml` that `bridge init` writes: every option with its meaning, made from the schema.

What has a default is there as a comment. What has none is there empty, and `bridge check` names it.
"""

from __future__ import annotations

import base64
import json
import secrets
import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

from bridge.config import shape
from bridge.config.reference import Option, nested, option_of
from bridge.config.shape import Items, Named, Table

TENANT: Final = "example"

_HOOK_SECRET_BYTES: Final = 32
_WIDTH: Final = 96
_HEADER: Final = """\
# Settings of the bridge. `bridge check` names what is missing and tells what `bridge serve` does.
#
# Relative paths start from this file's folder. A variable wins over this file: [store] url is
# BRIDGE_STORE__URL, and [tenants.my-app] issuer is BRIDGE_TENANTS__MY_APP__ISSUER. A secret can be
# kept in a file of its own: client_secret_file = "path" here, or BRIDGE_…__CLIENT_SECRET_FILE.
"""


def new_hook_secret() -> str:
    """Return a fresh Standard Webhooks secret."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_HOOK_SECRET_BYTES)).decode()


def render(hook_secret: str) -> str:
    """Return the file's text with one tenant to fill in, which signs its hook with this secret."""
    given = {"hook_secrets": json.dumps([hook_secret])}
    return _HEADER + "".join(_table(shape.root(), "", given=given, inactive=False))


def _table(table: Table, name: str, *, given: Mapping[str, str], inactive: bool) -> Iterator[str]:
    for key, inner in table.fields.items():
        further = nested(inner)
        if further is None:
            yield "\n" + _setting(option_of(table, key), given.get(key), inactive=inactive)
            continue
        below, full = further[0], f"{name}.{key}".removeprefix(".")
        full += f".{TENANT}" if isinstance(inner, Named) else ""
        # A list that may be empty is there as an example only.
        sleeping = inactive or (isinstance(inner, Items) and not table.info(key).is_required())
        header = f"[[{full}]]" if isinstance(inner, Items) else f"[{full}]"
        yield f"\n\n{_comment(_doc(below))}{'# ' if sleeping else ''}{header}\n"
        yield from _table(below, full, given=given, inactive=sleeping)


def _setting(option: Option, given: str | None, *, inactive: bool) -> str:
    active = (option.required or given is not None) and not inactive
    value = given or option.default or option.example or _empty(option)
    return f"{_comment(option.meaning)}{'' if active else '# '}{option.key} = {value}\n"


def _empty(option: Option) -> str:
    return "[]" if option.key.endswith("s") else '""'


def _doc(table: Table) -> str:
    return " ".join((table.model.__doc__ or "").split())


def _comment(text: str) -> str:
    lines = textwrap.wrap(text, _WIDTH, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)
