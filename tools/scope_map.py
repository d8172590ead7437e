#!/usr/bin/env python3
"""Write `bridge/google/scope_map.json` from Google's discovery documents.

The documents are those that google-api-python-client ships (a development dependency, pinned in
pyproject.toml; 17 MB, so it is never a dependency of the bridge itself). A discovery document lists
`scopes` per method, and any one of them suffices.

Run it after the pin has moved, and read the difference before committing it:

    python tools/scope_map.py

The file's members:

    apis      the API and version that each action prefix came from, and the document's revision
    scopes    the table of scopes, sorted
    actions   a method's id to the places of its scopes in that table

Everything is sorted and there is one action a line, so that the same documents give the same bytes
and a new pin gives a readable difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import msgspec

TARGET = Path(__file__).parent.parent / "bridge" / "google" / "scope_map.json"

# The newest version of each; drive.v2 also ships but is superseded, and its ids would clash.
APIS = (
    "calendar.v3",
    "docs.v1",
    "drive.v3",
    "gmail.v1",
    "people.v1",
    "sheets.v4",
    "slides.v1",
    "tasks.v1",
)


class Method(msgspec.Struct):
    """A method of a discovery document; the other members are not read."""

    id: str
    scopes: list[str] = []


class Resource(msgspec.Struct):
    """A resource, or the document itself: methods and further resources."""

    methods: dict[str, Method] = {}
    resources: dict[str, Resource] = {}


class Document(Resource, kw_only=True):
    """A discovery document."""

    name: str
    version: str
    revision: str


def documents() -> Path:
    """Return the folder of the discovery documents, without importing the package."""
    spec = find_spec("googleapiclient")
    if spec is None or spec.origin is None:
        raise SystemExit(
            "google-api-python-client is not installed; it is a development dependency"
        )
    return Path(spec.origin).parent / "discovery_cache" / "documents"


def render(folder: Path) -> bytes:
    """Return the map as the bytes of the file."""
    loaded = [
        msgspec.json.decode((folder / f"{api}.json").read_bytes(), type=Document) for api in APIS
    ]
    methods = {method.id: method for document in loaded for method in _methods(document)}
    table = sorted({scope for method in methods.values() for scope in method.scopes})
    place = {scope: index for index, scope in enumerate(table)}
    apis = {each.name: f"{each.version} {each.revision}" for each in loaded}
    actions = {
        name: sorted(place[scope] for scope in methods[name].scopes) for name in sorted(methods)
    }
    scopes = ",\n".join(json.dumps(scope) for scope in table)
    lines = ",\n".join(f"{_compact(name)}:{_compact(indices)}" for name, indices in actions.items())
    text = f'{{"apis":{_compact(apis)},\n"scopes":[\n{scopes}],\n"actions":{{\n{lines}}}}}\n'
    return text.encode("ascii")


def _methods(resource: Resource) -> Iterator[Method]:
    # A method without scopes needs none, so there is nothing to check before calling it.
    yield from (method for method in resource.methods.values() if method.scopes)
    for child in resource.resources.values():
        yield from _methods(child)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    TARGET.write_bytes(render(documents()))
