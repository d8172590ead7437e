"""`bridge demo-check`: does an installation do its whole job, for one user, end to end?

Owns the steps, which are those of the field's runbooks: disconnect, reconnect, compare account and
scopes, write to Google Calendar, force a refresh.
"""

from bridge.cli.demo_check.command import demo_check

__all__ = ["demo_check"]
