"""The SELECT of a listing, written once for each set of filters.

Owns the choice of index. SQLite has no statistics here, and must not have any: its plans would
change with the data.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from bridge.store.base import Query

COLUMNS: Final = "partition, id, version, body, key_id, tenant, subject, account, state, expires_at"


PLACES: Final = "partition, id, version"

# Not among the columns of every read: only a listing by position has a use for it.
_IN_ORDER: Final = f"{COLUMNS}, position"


class Listings(NamedTuple):
    """The statements of a listing.

    Attributes:
        in_order: lists in order.
        few: where few rows are expected, one that does not sort: SQLite's sorter takes a third of
            the time of reading one row.
    """

    in_order: str
    few: str | None


def listings_of(query: Query) -> Listings:
    """Return the statements for queries with the same filters set as `query`."""
    is_few = query.partition is None and bool(query.subject or query.account)
    return Listings(listing(query), listing(query, is_sorted=False) if is_few else None)


def listing(query: Query, *, is_sorted: bool = True, selected: str = COLUMNS) -> str:
    """Return one statement for queries with the same filters set as `query`.

    Its parameters are the kind's number, the values of the filters that are set, in the order of
    `Query`'s fields, `after_position` or the partition and id of `after` if one is set, and the
    limit. Unless `is_sorted`, its rows come as SQLite finds them. It has the columns `selected`; a
    listing by position has all, and the position as its last.
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
        "position > ?": query.after_position,
    }
    where = ["kind = ?", *(text for text, value in conditions.items() if value is not None)]
    if query.after is not None:
        where.append("(partition, id) > (?, ?)")
    index, covered = _index(query) if query.after_position is None else _index_in_order(query)
    columns, order = selected, " ORDER BY partition, id" if is_sorted else ""
    if query.after_position is not None:
        columns, order = _IN_ORDER, f" ORDER BY position {'DESC' if query.newest_first else 'ASC'}"
    return (
        f"SELECT {columns} FROM records INDEXED BY {index} "  # noqa: S608 - constants alone
        f"WHERE {' AND '.join([*where, *covered])}{order} LIMIT ?"
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


def _index_in_order(query: Query) -> tuple[str, list[str]]:
    if query.partition is not None:
        return "records_by_ref", []
    return "records_by_position", ["position IS NOT NULL"]
