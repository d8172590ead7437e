"""Which backend the settings mean. Nothing else outside this package names one."""

from __future__ import annotations

from bridge.clock import Clock
from bridge.config.store import StoreSettings
from bridge.store.base import Store
from bridge.store.redis import RedisStore
from bridge.store.sqlite import SqliteStore


def open_store(settings: StoreSettings, clock: Clock) -> Store:
    """Open the store that the settings name.

    Raises:
        BridgeError: it cannot be opened, or could lose what it acknowledges.
    """
    address = settings.address
    if address is None:
        return SqliteStore(settings.path, clock)
    store = RedisStore(address, settings.redis, clock)
    try:
        store.refuse_risks()
    except BaseException:
        store.close()
        raise
    return store
