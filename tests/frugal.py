"""What every test would do anew is done once a process: half the time of most fast tests.

Owns the shortcuts. What is shared is the same for all: the code that builds a route's URL, and the
primes of a stand-in's keys.
"""

from __future__ import annotations

from functools import cache
from itertools import cycle
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import RSAKey
from werkzeug.routing import Rule

_KEYS: Final = 4


def spare() -> None:
    """Take the shortcuts in this process."""
    _share_builders()
    _share_keys()


def _share_builders() -> None:
    """Have werkzeug compile what builds a route's URL once for all apps that have the route."""
    compiled: Any = Rule._compile_builder  # noqa: SLF001 - there is no other place
    known: dict[object, Any] = {}

    def shared(rule: Rule, *append_unknown: bool) -> Any:
        if rule.defaults:
            return compiled(rule, *append_unknown)
        key = (append_unknown, rule.rule, *rule._trace)  # noqa: SLF001 - all that the code is made of
        if key not in known:
            known[key] = compiled(rule, *append_unknown)
        return known[key]

    setattr(Rule, "_compile_builder", shared)  # noqa: B010 - mypy takes no other way


def _share_keys() -> None:
    """Have a few RSA keys go round; each has a `kid` of its own every time."""

    @cache
    def numbers(bits: int) -> cycle[rsa.RSAPrivateKey]:
        return cycle([rsa.generate_private_key(65537, bits) for _ in range(_KEYS)])

    def shared(bits: int = 2048, parameters: Any = None, *, private: bool = True) -> RSAKey:
        assert private
        return RSAKey.import_key(next(numbers(bits)), parameters)

    setattr(RSAKey, "generate_key", shared)  # noqa: B010 - mypy takes no other way
