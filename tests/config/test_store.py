"""Settings of the store: which URLs of Redis are understood, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from bridge.config.redis_url import Form, RedisAddress, parse
from tests.config.support import Configure, Problems


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://cache", RedisAddress(Form.SINGLE, (("cache", 6379),))),
        (
            "redis://me@[::1]:7000/3",
            RedisAddress(Form.SINGLE, (("::1", 7000),), user="me", database=3),
        ),
        ("rediss://c.example.com", RedisAddress(Form.SINGLE, (("c.example.com", 6379),), tls=True)),
        ("unix:///run/redis.sock", RedisAddress(Form.SINGLE, socket="/run/redis.sock")),
        ("unix://me@/run/r", RedisAddress(Form.SINGLE, socket="/run/r", user="me")),
        (
            "redis+sentinel://a,b:1,[::1]/main/2",
            RedisAddress(
                Form.SENTINEL,
                (("a", 26379), ("b", 1), ("::1", 26379)),
                service="main",
                database=2,
            ),
        ),
        (
            "rediss+cluster://m%65@a,b:7001",
            RedisAddress(Form.CLUSTER, (("a", 6379), ("b", 7001)), tls=True, user="me"),
        ),
    ],
)
def test_a_url_says_where_the_redis_is(url: str, address: RedisAddress) -> None:
    """Each form of URL is read as what it means."""
    assert parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://a:0",
        "redis://a:70000",
        "redis://a/name",
        "redis://a?db=1",
        "redis://a#x",
        "redis://a b",
        "redis://me:pw@a",
        "redis://:pw@a",
        "redis+sentinel://a",
        "redis+cluster://a/1",
        "unix://host/path",
        "unix:///",
        "unix+cluster:///path",
        "http://a",
    ],
)
def test_a_url_that_says_something_else_is_refused(url: str) -> None:
    """What cannot be meant, or would print a password, is refused without quoting it."""
    with pytest.raises(PydanticCustomError) as caught:
        parse(url)
    assert "pw" not in str(caught.value)


def test_a_password_comes_from_a_file(configure: Configure, valid: str, tmp_path: Path) -> None:
    """The secret stands in a file, and prints nowhere."""
    (tmp_path / "pw").write_text("swordfish\n")
    settings = configure(
        f'{valid}\n[store]\nurl = "redis://cache"\n[store.redis]\npassword_file = "pw"\n'
    )
    password = settings.store.redis.password
    assert password is not None
    assert password.reveal() == "swordfish"
    assert "swordfish" not in repr(settings)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("replicas = -1", "store.redis.replicas"),
        ('replicas = "some"', "store.redis.replicas"),
        ('prefix = "a b"', "store.redis.prefix"),
        ('accept = ["everything"]', "store.redis.accept[0]"),
        ('tls_ca = "nowhere.crt"', "store.redis.tls_ca"),
        ('tls_certificate = "bridge.toml"', "store.redis"),
    ],
)
def test_settings_that_make_no_sense_are_named(
    problems: Problems, valid: str, line: str, path: str
) -> None:
    """Each is a problem with its path."""
    found = problems(f"{valid}\n[store.redis]\n{line}\n")
    assert any(each.startswith(path) for each in found)
