"""`bridge doctor keycloak` on a real server: each thing that is broken is named, and mended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge import __version__
from tests.keycloak.admin import Admin
from tests.keycloak.doctoring import Doctor
from tests.keycloak.person import until
from tests.keycloak.probing import wire_logged
from tests.keycloak.site import FLOW, SHIPPED, Site
from tools.keycloak.realm import Realm, google_of, named, shipped, with_oidc, without_provider
from tools.keycloak.server import ADMIN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("keycloak")]

WELL, OIDC = "well", "well-oidc"
_ACTION = "authentication/required-actions/grantbridge-consent-action"
Break = Callable[[Admin, str], None]


def _bare_of_clients(realm: Realm) -> Realm:
    # Placeholders are filled in where a file is imported, not by the Admin API.
    realm["clients"] = []
    google_of(realm)["config"] |= {"clientId": "some-client", "clientSecret": "some-secret"}
    return realm


@contextmanager
def _realm(site: Site, folder: Path, realm: Realm) -> Iterator[Doctor]:
    with site.admin() as admin:
        admin.post("", _bare_of_clients(realm))
    try:
        yield Doctor(site, realm["realm"], folder)
    finally:
        with site.admin() as admin:
            admin.delete(realm["realm"])


@pytest.fixture(scope="module")
def well(keycloak: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doctor]:
    """A realm as it is shipped."""
    with _realm(keycloak, tmp_path_factory.mktemp("well"), named(shipped(), WELL)) as doctor:
        yield doctor


@pytest.fixture(scope="module")
def well_oidc(keycloak: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doctor]:
    """The same with the generic provider."""
    realm = named(with_oidc(shipped(), keycloak.world.server.url), OIDC)
    with _realm(keycloak, tmp_path_factory.mktemp("oidc"), realm) as doctor:
        yield doctor


def _google(realm: str) -> str:
    return f"{realm}/identity-provider/instances/google"


def _config(**changes: str) -> Break:
    def do(admin: Admin, realm: str) -> None:
        google = admin.get(_google(realm))
        admin.put(_google(realm), google | {"config": google["config"] | changes})

    return do


def _field(**changes: Any) -> Break:
    def do(admin: Admin, realm: str) -> None:
        admin.put(_google(realm), admin.get(_google(realm)) | changes)

    return do


def _without_mapper(admin: Admin, realm: str) -> None:
    [mapper] = admin.get(f"{_google(realm)}/mappers")
    admin.delete(f"{_google(realm)}/mappers/{mapper['id']}")


def _with_lazy_mapper(admin: Admin, realm: str) -> None:
    [mapper] = admin.get(f"{_google(realm)}/mappers")
    path = f"{_google(realm)}/mappers/{mapper['id']}"
    admin.put(path, mapper | {"config": {"syncMode": "INHERIT"}})


def _with_disabled_step(admin: Admin, realm: str) -> None:
    path = f"{realm}/authentication/flows/{FLOW}/executions"
    [step] = admin.get(path)
    admin.put(path, step | {"requirement": "DISABLED"})


def _without_action(admin: Admin, realm: str) -> None:
    admin.delete(f"{realm}/{_ACTION}")


def _with_action_off(admin: Admin, realm: str) -> None:
    action = admin.get(f"{realm}/{_ACTION}")
    admin.put(f"{realm}/{_ACTION}", action | {"enabled": False})


BROKEN = [
    pytest.param("offline_access", _config(offlineAccess="false"), id="offline-off"),
    pytest.param("prompt", _config(prompt="consent"), id="prompt"),
    pytest.param("login_hint", _config(loginHint="false"), id="login-hint-off"),
    pytest.param("signature", _config(validateSignature="false"), id="signature-unchecked"),
    pytest.param("signing_keys", _config(useJwksUrl="false"), id="keys-not-fetched"),
    pytest.param("mapper", _without_mapper, id="no-mapper"),
    pytest.param("mapper_sync", _with_lazy_mapper, id="mapper-not-forced"),
    pytest.param("post_login_flow", _field(postBrokerLoginFlowAlias=""), id="flow-not-bound"),
    pytest.param("post_login_step", _with_disabled_step, id="step-disabled"),
    pytest.param("required_action", _without_action, id="action-not-registered"),
    pytest.param("required_action", _with_action_off, id="action-off"),
]


def test_the_shipped_realm_is_well(keycloak: Site, tmp_path: Path) -> None:
    """Nothing is found in it, and versions, tenant and bridge are told."""
    doctor = Doctor(keycloak, SHIPPED, tmp_path)
    until(lambda: not doctor.checks())
    report = doctor.report()
    assert report["provider"]["version"] == __version__
    assert report["provider"]["tenant"] == "acme"
    assert report["provider"]["bridge"] == keycloak.bridge.url
    assert report["keycloak"].startswith("26.")
    assert report["connections"] == ["google"]


@pytest.mark.parametrize(("check", "breaks"), BROKEN)
def test_what_is_broken_is_named_and_mended(well: Doctor, check: str, breaks: Break) -> None:
    """Looking alone changes nothing; `--fix` mends this, after which nothing is found."""
    assert well.checks() == []
    with well.site.admin() as admin:
        breaks(admin, well.realm)
    assert well.checks() == [check]
    assert well.checks() == [check]
    mended = well.report("--fix")
    assert [finding["check"] for finding in mended["mended"]] == [check]
    assert mended["findings"] == mended["failed"] == []
    assert well.checks() == []


def test_mending_keeps_every_other_setting(well: Doctor) -> None:
    """What nobody judged is the same afterwards, the client's secret too."""
    with well.site.admin() as admin:
        before = admin.get(_google(well.realm))
        _config(offlineAccess="false", prompt="consent", hostedDomain="example.com")(
            admin, well.realm
        )
        well.report("--fix")
        after = admin.get(_google(well.realm))
        assert after["config"].pop("hostedDomain") == "example.com"
        _field(config=before["config"])(admin, well.realm)
    assert after == before


