"""What is wrong with a realm: pure functions from its facts to findings.

Each yields what it finds together with the repair that mends it, where there is one that cannot
do harm. Repairs set what the guide (`keycloak/README.md`) sets, and never take anything away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from bridge import __version__
from bridge.cli.doctor.finding import Finding, Level
from bridge.cli.doctor.keycloak_connection import connection_findings
from bridge.cli.doctor.keycloak_facts import Health, Left, NoteMapper, Plugin, Realm
from bridge.cli.doctor.keycloak_names import ACTION_NAME
from bridge.cli.doctor.keycloak_repairs import Repair, TurnActionOn

_OLDEST: Final = (26, 4)
_PATIENCE_S: Final = 60
_GUIDE: Final = "keycloak/README.md"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A finding, and what mends it if `--fix` may."""

    finding: Finding
    repair: Repair | None = None


def diagnose(realm: Realm) -> tuple[Diagnosis, ...]:
    """Return everything that is wrong with a realm, in the order in which to mend it."""
    return tuple(_diagnoses(realm))


def _diagnoses(realm: Realm) -> Iterator[Diagnosis]:
    yield from (Diagnosis(finding) for finding in server_findings(realm.keycloak, realm.plugin))
    if not realm.connections:
        yield Diagnosis(_no_connection(realm.name))
    for connection in realm.connections:
        for finding, repair in connection_findings(connection):
            yield _repairable(realm, finding, repair)
    yield from _action(realm)
    for publisher in realm.note_mappers:
        yield Diagnosis(_publishes(publisher))
    if realm.health is not None:
        yield from (Diagnosis(finding) for finding in health_findings(realm.health))
    if realm.left is not None and realm.left.total:
        yield Diagnosis(_still_held(realm.name, realm.left))


def server_findings(keycloak: str | None, plugin: Plugin | None) -> Iterator[Finding]:
    """Yield what is wrong with versions."""
    if keycloak is None:
        yield Finding(
            check="keycloak_version",
            level=Level.WARNING,
            where="Keycloak",
            message="does not tell this admin its version",
            mend="ask as an admin of the realm master; 26.4 is the oldest that works",
        )
    elif _version(keycloak) < _OLDEST:
        yield Finding(
            check="keycloak_version",
            level=Level.ERROR,
            where="Keycloak",
            message=f"is {keycloak}, and 26.4 is the oldest that works",
            mend="upgrade it",
        )
    if plugin is None:
        yield Finding(
            check="provider_installed",
            level=Level.ERROR,
            where="Keycloak",
            message="has no grantbridge provider",
            mend=f"copy the JAR into providers/ and set its options: {_GUIDE}, steps 1 to 3",
        )
    elif plugin.version != __version__:
        yield Finding(
            check="provider_version",
            level=Level.WARNING,
            where="Keycloak",
            message=f"has the provider {plugin.version}, and this bridge is {__version__}",
            mend="install the JAR that belongs to the bridge, on every node",
        )


def health_findings(health: Health) -> Iterator[Finding]:
    """Yield what is wrong between Keycloak and the bridge."""
    if not health.reachable:
        yield Finding(
            check="bridge_reachable",
            level=Level.ERROR,
            where="Keycloak",
            message="got no answer from the bridge when it last asked",
            mend="see that the bridge runs, and that Keycloak's option `url`, certificates and"
            " network lead to it; Keycloak's log says what came",
        )
    backlog = health.backlog
    if backlog.set_aside:
        yield Finding(
            check="backlog_set_aside",
            level=Level.ERROR,
            where="Keycloak",
            message=f"{backlog.set_aside} messages were refused by the bridge and set aside",
            mend="mend what Keycloak's log names, then POST …/grantbridge/backlog/resume",
        )
    if backlog.oldest_age_s > _PATIENCE_S:
        yield Finding(
            check="backlog",
            level=Level.WARNING,
            where="Keycloak",
            message=f"{backlog.waiting} messages wait for the bridge, the oldest for"
            f" {backlog.oldest_age_s} s",
            mend="they are delivered by themselves once the bridge answers",
        )
    if health.wire_logged:
        yield Finding(
            check="wire_log",
            level=Level.WARNING,
            where="Keycloak",
            message="logs every byte that it exchanges with Google, tokens too",
            mend="take the category org.apache.http.wire out of `log-level`, on every node, and"
            " delete what was logged",
        )


def _repairable(realm: Realm, finding: Finding, repair: Repair | None) -> Diagnosis:
    # Keycloak takes a mapper or a flow's step only if the JAR is there.
    if repair is None or (repair.needs_jar and realm.plugin is None):
        return Diagnosis(finding)
    return Diagnosis(msgspec.structs.replace(finding, fixable=True), repair)


def _action(realm: Realm) -> Iterator[Diagnosis]:
    if realm.action is not None and realm.action.enabled:
        return
    finding = Finding(
        check="required_action",
        level=Level.ERROR,
        where="the required action",
        message="is not registered" if realm.action is None else "is turned off",
        mend=f"Authentication → Required actions: turn on “{ACTION_NAME}”",
    )
    yield _repairable(realm, finding, TurnActionOn())


def _no_connection(realm: str) -> Finding:
    return Finding(
        check="google_connection",
        level=Level.ERROR,
        where=f"the realm {realm}",
        message="has no identity provider for Google",
        mend=f"Identity providers → Add provider → Google, then {_GUIDE}, steps 4 to 7",
    )


def _publishes(publisher: NoteMapper) -> Finding:
    return Finding(
        check="note_mapper",
        level=Level.ERROR,
        where=f"the mapper {publisher.name} of {publisher.place}",
        message=f"publishes the session note {publisher.note} to clients",
        mend="delete the mapper: Clients (or Client scopes) → it → Mappers",
    )


def _still_held(realm: str, left: Left) -> Finding:
    return Finding(
        check="stored_tokens",
        level=Level.ERROR,
        where=f"the realm {realm}",
        message=f"still holds refresh tokens: {left.links} in links, {left.sessions} in sessions",
        mend="run `bridge import keycloak`; what that leaves, it names",
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])
