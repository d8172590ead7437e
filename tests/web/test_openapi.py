"""The OpenAPI document: sound, whole, and served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from bridge import __version__
from bridge.errors import ANSWERS, Code
from bridge.web.apps import internal_flask, internal_routes
from tests.kit import World, world


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("bridge")) as made:
        yield made


@pytest.fixture(scope="module")
def document(shared: World) -> dict[str, Any]:
    response = shared.http.get("/openapi.json")
    assert response.status_code == 200
    assert response.content_type == "application/json"
    described: dict[str, Any] = response.get_json()
    return described


def test_the_document_is_sound(document: dict[str, Any]) -> None:
    """It is OpenAPI 3.1 to the letter."""
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == __version__


def test_every_route_is_described_and_every_description_is_a_route(
    shared: World, document: dict[str, Any]
) -> None:
    """What Flask has mounted and what the document lists are the same operations."""
    app = internal_flask(shared.services, internal_routes(shared.services))
    mounted = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert mounted == described


def test_only_health_keys_and_the_document_are_open(document: dict[str, Any]) -> None:
    """Every other operation asks for a caller, but the hook, which asks for a signature."""
    is_open = {
        path
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if "security" not in operation
    }
    assert is_open == {
        "/live",
        "/ready",
        "/metrics",
        "/version",
        "/.well-known/jwks.json",
        "/openapi.json",
        "/hooks/{tenant}",
    }
    signed = {p["name"] for p in document["paths"]["/hooks/{tenant}"]["post"]["parameters"]}
    assert signed == {"tenant", "webhook-id", "webhook-timestamp", "webhook-signature"}


def test_what_comes_in_is_closed_and_bounded(document: dict[str, Any]) -> None:
    """Requests take no unknown field, and every text and list in them has an end."""
    schemas = document["components"]["schemas"]
    requests = [
        media["schema"]["$ref"].rpartition("/")[2]
        for operations in document["paths"].values()
        for operation in operations.values()
        if (media := operation.get("requestBody", {}).get("content", {}).get("application/json"))
        and "$ref" in media["schema"]
    ]
    known = {"TokenRequest", "TokensRequest", "RevokeRequest", "ProfileRequest", "HintsRequest"}
    assert known <= set(requests)
    for name in requests:
        assert schemas[name]["additionalProperties"] is False
        for field, schema in schemas[name]["properties"].items():
            for its in schema.get("anyOf", [schema]):
                assert its.get("type") != "string" or "maxLength" in its, field
                assert its.get("type") != "array" or "maxItems" in its, field


def test_every_code_is_described_where_it_can_come(document: dict[str, Any]) -> None:
    """Each error code is told under its own status; none is left out of the whole document."""
    told: dict[str, set[str]] = {}
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for code in re.findall(r"`(\w+)`", response["description"]):
                    told.setdefault(code, set()).add(status)
    assert told == {code.value: {str(ANSWERS[code].status)} for code in Code if code.value in told}
    # A wrong method belongs to no operation.
    assert set(told) == {code.value for code in Code} - {"method_not_allowed"}
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]
    assert codes == {"$ref": "#/components/schemas/Code"}
    assert set(document["components"]["schemas"]["Code"]["enum"]) == {code.value for code in Code}


def test_secrets_are_texts(document: dict[str, Any]) -> None:
    """What the code keeps from printing is a plain string on the wire."""
    answer = document["components"]["schemas"]["TokenAnswer"]
    assert answer["properties"]["access_token"] == {"type": "string"}
    assert "Secret" not in document["components"]["schemas"]


def test_descriptions_read_well(document: dict[str, Any]) -> None:
    """No description keeps the indentation of its source."""
    for schema in document["components"]["schemas"].values():
        lines = schema["description"].splitlines()
        assert lines[0] == lines[0].strip()
        assert not any(line.startswith(" " * 12) for line in lines)
