"""The API does what its document says: schemathesis asks whatever the document allows, and more."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core import NotSet
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from tests.kit import TENANT, World
from tests.wsgi import internal_wsgi

pytestmark = pytest.mark.slow

# Without `positive_data_acceptance`: the document cannot say that `subject` and `grant` exclude
# each other, nor that the hook's signature covers its body.
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.missing_required_header,
    checks.unsupported_method,
    checks.allow_header_conformance,
    checks.ignored_auth,
]
OPERATIONS = (
    "POST /v1/token",
    "POST /v1/tokens",
    "GET /v1/grants",
    "GET /v1/grants/{grant}",
    "DELETE /v1/grants/{grant}",
    "POST /v1/grants/{grant}/revoke",
    "POST /v1/grants/{grant}/recheck",
    "POST /v1/preflight",
    "POST /v1/profiles/strip",
    "POST /v1/connect-links",
    "GET /v1/connect-links/{link}",
    "POST /v1/connections",
    "POST /v1/connections-links",
    "GET /v1/events",
    "POST /v1/login-hints",
    "POST /v1/admin/orders",
    "GET /v1/admin/orders",
    "GET /v1/admin/orders/{order}",
    "DELETE /v1/admin/orders/{order}",
    "GET /v1/admin/recovery",
    "GET /metrics",
    "GET /live",
    "GET /ready",
    "GET /version",
    "GET /.well-known/jwks.json",
    "POST /hooks/{tenant}",
)  # and the document itself, which schemathesis passes over


BOUNDED = settings(
    max_examples=30,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def operations_of(world: World) -> dict[str, Any]:
    """Return the operations of the document that the app serves, by method and path."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", internal_wsgi(world.services))
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return {operation.label: operation for operation in found}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_operation_conforms(mode: GenerationMode, bridge_world: World) -> None:
    """Sound and unsound requests get documented statuses, types and bodies, and never a 5xx."""
    grant = bridge_world.grant("u1")
    key = {"Authorization": bridge_world.key()}
    operations = operations_of(bridge_world)
    assert set(operations) == set(OPERATIONS)
    # Made-up names alone would never get past "not found".
    known = {
        "GET /v1/grants": {"query": {"tenant": TENANT}},
        "GET /v1/grants/{grant}": {"path_parameters": {"grant": grant.id}},
        "POST /v1/grants/{grant}/revoke": {"path_parameters": {"grant": grant.id}},
        "POST /v1/grants/{grant}/recheck": {"path_parameters": {"grant": grant.id}},
        "DELETE /v1/grants/{grant}": {"path_parameters": {"grant": grant.id}},
    }

    for label, operation in operations.items():
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue
        for fixed in ({}, known[label]) if label in known else ({},):

            @BOUNDED
            @given(case=operation.as_strategy(mode, **fixed))
            def conforms(case: Case[Any]) -> None:
                case.call_and_validate(headers=key, checks=CHECKS)

            conforms()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_signed_messages_conform(mode: GenerationMode, bridge_world: World) -> None:
    """A hook's message is decoded only once it is signed; then, too, nothing is a 5xx."""
    operation = operations_of(bridge_world)["POST /hooks/{tenant}"]

    @BOUNDED
    @given(case=operation.as_strategy(mode, path_parameters={"tenant": TENANT}))
    def conforms(case: Case[Any]) -> None:
        if isinstance(case.body, NotSet | bytes):
            return
        for message in (case.body, named(case.body)):
            response = bridge_world.post_hook(json.dumps(message).encode())
            told = response.get_json(force=True)
            assert response.status_code < 500, told
            assert response.status_code == 200 or told["status"] == response.status_code
            case.operation.validate_response(response)

    conforms()


def named(message: Any) -> Any:
    """Return a message that names its tenant, where it is one at all."""
    return message | {"tenant": TENANT} if isinstance(message, dict) else message
