from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.store.base import Query, Ref, Row, Store, versions
from tests.store.backends import BACKENDS, FakeClock, row

Fresh = Callable[[], AbstractContextManager[Store]]

_FEW = st.sampled_from(["", "a", "b"])
_ROWS = st.builds(
    Row,
    ref=st.builds(
        Ref, st.sampled_from(["x", "y"]), st.sampled_from("pqr"), st.text("01", max_size=3)
    ),
    version=st.just(1),
    body=st.binary(max_size=3),
    key_id=_FEW,
    tenant=_FEW,
    subject=_FEW,
    account=_FEW,
    state=_FEW,
    expires_at=st.none() | st.integers(0, 3),
)
_QUERIES = st.builds(
    Query,
    kind=st.sampled_from(["x", "y", "never"]),
    partition=st.none() | st.sampled_from("pqr"),
    tenant=st.none() | _FEW,
    subject=st.none() | _FEW,
    account=st.none() | _FEW,
    state=st.none() | _FEW,
    key_id=st.none() | _FEW,
    key_id_not=st.none() | _FEW,
    expires_before=st.none() | st.integers(0, 4),
    after=st.none()
    | st.builds(Ref, st.just("x"), st.sampled_from("pqr"), st.text("01", max_size=3)),
    limit=st.sampled_from([1, 2, 100]),
)


def _answer(rows: list[Row], query: Query) -> list[Row]:
    """Say in the plainest way what a listing is."""

    def wanted(found: Row) -> bool:
        place = (found.ref.partition, found.ref.id)
        return (
            found.ref.kind == query.kind
            and query.partition in (None, found.ref.partition)
            and query.tenant in (None, found.tenant)
            and query.subject in (None, found.subject)
            and query.account in (None, found.account)
            and query.state in (None, found.state)
            and query.key_id in (None, found.key_id)
            and (query.key_id_not is None or query.key_id_not != found.key_id)
            and (
                query.expires_before is None
                or (found.expires_at is not None and found.expires_at < query.expires_before)
            )
            and (query.after is None or place > (query.after.partition, query.after.id))
        )

    found = sorted(filter(wanted, rows), key=lambda each: (each.ref.partition, each.ref.id))
    return found[: query.limit]


@pytest.fixture
def fresh(backend_name: str, tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """Return a way to open an empty store for each example of a property."""

    @contextmanager
    def opened() -> Iterator[Store]:
        folder: Path = tmp_path_factory.mktemp("fresh")
        store = BACKENDS[backend_name](folder).open(FakeClock())
        yield store
        store.close()

    return opened


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(_ROWS, max_size=25, unique_by=lambda each: each.ref),
    queries=st.lists(_QUERIES, min_size=10, max_size=40),
)
def test_a_listing_is_what_its_filters_say(
    fresh: Fresh, rows: list[Row], queries: list[Query]
) -> None:
    """Any combination of filters lists exactly the rows that meet them all, in order."""
    with fresh() as store:
        for each in rows:
            store.put(each)
        for query in queries:
            assert list(store.list(query)) == _answer(rows, query)
            assert list(store.probe(query)()) == versions(_answer(rows, query))


_BY_COLUMN: dict[str, Callable[[str], Query]] = {
    "tenant": lambda value: Query("grant", tenant=value),
    "subject": lambda value: Query("grant", subject=value),
    "account": lambda value: Query("grant", account=value),
    "state": lambda value: Query("grant", state=value),
    "key_id": lambda value: Query("grant", key_id=value),
}


@pytest.mark.parametrize("column", _BY_COLUMN)
@pytest.mark.parametrize("new", ["", "new"])
@pytest.mark.parametrize("old", ["", "old"])
def test_a_row_is_listed_by_what_it_is_now(store: Store, column: str, old: str, new: str) -> None:
    """A row whose columns changed is found by the new ones, and no longer by the old ones."""
    query = _BY_COLUMN[column]
    store.put(_all_columns(1, old))
    assert store.list(query(old)) == [_all_columns(1, old)]
    store.replace(_all_columns(2, new), 1)
    assert store.list(query(new)) == [_all_columns(2, new)]
    assert bool(store.list(query(old))) == (old == new)


@pytest.mark.parametrize("kind", ["grant", "never"])
def test_a_probe_tells_what_there_is_at_each_call(store: Store, kind: str) -> None:
    """Rows that come, change and go are seen by a probe that was made before, of a new kind too."""
    if kind == "grant":
        store.put(row("else", subject="else"))
    look = store.probe(Query("grant", subject="user"))
    assert list(look()) == []
    store.put(row("2"))
    store.put(row("1"))
    assert list(look()) == versions([row("1"), row("2")])
    store.replace(row("1", version=2), 1)
    assert list(look()) == versions([row("1", version=2), row("2")])
    store.delete(row("1").ref, 2)
    assert list(look()) == versions([row("2")])


def _all_columns(version: int, text: str) -> Row:
    return row(version=version, tenant=text, subject=text, account=text, state=text, key_id=text)


def test_a_row_is_listed_by_its_present_expiry(store: Store) -> None:
    """A row whose expiry changed is found by the new one alone."""
    store.put(row(expires_at=1))
    store.replace(row(version=2, expires_at=10), 1)
    assert not store.list(Query("grant", expires_before=10))
    assert store.list(Query("grant", expires_before=11))


def test_a_page_begins_after_the_last_row_of_the_one_before(store: Store) -> None:
    """Pages joined together are the whole listing: no row twice, none left out."""
    rows = [row(f"{n:03}", partition=f"p{n % 7}") for n in range(50)]
    for each in rows:
        store.put(each)
    found: list[Row] = []
    query = Query("grant", tenant="acme", limit=8)
    while page := store.list(query):
        found += page
        query = replace(query, after=page[-1].ref)
    assert found == _answer(rows, Query("grant"))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.data(),
    listed=st.sampled_from(
        [Query("grant"), Query("grant", subject="user"), Query("grant", state="active")]
    ),
)
def test_paging_misses_no_row_that_stays(fresh: Fresh, data: st.DataObject, listed: Query) -> None:
    """While rows come, go and change between pages, those that stay are listed exactly once."""
    names = st.integers(0, 30).map("{:02}".format)
    with fresh() as store:
        stay = data.draw(st.sets(names, min_size=3))
        others: set[str] = set()
        for name in stay:
            store.put(row(name))
        found: list[str] = []
        query = replace(listed, limit=data.draw(st.integers(1, 4)))
        while page := store.list(query):
            found += [each.ref.id for each in page]
            query = replace(query, after=page[-1].ref)
            for name in data.draw(st.lists(names, max_size=4)):
                _disturb(store, name, stay, others)
        assert len(found) == len(set(found))
        assert stay <= set(found)


def _disturb(store: Store, name: str, stay: set[str], others: set[str]) -> None:
    """Change a row that stays, or let another one come or go."""
    present = store.get(row(name).ref)
    if name in stay:
        assert present is not None
        store.replace(replace(present, version=present.version + 1, body=b"new"), present.version)
    elif name in others:
        others.remove(name)
        store.delete(row(name).ref, 1)
    else:
        others.add(name)
        store.put(row(name))
