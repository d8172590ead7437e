"""Values that must be unique, looked for in the raw tree.

There and not in the schema, whose checks of a whole list run only once each of its entries is
right: an operator would see these problems only after mending all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bridge.config.draft import Draft
from bridge.config.problems import SettingPath, dotted
from bridge.config.values import hook_secret_bytes
from bridge.secret import Secret


def refuse_duplicates(draft: Draft) -> None:
    """Note every hook secret, client id and issuer that stands where it may not stand again."""
    # Two tenants with one secret could sign each other's messages.
    _refuse(draft, _hook_secrets(draft.tree), "is the same secret as", "make one for each")
    for name, tenant in _tables(draft.tree.get("tenants")):
        owner: SettingPath = ("tenants", name, "clients")
        ids = _texts(_entries(tenant.get("clients")), owner, "client_id")
        _refuse(draft, ids, "is the same client as", "keep one of the two")
    issuers = _texts(_entries(draft.tree.get("issuers")), ("issuers",), "issuer")
    _refuse(draft, issuers, "is the same issuer as", "put both into one table")


def _refuse(
    draft: Draft, values: Iterator[tuple[SettingPath, str | bytes]], message: str, mend: str
) -> None:
    seen: dict[str | bytes, SettingPath] = {}
    for path, value in values:
        first = seen.setdefault(value, path)
        if first != path:
            draft.refuse(path, f"{message} {dotted(first)}", mend)


def _hook_secrets(tree: dict[str, Any]) -> Iterator[tuple[SettingPath, bytes]]:
    for name, tenant in _tables(tree.get("tenants")):
        secrets = tenant.get("hook_secrets")
        for index, text in enumerate(secrets if isinstance(secrets, list) else ()):
            try:
                # The key's bytes: two spellings of base64 can mean the same ones.
                key = hook_secret_bytes(Secret(str(text)))
            except ValueError:
                continue
            yield ("tenants", name, "hook_secrets", index), key


def _texts(
    entries: Iterator[tuple[int, dict[str, Any]]], owner: SettingPath, key: str
) -> Iterator[tuple[SettingPath, str]]:
    for index, entry in entries:
        text = entry.get(key)
        if isinstance(text, str) and text:
            yield (*owner, index, key), text


def _tables(node: object) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, table in node.items() if isinstance(node, dict) else ():
        if isinstance(table, dict):
            yield str(name), table


def _entries(node: object) -> Iterator[tuple[int, dict[str, Any]]]:
    for index, entry in enumerate(node if isinstance(node, list) else ()):
        if isinstance(entry, dict):
            yield index, entry
