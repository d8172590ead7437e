"""The guide says what the provider and the realm really are."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "keycloak" / "README.md").read_text()
PROVIDER = ROOT / "hooks" / "keycloak" / "src" / "main" / "java"


def source(name: str) -> str:
    [path] = PROVIDER.rglob(f"{name}.java")
    return path.read_text()


def test_every_option_of_the_provider_is_in_the_table() -> None:
    """No option is left out and none is made up."""
    table = GUIDE.partition("## All options")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    calls = re.findall(
        r'(?:required|option|milliseconds|file)\("([a-z-]+)"', source("SettingsReader")
    )
    assert sorted(documented) == sorted(set(calls))


def test_a_default_in_the_table_is_the_provider_s() -> None:
    """Milliseconds are as the source has them."""
    reader = source("SettingsReader")
    for name, preset in re.findall(r'milliseconds\("([a-z-]+)", ([0-9_]+)', reader):
        assert f"| `{name}` | `{preset.replace('_', '')}` |" in GUIDE


def test_names_in_the_console_are_the_provider_s() -> None:
    """What the reader is told to choose is what Keycloak shows."""
    for name in ("ConsentAuthenticatorFactory", "ConsentAction", "GrantbridgeMapper"):
        shown = re.search(
            r'getDisplay(?:Type|Text)\(\) \{\s+return "([^"]+)"', source(name).replace("\n", " ")
        )
        assert shown, name
        assert f"*{shown[1]}*" in GUIDE


def test_the_realm_has_what_the_guide_sets() -> None:
    """The shipped realm is the guide's table, so that a reader can copy from either."""
    realm = json.loads((ROOT / "keycloak" / "grantbridge-realm.json").read_text())
    [provider] = realm["identityProviders"]
    config = provider["config"]
    assert config["offlineAccess"] == config["loginHint"] == "true"
    assert config["prompt"] == ""
    assert config["validateSignature"] == config["useJwksUrl"] == "true"
    assert f"`{config['jwksUrl']}`" in GUIDE
    assert f"`{config['issuer']}`" in GUIDE
    assert provider["postBrokerLoginFlowAlias"] == "grantbridge"
    [flow] = realm["authenticationFlows"]
    [execution] = flow["authenticationExecutions"]
    assert (flow["alias"], execution["requirement"]) == ("grantbridge", "REQUIRED")
    [mapper] = realm["identityProviderMappers"]
    assert mapper["config"]["syncMode"] == "FORCE"


def test_files_that_the_guide_names_exist() -> None:
    """Links and paths lead somewhere."""
    for link in re.findall(r"\]\((\.\./[^)#]+)", GUIDE):
        assert (ROOT / "keycloak" / link).exists(), link
    for path in re.findall(r"`((?:keycloak|docker)[\w/.-]*\.\w+|keycloak/Dockerfile)`", GUIDE):
        assert (ROOT / path).exists(), path
