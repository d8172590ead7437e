"""The OpenAPI document, made from the same routes and types that answer.

Owns the document's form (OpenAPI 3.1). Nothing in it is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from inspect import cleandoc
from typing import Any, Final

import msgspec

from bridge import __version__
from bridge.errors import ANSWERS, Code
from bridge.web.reply import PROBLEM, Problem, Reply, encoded
from bridge.web.route import Route

_PARAM: Final = re.compile(r"{(\w+)}")
_ALWAYS: Final = (Code.INVALID_REQUEST, Code.FORBIDDEN, Code.INTERNAL_ERROR)
_WITH_STORE: Final = (Code.STORE_UNAVAILABLE, Code.KEY_UNAVAILABLE, Code.RECORD_CORRUPT)
_STORED: Final = ("/v1/", "/hooks/", "/ready")
_SIGNATURE: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


def described(table: Sequence[Route]) -> tuple[Route, ...]:
    """Return a table with one route more, which serves the document of them all."""

    @cache
    def reply() -> Reply:
        # At the first request: it takes 20 ms, and most processes are never asked for it.
        return encoded(document(every))

    own = Route(
        method="GET",
        path="/openapi.json",
        name="openapi",
        summary="What there is: this document (OpenAPI 3.1).",
        handle=lambda _ask: reply(),
        answer=dict[str, Any],
        is_open=True,
    )
    every = (*table, own)
    return every


def document(table: Sequence[Route]) -> dict[str, Any]:
    """Return the document of a table of routes."""
    types = [t for route in table for t in (route.body, route.query, route.answer) if t is not None]
    schemas, components = msgspec.json.schema_components(
        [*types, Problem], schema_hook=_secret_schema, ref_template="#/components/schemas/{name}"
    )
    schema_of = dict(zip(map(repr, [*types, Problem]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in table:
        operation = _operation(route, schema_of, components)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    queries = {route.query.__name__ for route in table if route.query is not None}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "grantbridge, internal API",
            "version": __version__,
            "description": "Serves fresh Google access tokens to backends. Never to browsers.",
        },
        "paths": paths,
        "components": {
            "schemas": {
                name: its | {"description": cleandoc(its["description"])}
                for name, its in components.items()
                if name not in queries
            },
            "securitySchemes": {
                "caller": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of `bridge callers create`, or a JWT of a configured "
                    "issuer.",
                }
            },
        },
    }


def _operation(
    route: Route, schema_of: Mapping[str, Any], components: Mapping[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": _parameters(route, components),
        "responses": _responses(route, schema_of),
    }
    if not route.is_open:
        operation["security"] = [{"caller": []}]
    if route.body is not None:
        content = {"application/json": {"schema": schema_of[repr(route.body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: Route, components: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAM.findall(route.path)
    ]
    if route.query is not None:
        schema = components[route.query.__name__]
        found += [
            {
                "name": name,
                "in": "query",
                "required": name in schema["required"],
                "schema": _present(its),
            }
            for name, its in schema["properties"].items()
        ]
    if route.is_raw:
        found += [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
            for name in _SIGNATURE
        ]
    return found


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter that is there: left out is its only way to be null."""
    some = [its for its in schema.get("anyOf", ()) if its != {"type": "null"}]
    return some[0] if len(some) == 1 else schema


def _responses(route: Route, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if route.answer is None:
        responses["204"] = {"description": "Done."}
    else:
        content = {route.media.partition(";")[0]: {"schema": schema_of[repr(route.answer)]}}
        responses["200"] = {"description": "Done.", "content": content}
    for code in _codes(route):
        status = str(ANSWERS[code].status)
        content = {PROBLEM: {"schema": schema_of[repr(Problem)]}}
        told = responses.setdefault(status, {"description": "", "content": content})
        told["description"] = f"{told['description']} `{code.value}`".strip()
    return responses


def _codes(route: Route) -> list[Code]:
    codes = list(_ALWAYS)
    if route.path.startswith(_STORED):
        codes += _WITH_STORE
    if not route.is_open or route.is_raw:
        codes.append(Code.UNAUTHENTICATED)
    if not route.is_open:
        codes.append(Code.UPSTREAM_UNAVAILABLE)
    if route.body is not None:
        codes.append(Code.TOO_LARGE)
    if route.body is not None and not route.is_raw:
        codes.append(Code.UNSUPPORTED_MEDIA_TYPE)
    return list(dict.fromkeys([*codes, *route.errors]))


def _secret_schema(_kind: type) -> dict[str, Any]:
    return {"type": "string"}
