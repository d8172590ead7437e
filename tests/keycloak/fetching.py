"""What the tests of Keycloak fetch, and how they end where it cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.missing import missing
from tools.keycloak.distribution import UnavailableError


@contextmanager
def fetched() -> Iterator[None]:
    """End a test as one that has not what it needs, if what the block fetches cannot be had."""
    try:
        yield
    except UnavailableError as error:
        missing(str(error))
