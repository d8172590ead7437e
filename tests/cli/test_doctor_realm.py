"""What `bridge doctor keycloak` finds in facts as given, without a Keycloak."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from bridge import __version__
from bridge.cli.doctor.finding import Level, is_well
from bridge.cli.doctor.keycloak_checks import Diagnosis, diagnose
from bridge.cli.doctor.keycloak_facts import (
    Action,
    Backlog,
    Connection,
    Execution,
    Health,
    Left,
    Mapper,
    NoteMapper,
    Plugin,
    ProtocolMapper,
    Provider,
    Realm,
    published,
    stands_for_google,
)
from bridge.cli.doctor.keycloak_repairs import (
    AddMapper,
    BindFlow,
    ChangeProvider,
    ForceMapper,
    RequireExecution,
    TurnActionOn,
)

JWKS: Final = "https://www.googleapis.com/oauth2/v3/certs"
CONFIG: Final[dict[str, str | None]] = {
    "offlineAccess": "true",
    "loginHint": "true",
    "prompt": "",
    "issuer": "https://accounts.google.com",
    "validateSignature": "true",
    "useJwksUrl": "true",
    "jwksUrl": JWKS,
    "syncMode": "IMPORT",
}
STEP: Final = Execution(id="e1", provider_id="grantbridge-consent", requirement="REQUIRED")
MAPPER: Final = Mapper(
    id="m1", identity_provider_mapper="grantbridge-mapper", config={"syncMode": "FORCE"}
)


def provider(config: dict[str, str | None] | None = None, **fields: Any) -> Provider:
    """Return a provider that is well, but for what is given; None takes a setting away."""
    settings = {name: text for name, text in (CONFIG | (config or {})).items() if text is not None}
    usual = {"alias": "g", "provider_id": "google", "post_broker_login_flow_alias": "grantbridge"}
    return Provider(**(usual | fields), config=settings)  # type: ignore[arg-type] # given by the test


def realm(
    it: Provider | None = None,
    mappers: tuple[Mapper, ...] = (MAPPER,),
    executions: tuple[Execution, ...] = (STEP,),
    **facts: Any,
) -> Realm:
    """Return a realm that is well, but for what is given."""
    well = Realm(
        name="r",
        keycloak="26.7.3",
        plugin=Plugin(version=__version__, bridge="https://b", tenant="t"),
        connections=(
            Connection(provider=it or provider(), mappers=mappers, executions=executions),
        ),
        action=Action(provider_id="grantbridge-consent-action", enabled=True),
        note_mappers=(),
        left=Left(links=0, sessions=0),
        health=Health(reachable=True, backlog=Backlog(waiting=0, oldest_age_s=0, set_aside=0)),
    )
    return msgspec.structs.replace(well, **facts)


def checks(it: Realm) -> list[str]:
    return [diagnosis.finding.check for diagnosis in diagnose(it)]


def only(it: Realm) -> Diagnosis:
    [diagnosis] = diagnose(it)
    return diagnosis


def test_a_realm_that_is_well_has_no_findings() -> None:
    """With the built-in provider, and with a generic one."""
    url: dict[str, str | None] = {
        "authorizationUrl": "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline",
        "offlineAccess": None,
    }
    assert diagnose(realm()) == ()
    assert diagnose(realm(provider(url, provider_id="oidc"))) == ()


@pytest.mark.parametrize(
    ("config", "check", "mends"),
    [
        ({"offlineAccess": None}, "offline_access", {"offlineAccess": "true"}),
        ({"offlineAccess": "false"}, "offline_access", {"offlineAccess": "true"}),
        ({"prompt": "select_account"}, "prompt", {"prompt": ""}),
        ({"loginHint": None}, "login_hint", {"loginHint": "true"}),
        (
            {"validateSignature": None, "jwksUrl": None},
            "signature",
            {"validateSignature": "true", "useJwksUrl": "true", "jwksUrl": JWKS},
        ),
        (
            {"jwksUrl": None},
            "signing_keys",
            {"validateSignature": "true", "useJwksUrl": "true", "jwksUrl": JWKS},
        ),
        ({"issuer": None}, "issuer", {"issuer": "https://accounts.google.com"}),
    ],
)
def test_a_setting_is_named_with_what_to_set(
    config: dict[str, str | None], check: str, mends: dict[str, str]
) -> None:
    """One finding, that says it can be mended, and the settings that mend it."""
    diagnosis = only(realm(provider(config)))
    assert diagnosis.finding.check == check
    assert diagnosis.finding.where == "the identity provider g"
    assert diagnosis.finding.mend.startswith("Identity providers → g → Settings → ")
    assert diagnosis.finding.fixable
    assert isinstance(diagnosis.repair, ChangeProvider)
    assert dict(diagnosis.repair.config) == mends


@pytest.mark.parametrize(
    ("url", "mended"),
    [
        ("https://a/auth", "https://a/auth?access_type=offline"),
        ("https://a/auth?hd=b", "https://a/auth?hd=b&access_type=offline"),
    ],
)
def test_an_oidc_provider_asks_for_offline_access_in_its_url(url: str, mended: str) -> None:
    """Its `offlineAccess` would be without effect."""
    it = provider({"authorizationUrl": url}, provider_id="oidc")
    diagnosis = only(realm(it))
    assert diagnosis.finding.check == "offline_access"
    assert diagnosis.repair == ChangeProvider("g", (("authorizationUrl", mended),))


@pytest.mark.parametrize("own", ["", "INHERIT", "IMPORT", "LEGACY", "FORCE"])
@pytest.mark.parametrize("provider_s", ["IMPORT", "FORCE"])
def test_the_mapper_s_own_sync_mode_goes_before_the_provider_s(own: str, provider_s: str) -> None:
    """Only where it inherits does the provider's count."""
    mapper = msgspec.structs.replace(MAPPER, config={"syncMode": own})
    found = diagnose(realm(provider({"syncMode": provider_s}), mappers=(mapper,)))
    forced = own == "FORCE" or (own in {"", "INHERIT"} and provider_s == "FORCE")
    assert [it.repair for it in found] == ([] if forced else [ForceMapper("g", "m1")])


