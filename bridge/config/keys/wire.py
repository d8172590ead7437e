"""The key file's JSON: its exact form, and every way in which it can be wrong.

Problems name the place (`record_keys[1].secret`) and never the value.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from bridge.config.keys.material import KEY_BYTES, HashKey, HookKey, KeyFile, RecordKey
from bridge.config.problems import ConfigError, Problem
from bridge.secret import Secret

_Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
_Time = Annotated[int, msgspec.Meta(ge=0)]
_COORDINATE_BYTES: Final = 32


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Members are exactly those named."""


class _RecordKey(_Strict, frozen=True):
    id: _Id
    secret: str
    created_at: _Time


class _HashKey(_Strict, frozen=True):
    id: _Id
    secret: str


class _HookKey(_Strict, frozen=True):
    kty: Literal["EC"]
    crv: Literal["P-256"]
    kid: _Id
    x: str
    y: str
    d: str
    created_at: _Time


class _File(_Strict, frozen=True):
    version: Literal[1]
    record_keys: Annotated[tuple[_RecordKey, ...], msgspec.Meta(min_length=1)]
    hash_keys: Annotated[tuple[_HashKey, ...], msgspec.Meta(min_length=1)]
    hook_keys: Annotated[tuple[_HookKey, ...], msgspec.Meta(min_length=1)]


def encode(keys: KeyFile) -> bytes:
    """Return the file's bytes."""
    file = _File(
        version=1,
        record_keys=tuple(
            _RecordKey(id=key.id, secret=key.secret.reveal(), created_at=key.created_at)
            for key in keys.record_keys
        ),
        hash_keys=tuple(_HashKey(id=key.id, secret=key.secret.reveal()) for key in keys.hash_keys),
        hook_keys=tuple(
            msgspec.convert(json.loads(key.jwk.reveal()) | {"created_at": key.created_at}, _HookKey)
            for key in keys.hook_keys
        ),
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def decode(content: bytes, name: str) -> KeyFile:
    """Return the keys in a file.

    Args:
        content: the file's bytes.
        name: the file's name, for problems.

    Raises:
        ConfigError: with all that is wrong, or, where the JSON has another form, with the first.
    """
    try:
        file = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, RecursionError) as error:
        problem = Problem(name, f"is no key file of version 1{_place(error)}")
    else:
        problems = [Problem(f"{name}: {place}", text) for place, text in _problems(file)]
        if problems:
            raise ConfigError(problems)
        return _keys(file)
    # Raised outside of the handler: msgspec's error, which may quote, is not to hang on to it.
    raise ConfigError([problem])


def _place(error: Exception) -> str:
    # Only places: the rest of the sentence can quote what the file holds. The name of a missing
    # member is one of ours.
    text = str(error)
    missing = re.search(r"missing required field `(\w+)`", text)
    place = re.search(r" - at `\$\.?([\w.\[\]]+)`", text)
    return (f", at {place[1]}" if place else "") + (f", without {missing[1]}" if missing else "")


def _keys(file: _File) -> KeyFile:
    return KeyFile(
        tuple(RecordKey(k.id, Secret(k.secret), k.created_at) for k in file.record_keys),
        tuple(HashKey(k.id, Secret(k.secret)) for k in file.hash_keys),
        tuple(HookKey(k.kid, Secret(_jwk(k)), k.created_at) for k in file.hook_keys),
    )


def _jwk(key: _HookKey) -> str:
    jwk = {"kty": "EC", "crv": "P-256", "kid": key.kid, "x": key.x, "y": key.y, "d": key.d}
    return json.dumps(jwk, sort_keys=True)


def _problems(file: _File) -> Iterator[tuple[str, str]]:
    yield from _repeated("record_keys", [key.id for key in file.record_keys], "id")
    yield from _repeated("record_keys", [key.secret for key in file.record_keys], "secret")
    yield from _repeated("hash_keys", [key.id for key in file.hash_keys], "id")
    yield from _repeated("hook_keys", [key.kid for key in file.hook_keys], "kid")
    yield from _malformed("record_keys", [key.secret for key in file.record_keys])
    yield from _malformed("hash_keys", [key.secret for key in file.hash_keys])
    for index, hook_key in enumerate(file.hook_keys):
        if not _is_pair(hook_key):
            yield f"hook_keys[{index}]", "should be a private P-256 JWK whose parts belong together"


def _repeated(name: str, values: list[str], member: str) -> Iterator[tuple[str, str]]:
    for index, value in enumerate(values):
        first = values.index(value)
        if first != index:
            yield f"{name}[{index}].{member}", f"is the same as {name}[{first}].{member}"


def _malformed(name: str, secrets: list[str]) -> Iterator[tuple[str, str]]:
    for index, secret in enumerate(secrets):
        if not _is_key(secret):
            yield f"{name}[{index}].secret", f"should be base64 of {KEY_BYTES} bytes"


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == KEY_BYTES
    except ValueError:
        return False


def _is_pair(key: _HookKey) -> bool:
    parts = (key.x, key.y, key.d)
    try:
        if any(len(base64.urlsafe_b64decode(part + "==")) != _COORDINATE_BYTES for part in parts):
            return False
        # Building the key makes OpenSSL check that the point is the private number's.
        return bool(ECKey.import_key(json.loads(_jwk(key))).private_key)
    except (JoseError, ValueError, TypeError):
        return False