def test_an_oidc_provider_is_mended(well_oidc: Doctor) -> None:
    """Its URL is completed and its issuer set; nothing else of it is touched."""
    url = f"{well_oidc.site.world.server.url}/o/oauth2/v2/auth"
    assert well_oidc.checks() == []
    with well_oidc.site.admin() as admin:
        _config(authorizationUrl=url, issuer="")(admin, well_oidc.realm)
        assert well_oidc.checks() == ["offline_access", "issuer"]
        assert well_oidc.checks("--fix") == []
        config = admin.get(_google(well_oidc.realm))["config"]
    assert config["authorizationUrl"] == f"{url}?access_type=offline"
    assert config["issuer"] == "https://accounts.google.com"
    assert config["jwksUrl"].startswith(well_oidc.site.world.server.url)


def test_a_realm_from_before_is_set_up_in_one_go(keycloak: Site, tmp_path: Path) -> None:
    """A Google provider as Keycloak's console makes it needs `--fix` once, and no click.

    Newer versions than 26.4 fill in Google's issuer by themselves.
    """
    realm = named(without_provider(shipped()), "before-doctor")
    config = google_of(realm)["config"]
    google_of(realm)["config"] = {"defaultScope": config["defaultScope"], "syncMode": "LEGACY"}
    with _realm(keycloak, tmp_path, realm) as doctor:
        assert set(doctor.checks()) == {
            *("offline_access", "login_hint", "signature"),
            *("mapper", "post_login_flow", "required_action"),
        }
        assert doctor.report("--fix")["ok"] is True
        assert doctor.checks() == []


