from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bridge.config.permissions import Permission
from bridge.config.reference import options, table
from bridge.config.template import new_hook_secret, render
from tests.config.support import Problems

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_every_option_says_what_it_means() -> None:
    """No option is without a description."""
    assert [option.path for option in options() if not option.meaning] == []


def test_the_docs_hold_the_table_of_all_options() -> None:
    """docs/configuration.md ends with the table that the schema makes."""
    assert DOCS.read_text(encoding="utf-8").endswith("\n" + table())


def test_the_template_has_every_option_with_its_meaning() -> None:
    """Each option stands in the file that `bridge init` writes, below its description."""
    lines = render("whsec_x").splitlines()
    for option in options():
        places = [
            n for n, line in enumerate(lines) if line.lstrip("# ").startswith(f"{option.key} =")
        ]
        assert places, option.path
        words = " ".join(line.removeprefix("#").strip() for line in lines)
        assert option.meaning in words, option.path


def test_the_template_with_all_comments_taken_away_is_toml_that_knows_every_key(
    problems: Problems,
) -> None:
    """The commented lines are settings as they would be written."""
    active = [
        line.removeprefix("# ")
        for line in render("whsec_x").splitlines()
        if not line.startswith("# ") or " = " in line or line.startswith("# [")
    ]
    text = "\n".join(
        line for line in active if not line.startswith(("kept", "Relative", "BRIDGE_"))
    )
    assert tomllib.loads(text)
    assert not [found for found in problems(text).values() if "known setting" in found]


def test_the_template_as_it_is_lacks_only_what_is_to_be_filled_in(problems: Problems) -> None:
    """Exactly the four placeholders are named as missing."""
    found = problems(render(new_hook_secret()))
    assert set(found) == {
        "public_url",
        "tenants.example.issuer",
        "tenants.example.clients[0].client_id",
        "tenants.example.clients[0].client_secret",
    }
    assert all(text.startswith("is missing") for text in found.values())


def test_each_hook_secret_is_another() -> None:
    """Two installations never share the secret that `bridge init` wrote."""
    assert new_hook_secret() != new_hook_secret()


@pytest.mark.parametrize("permission", list(Permission))
def test_every_permission_is_documented(permission: Permission) -> None:
    """The option that takes permissions lists all of them."""
    (option,) = [o for o in options() if o.path == "issuers[].permissions"]
    assert f"`{permission}`" in option.meaning
