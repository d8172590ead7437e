from __future__ import annotations

import json

import pytest

from bridge.config.reference import options
from bridge.config.shape import is_secret, root
from tests.config.support import Configure, Problems


def test_a_variable_wins_over_the_file(configure: Configure, valid: str) -> None:
    """A value from the environment replaces the one in the file."""
    text = valid + '[log]\nlevel = "debug"\n'
    environ = {"BRIDGE_LOG__LEVEL": "error", "BRIDGE_PUBLIC_URL": "https://other.acme.com"}
    settings = configure(text, environ)
    assert settings.log.level == "error"
    assert settings.public_url == "https://other.acme.com"


def test_variables_are_read_as_the_setting_s_type(configure: Configure, valid: str) -> None:
    """Numbers and booleans arrive as such."""
    environ = {
        "BRIDGE_INTERNAL__THREADS": "12",
        "BRIDGE_GOOGLE__NARROWING": "false",
        "BRIDGE_GOOGLE__FREEZE_SHARE": "0.25",
    }
    settings = configure(valid, environ)
    assert settings.internal.threads == 12
    assert settings.google.narrowing is False
    assert settings.google.freeze_share == 0.25


def test_a_variable_reaches_one_entry_of_a_list(configure: Configure, valid: str) -> None:
    """A number in the name changes that entry and leaves its neighbours."""
    environ = {
        "BRIDGE_TENANTS__ACME__CLIENTS__0__PURPOSE": "data",
        "BRIDGE_TENANTS__ACME__CLIENTS__1__CLIENT_ID": "2-b.apps.googleusercontent.com",
        "BRIDGE_TENANTS__ACME__CLIENTS__1__CLIENT_SECRET": "second",
    }
    first, second = configure(valid, environ).tenants["acme"].clients
    assert first.purpose == "data"
    assert first.client_secret.reveal() in valid
    assert second.client_secret.reveal() == "second"


def test_more_than_ten_entries_keep_their_order(configure: Configure, valid: str) -> None:
    """Entry 10 comes after entry 9, whatever the order of the variables."""
    environ = {}
    for index in reversed(range(12)):
        entry = f"BRIDGE_TENANTS__ACME__CLIENTS__{index}__CLIENT"
        environ[f"{entry}_ID"] = f"{index + 1}-b.apps.googleusercontent.com"
        environ[f"{entry}_SECRET"] = "s"
    clients = configure(valid, environ).tenants["acme"].clients
    assert [client.project for client in clients] == [str(index + 1) for index in range(12)]


def test_a_gap_in_a_list_is_refused(problems: Problems, valid: str) -> None:
    """An entry without the one before it is a mistake."""
    name = "BRIDGE_TENANTS__ACME__CLIENTS__3__CLIENT_ID"
    assert "gap" in problems(valid, {name: "x"})[name]


def test_a_tenant_with_a_dash_is_named_with_an_underscore(configure: Configure, valid: str) -> None:
    """Shells allow no dash in a variable, and tenants no underscore."""
    environ = {"BRIDGE_TENANTS__MY_APP__RECOVERY": "always"}
    settings = configure(valid.replace("tenants.acme", "tenants.my-app"), environ)
    assert settings.tenants["my-app"].recovery == "always"


@pytest.mark.parametrize("form", ["{0},{1}", " {0} , {1} ", '["{0}", "{1}"]'])
def test_a_list_of_texts_is_separated_by_commas_or_json(
    configure: Configure, valid: str, form: str
) -> None:
    """Both spellings of a list give the same secrets."""
    secrets = ["whsec_" + "A" * 32, "whsec_" + "B" * 32]
    environ = {"BRIDGE_TENANTS__ACME__HOOK_SECRETS": form.format(*secrets)}
    found = configure(valid, environ).tenants["acme"].hook_secrets
    assert [secret.reveal() for secret in found] == secrets


def test_a_list_of_tables_is_json(configure: Configure, valid: str) -> None:
    """A variable can replace all clients at once."""
    client = {"client_id": "7-x.apps.googleusercontent.com", "client_secret": "s"}
    environ = {"BRIDGE_TENANTS__ACME__CLIENTS": json.dumps([client])}
    (found,) = configure(valid, environ).tenants["acme"].clients
    assert found.project == "7"


