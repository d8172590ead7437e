"""The SELECT of a listing, written once for each set of filters.

Owns the choice of index. SQLite has no statistics here, and must not have any: its plans would
change with the data.
"""

from __future__ import annotations

from typing import Final

from bridge.store.base import Query

COLUMNS: Final = "partition, id, version, body, key_id, tenant, subject, account, state, expires_at"


def listing(query: Query) -> str:
    """Return the statement for queries with the same filters set as `query`.

    Its parameters are the kind's number, the values of the filters that are set, in the order of
    `Query`'s fields, the partition and id of `after` if it is set, and the limit.
    """
    conditions = {
        "partition = ?": query.partition,
        "tenant = ?": query.tenant,
        "subject = ?": query.subject,
        "account = ?": query.account,
        "state = ?": query.state,
        "key_id = ?": query.key_id,
        "key_id <> ?": query.key_id_not,
        "expires_at < ?": query.expires_before,
    }
    where = ["kind = ?", *(text for text, value in conditions.items() if value is not None)]
    if query.after is not None:
        where.append("(partition, id) > (?, ?)")
    index, covered = _index(query)
    return (
        f"SELECT {COLUMNS} FROM records INDEXED BY {index} "  # noqa: S608 - constants alone
        f"WHERE {' AND '.join([*where, *covered])} ORDER BY partition, id LIMIT ?"
    )


def _index(query: Query) -> tuple[str, list[str]]:
    """Return the most selective index, and the condition that its partial entries meet."""
    if query.partition is not None:
        return "records_by_ref", []
    if query.subject:
        return "records_by_subject", ["subject <> ''"]
    if query.account:
        return "records_by_account", ["account <> ''"]
    # Its matches must be sorted: within a tenant a common state is paged in the records' own order.
    if query.state and query.tenant is None:
        return "records_by_state", ["state <> ''"]
    if query.expires_before is not None:
        return "records_by_expiry", ["expires_at IS NOT NULL"]
    return "records_by_ref", []