def test_what_takes_something_away_is_left_to_the_admin(keycloak: Site, tmp_path: Path) -> None:
    """Stored tokens, the read-token role and note mappers are named, and stay with `--fix`."""
    realm = named(shipped(), "shows-tokens")
    google_of(realm).update({"storeToken": True, "addReadTokenRoleOnCreate": True})
    note = {
        "name": "shows",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-usersessionmodel-note-mapper",
        "config": {"user.session.note": "FEDERATED_REFRESH_TOKEN", "claim.name": "shows"},
    }
    with _realm(keycloak, tmp_path, realm) as doctor, keycloak.admin() as admin:
        client = {"clientId": "shows", "protocolMappers": [note]}
        admin.post(f"{doctor.realm}/clients", client)
        scope = {"name": "also", "protocol": "openid-connect", "protocolMappers": [note]}
        admin.post(f"{doctor.realm}/client-scopes", scope)
        report = doctor.report("--fix")
    found = [(finding["check"], finding["where"]) for finding in report["findings"]]
    assert found == [
        ("store_token", "the identity provider google"),
        ("read_token_role", "the identity provider google"),
        ("note_mapper", "the mapper shows of the client shows"),
        ("note_mapper", "the mapper shows of the client scope also"),
    ]
    assert not any(finding["fixable"] for finding in report["findings"])
    assert report["ok"] is False


def test_another_s_flow_is_not_touched(well: Doctor) -> None:
    """A post login flow without our step is named; which step goes where is the admin's."""
    with well.site.admin() as admin:
        flow = {"alias": "theirs", "providerId": "basic-flow", "topLevel": True, "builtIn": False}
        admin.post(f"{well.realm}/authentication/flows", flow)
        _field(postBrokerLoginFlowAlias="theirs")(admin, well.realm)
        try:
            assert well.checks("--fix") == ["post_login_step"]
            assert admin.get(f"{well.realm}/authentication/flows/theirs/executions") == []
        finally:
            _field(postBrokerLoginFlowAlias=FLOW)(admin, well.realm)


def test_a_realm_without_google_is_told(well: Doctor) -> None:
    """There is nothing to capture, which is what is wrong."""
    with well.site.admin() as admin:
        google, [mapper] = (
            admin.get(_google(well.realm)),
            admin.get(f"{_google(well.realm)}/mappers"),
        )
        admin.delete(_google(well.realm))
        try:
            assert well.checks("--fix") == ["google_connection"]
        finally:
            path = f"{well.realm}/identity-provider/instances"
            admin.post(path, google | {"config": google["config"] | {"clientSecret": "new"}})
            admin.post(f"{path}/google/mappers", mapper)


def test_a_silent_bridge_and_what_waits_are_told(keycloak: Site, tmp_path: Path) -> None:
    """Keycloak noticed at the last login, and the doctor asks Keycloak."""
    doctor = Doctor(keycloak, SHIPPED, tmp_path)
    account, visitor = keycloak.person("silent"), keycloak.visitor()
    keycloak.bridge.down()
    try:
        visitor.sign_in(keycloak.issuer(SHIPPED), account.email)
        assert doctor.checks() == ["bridge_reachable"]
    finally:
        visitor.close()
        keycloak.bridge.up()
    until(lambda: not doctor.checks())


def test_a_log_of_every_byte_is_told(well: Doctor) -> None:
    """The one way by which a token can get into Keycloak's log is a warning while it is on."""
    with wire_logged(well.site):
        assert well.checks() == ["wire_log"]
    assert well.checks() == []


def test_text_names_the_place_where_to_mend(well: Doctor) -> None:
    """A finding has two lines: what is wrong, and the way through the console."""
    with well.site.admin() as admin:
        _config(prompt="consent")(admin, well.realm)
    result = well.run("doctor", "keycloak")
    well.report("--fix")
    assert result.exit_code == 1
    assert "error: the identity provider google: has the prompt “consent”" in result.stdout
    assert "Identity providers → google → Settings → Prompt: empty" in result.stdout
    assert "(--fix does it)" in result.stdout


def test_a_wrong_password_is_told_and_not_repeated(well: Doctor, tmp_path: Path) -> None:
    """The command ends with 1 and the realm that refused."""
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-password-at-all")
    result = well.run("doctor", "keycloak", **{"user": ADMIN, "password-file": str(wrong)})
    assert result.exit_code == 1
    assert result.stderr == (
        "error: Keycloak's realm master does not let this admin in. (unauthenticated)\n"
    )
    assert "not-the-password" not in result.output