def test_json_that_cannot_be_read_is_a_problem_of_its_variable(
    problems: Problems, valid: str
) -> None:
    """The variable is named, its text is not."""
    found = problems(valid, {"BRIDGE_TENANTS__ACME__CLIENTS": "[{GOCSPX-oops"})
    assert found == {"BRIDGE_TENANTS__ACME__CLIENTS": "is not valid JSON; "}


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("BRIDGE_STORE__ULR", "did you mean BRIDGE_STORE__URL?"),
        ("BRIDGE_MOED", "did you mean BRIDGE_MODE?"),
        ("BRIDGE_PUBLIC_URL__HOST", "BRIDGE_PUBLIC_URL is a single value"),
        ("BRIDGE_TENANTS__ACME__CLIENTS__FIRST__CLIENT_ID", "numbered from 0"),
        ("BRIDGE_TENANTS__ACME__CLIENTS__0__CLIENT_SECRT_FILE", "__CLIENT_SECRET_FILE?"),
        ("BRIDGE_TENANTS__OTHER__ISUER", "did you mean BRIDGE_TENANTS__OTHER__ISSUER?"),
        ("BRIDGE_", "did you mean"),
    ],
)
def test_an_unknown_variable_is_refused_alone(
    problems: Problems, valid: str, name: str, suggestion: str
) -> None:
    """It is named with the nearest one and leaves nothing behind that is wrong in its turn."""
    found = problems(valid, {name: "x"})
    assert set(found) == {name}
    assert suggestion in found[name]


@pytest.mark.parametrize(
    "name",
    [
        "BRIDGE_CONFIG",
        "BRIDGE_SERVICE_HOST",
        "BRIDGE_SERVICE_PORT",
        "BRIDGE_SERVICE_PORT_INTERNAL",
        "BRIDGE_PORT",
        "BRIDGE_PORT_8601_TCP",
        "BRIDGE_PORT_8601_TCP_ADDR",
        "BRIDGED_TENANTS",
        "bridge_mode",
    ],
)
def test_variables_of_others_are_left_alone(configure: Configure, valid: str, name: str) -> None:
    """What Kubernetes sets for a Service called bridge, and other programs' names, do no harm."""
    assert configure(valid, {name: "tcp://10.0.0.1:8601"}) == configure(valid)


def test_a_problem_names_the_variable_it_came_from(problems: Problems, valid: str) -> None:
    """Who looks into the file would not find the value there."""
    found = problems(valid, {"BRIDGE_INTERNAL__THREADS": "many"})
    assert "set by BRIDGE_INTERNAL__THREADS" in found["internal.threads"]


def test_a_variable_inside_a_plain_value_of_the_file_is_refused(
    problems: Problems, valid: str
) -> None:
    """A table that the file wrote as a text cannot be entered."""
    text = 'store = "x"\n' + valid
    assert "BRIDGE_STORE__URL" in problems(text, {"BRIDGE_STORE__URL": "sqlite:///a"})


def test_every_option_can_be_set_by_a_variable(problems: Problems, valid: str) -> None:
    """No documented option is unknown as a variable."""
    for option in options():
        name = option.path.replace("<name>", "acme").replace("[]", ".0").replace(".", "__")
        environ = {"BRIDGE_" + name.upper(): "\x00"}
        try:
            found = problems(valid, environ)
        except pytest.fail.Exception:
            continue
        assert "known variable" not in str(found), option.path


def test_secrets_are_told_from_other_values() -> None:
    """The schema marks the secrets of Redis, client, hook and return, and no others."""
    assert is_secret(root().fields["tenants"]) is False
    assert [option.path for option in options() if option.secret] == [
        "store.redis.password",
        "store.redis.sentinel_password",
        "tenants.<name>.hook_secrets",
        "tenants.<name>.login_return_secret",
        "tenants.<name>.clients[].client_secret",
    ]
