"""Planner, a small app with a backend: the part that a user of the bridge writes.

`bridge_client` and `calendar` are all that its backend needs; `members` is its database. The tour
beside it says what to click, and breaks things on purpose.
"""

from bridge.sandbox.sample_app.app import create_app
from bridge.sandbox.sample_app.settings import AppSettings, CalledBridge

__all__ = ["AppSettings", "CalledBridge", "create_app"]