def test_a_client_s_service_account_can_ask_if_it_has_the_roles(
    well: Doctor, tmp_path: Path
) -> None:
    """Without them the command says what was refused; with them it works as for a user."""
    secret = tmp_path / "secret"
    secret.write_text("doctor-secret")
    login = {
        "client-id": "doctor",
        "client-secret-file": str(secret),
        "admin-realm": well.realm,
    }
    client = {"clientId": "doctor", "secret": "doctor-secret", "serviceAccountsEnabled": True}
    with well.site.admin() as admin:
        admin.post(f"{well.realm}/clients", client)
        refused = well.run("doctor", "keycloak", **login)
        _give_realm_admin(admin, well.realm, "doctor")
    allowed = well.run("doctor", "keycloak", "--json", **login)
    assert refused.exit_code == 1
    assert "this admin lacks a role for it. (forbidden)" in refused.stderr
    assert allowed.exit_code == 0
    assert json.loads(allowed.stdout)["connections"] == ["google"]


def test_a_realm_that_is_not_there_is_told(keycloak: Site, tmp_path: Path) -> None:
    """With exit code 1 and its name, without a traceback."""
    result = Doctor(keycloak, "nowhere", tmp_path).run("doctor", "keycloak")
    assert result.exit_code == 1
    assert "nowhere" in result.stderr


def test_what_cannot_be_mended_is_told_and_the_rest_is_mended(
    keycloak: Site, tmp_path: Path
) -> None:
    """A flow with our name and another's step is in the way of ours alone."""
    realm = named(without_provider(shipped()), "in-the-way")
    with _realm(keycloak, tmp_path, realm) as doctor, keycloak.admin() as admin:
        flow = {"alias": FLOW, "providerId": "basic-flow", "topLevel": True, "builtIn": False}
        flows = f"{doctor.realm}/authentication/flows"
        admin.post(flows, flow)
        admin.post(
            f"{flows}/{FLOW}/executions/execution", {"provider": "allow-access-authenticator"}
        )
        report = doctor.report("--fix")
        text = doctor.run("doctor", "keycloak", "--fix").stdout
        [step] = admin.get(f"{flows}/{FLOW}/executions")
    assert [failed["check"] for failed in report["failed"]] == ["post_login_flow"]
    assert [finding["check"] for finding in report["findings"]] == ["post_login_flow"]
    assert {finding["check"] for finding in report["mended"]} == {"mapper", "required_action"}
    assert "not mended: the identity provider google: post_login_flow: A flow grantbridge" in text
    assert step["providerId"] == "allow-access-authenticator"


def test_doctor_alone_examines_google_and_the_realm(
    well: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are in one report; what is wrong at one is enough for exit code 1."""
    monkeypatch.setenv("BRIDGE_CONFIG", str(well.site.world.config))
    result = well.run("doctor", "--json")
    text = well.run("doctor").stdout
    report = json.loads(result.stdout)
    assert report["keycloak"]["ok"] is True
    # Google knows Keycloak's redirect URIs here, and not the bridge's.
    assert {it["check"] for it in report["google"]["findings"]} == {"redirect_uri"}
    assert (report["ok"], result.exit_code) == (False, 1)
    assert text.index("# Google") < text.index("# Keycloak")


def _give_realm_admin(admin: Admin, realm: str, client_id: str) -> None:
    [client] = admin.get(f"{realm}/clients", clientId=client_id)
    [management] = admin.get(f"{realm}/clients", clientId="realm-management")
    account = admin.get(f"{realm}/clients/{client['id']}/service-account-user")
    role = admin.get(f"{realm}/clients/{management['id']}/roles/realm-admin")
    admin.post(f"{realm}/users/{account['id']}/role-mappings/clients/{management['id']}", [role])