def test_what_hangs_on_a_provider_is_looked_for() -> None:
    """Mapper, flow, step and required action, each with its repair."""
    assert only(realm(mappers=())).repair == AddMapper("g")
    unbound = realm(provider(post_broker_login_flow_alias=None), executions=())
    assert only(unbound).repair == BindFlow("g")
    assert only(realm(executions=())).repair == BindFlow("g")
    disabled = msgspec.structs.replace(STEP, requirement="DISABLED")
    assert only(realm(executions=(disabled,))).repair == RequireExecution("grantbridge", "e1")
    assert only(realm(action=None)).repair == TurnActionOn()
    off = Action(provider_id="grantbridge-consent-action")
    assert only(realm(action=off)).repair == TurnActionOn()


def test_a_step_beside_alternatives_is_not_required_by_itself() -> None:
    """Keycloak would pass over the alternatives then, which somebody wants."""
    disabled = msgspec.structs.replace(STEP, requirement="DISABLED")
    other = Execution(id="e2", provider_id="another", requirement="ALTERNATIVE")
    diagnosis = only(realm(executions=(disabled, other)))
    assert (diagnosis.finding.check, diagnosis.repair) == ("post_login_step", None)
    assert not diagnosis.finding.fixable


def test_another_s_flow_is_not_mended() -> None:
    """Where the step belongs in it is not for a program to say."""
    theirs = Execution(id="e2", provider_id="another", requirement="REQUIRED")
    it = provider(post_broker_login_flow_alias="theirs")
    assert only(realm(it, executions=(theirs,))).repair is None
    assert only(realm(it, executions=())).repair is None


def test_without_the_jar_nothing_is_mended_that_needs_it() -> None:
    """Keycloak would refuse the mapper; settings of its own it takes."""
    found = diagnose(
        realm(provider({"prompt": "consent"}), mappers=(), plugin=None, left=None, health=None)
    )
    assert [(it.finding.check, it.finding.fixable) for it in found] == [
        ("provider_installed", False),
        ("prompt", True),
        ("mapper", False),
    ]
    assert [it.repair is None for it in found] == [True, False, True]


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("26.4.0", []),
        ("26.10.1", []),
        ("27.0.0", []),
        ("999.0.0-SNAPSHOT", []),
        ("26.3.5", ["keycloak_version"]),
        ("9.0.0", ["keycloak_version"]),
        (None, ["keycloak_version"]),
    ],
)
def test_an_old_keycloak_is_named(version: str | None, found: list[str]) -> None:
    """Versions are compared as numbers; one that is not told is a warning."""
    it = realm(keycloak=version)
    assert checks(it) == found
    assert is_well(each.finding for each in diagnose(it)) is (version is None or not found)


def test_another_version_of_the_jar_is_a_warning() -> None:
    """Both versions are in the text."""
    plugin = Plugin(version="0.0.1", bridge="", tenant="")
    finding = only(realm(plugin=plugin)).finding
    assert (finding.check, finding.level) == ("provider_version", Level.WARNING)
    assert "0.0.1" in finding.message
    assert __version__ in finding.message


@pytest.mark.parametrize(
    ("reachable", "backlog", "found"),
    [
        (False, (0, 0, 0), ["bridge_reachable"]),
        (True, (5, 60, 0), []),
        (True, (5, 61, 0), ["backlog"]),
        (True, (0, 0, 1), ["backlog_set_aside"]),
        (False, (5, 600, 2), ["bridge_reachable", "backlog_set_aside", "backlog"]),
    ],
)
def test_what_waits_is_told(
    *, reachable: bool, backlog: tuple[int, int, int], found: list[str]
) -> None:
    """What waits for a minute is normal while logins go on."""
    waiting, oldest, aside = backlog
    held = Backlog(waiting=waiting, oldest_age_s=oldest, set_aside=aside)
    assert checks(realm(health=Health(reachable=reachable, backlog=held))) == found


def test_a_log_of_every_byte_is_a_warning() -> None:
    """It holds what Google's token endpoint answers."""
    nothing = Backlog(waiting=0, oldest_age_s=0, set_aside=0)
    health = Health(reachable=True, backlog=nothing, wire_logged=True)
    finding = only(realm(health=health)).finding
    assert (finding.check, finding.level) == ("wire_log", Level.WARNING)
    assert "org.apache.http.wire" in finding.mend


def test_what_keycloak_shows_or_holds_is_told() -> None:
    """What is stored by choice is a warning, what is published or held is wrong."""
    it = provider(store_token=True, add_read_token_role_on_create=True, enabled=False)
    note = NoteMapper(name="n", place="the client c", note="FEDERATED_ACCESS_TOKEN")
    found = diagnose(realm(it, note_mappers=(note,), left=Left(links=2, sessions=1)))
    assert [(each.finding.check, each.finding.level.value) for each in found] == [
        ("enabled", "warning"),
        ("store_token", "warning"),
        ("read_token_role", "warning"),
        ("note_mapper", "error"),
        ("stored_tokens", "error"),
    ]
    assert "2 in links, 1 in sessions" in found[-1].finding.message
    assert not any(each.repair for each in found)


def test_a_realm_without_a_connection_is_told() -> None:
    """It has nothing to capture from."""
    assert checks(realm(connections=())) == ["google_connection"]


@pytest.mark.parametrize(
    ("provider_id", "config", "mappers", "stands"),
    [
        ("google", {}, (), True),
        ("oidc", {"authorizationUrl": "https://accounts.google.com/o/oauth2/v2/auth"}, (), True),
        ("oidc", {"issuer": "https://accounts.google.com"}, (), True),
        ("oidc", {"issuer": "https://login.example.com"}, (MAPPER,), True),
        ("oidc", {"issuer": "https://login.example.com"}, (), False),
        ("oidc", {"authorizationUrl": "https://accounts.google.com.evil.example/"}, (), False),
        ("github", {"issuer": "https://accounts.google.com"}, (MAPPER,), False),
    ],
)
def test_a_provider_stands_for_google_by_class_address_issuer_or_mapper(
    *, provider_id: str, config: dict[str, str | None], mappers: tuple[Mapper, ...], stands: bool
) -> None:
    """The alias may be anything."""
    it = Provider(alias="g", provider_id=provider_id, config=config)
    assert stands_for_google(it, mappers) is stands


@pytest.mark.parametrize(
    ("kind", "note", "is_found"),
    [
        ("oidc-usersessionmodel-note-mapper", "FEDERATED_REFRESH_TOKEN", True),
        ("oidc-usersessionmodel-note-mapper", "FEDERATED_ACCESS_TOKEN:google", True),
        ("oidc-usersessionmodel-note-mapper", "identity_provider", False),
        ("oidc-usersessionmodel-note-mapper", None, False),
        ("oidc-hardcoded-claim-mapper", "FEDERATED_REFRESH_TOKEN", False),
    ],
)
def test_mappers_that_publish_federated_notes_are_found(
    *, kind: str, note: str | None, is_found: bool
) -> None:
    """Whatever stands after the name: newer versions append the alias."""
    mapper = ProtocolMapper(name="n", protocol_mapper=kind, config={"user.session.note": note})
    assert bool(list(published("the client c", (mapper,)))) is is_found
