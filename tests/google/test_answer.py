from __future__ import annotations

import pytest

from bridge.google.answer import Answer
from bridge.google.endpoints import GOOGLE, Endpoints
from tests.google.conftest import DATE, NOW


def answer(**headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(200, named, b"", received=NOW + 100.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("3600", 3600),
        ("999999999", 3600),
        ("99999999999999999999", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        ("Thu, 09 Oct 2025 08:53:50 GMT", 30),
        ("Thu, 09 Oct 2025 08:53:00 GMT", 0),
        ("Thu, 09 Oct 2125 08:53:00 GMT", 3600),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(
    text: str, seconds: int | None
) -> None:
    """Both forms are read against Google's own clock; nonsense is as good as nothing."""
    assert answer(retry_after=text, date=DATE).retry_after == seconds


def test_a_retry_date_without_a_date_header_is_read_against_our_clock() -> None:
    """Where Google does not tell its time, ours must do."""
    assert answer(retry_after="Thu, 09 Oct 2025 08:55:10 GMT").retry_after == 10


@pytest.mark.parametrize("text", ["", "yesterday", "Thu, 99 Oct 2025 08:53:20 GMT", "1760000000"])
def test_a_date_that_cannot_be_read_is_none(text: str) -> None:
    """A broken `Date` tells no time, and no skew."""
    assert answer(date=text).date is None
    assert answer(date=text).skew is None


def test_a_date_is_read() -> None:
    """RFC 9110's form is Unix seconds, also with a zone that claims nothing."""
    assert answer(date=DATE).date == NOW
    assert answer(date=DATE.replace("GMT", "-0000")).date == NOW


@pytest.mark.parametrize(
    "text", ["a b", "a\nlevel=error", "a" * 129, "", 'a"b', "1//0rt/with-slash"]
)
def test_a_request_id_that_is_no_plain_word_is_dropped(text: str) -> None:
    """A header cannot write a line of our log."""
    assert answer(x_request_id=text).request_id is None


def test_googles_own_request_id_goes_first() -> None:
    """A proxy's id does not hide Google's."""
    assert answer(x_request_id="proxy", x_goog_request_id="google").request_id == "google"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("public, max-age=19845, must-revalidate, no-transform", 19845),
        ("Max-Age=5", 5),
        ('max-age="7"', 7),
        ("s-maxage=9", None),
        ("x-max-age=9", None),
        ("max-age=-1", None),
        ("no-store", None),
        ("", None),
    ],
)
def test_max_age_is_read_from_cache_control(text: str, seconds: int | None) -> None:
    """Only the directive of that very name counts."""
    assert answer(cache_control=text).max_age == seconds


def test_a_body_does_not_show_in_a_repr() -> None:
    """An answer in a traceback shows its status alone."""
    shown = repr(Answer(200, {"x": "1//0header"}, b"1//0body", received=0.0))
    assert "1//0" not in shown


def test_a_stand_in_has_googles_paths_and_issuers() -> None:
    """What is built against a stand-in runs against Google."""
    stand_in = Endpoints.at("http://127.0.0.1:9000/")
    assert stand_in.token == "http://127.0.0.1:9000/token"
    assert stand_in.certs == "http://127.0.0.1:9000/oauth2/v3/certs"
    assert stand_in.issuers == GOOGLE.issuers
    for name in ("authorization", "token", "revocation", "tokeninfo", "certs"):
        path = getattr(GOOGLE, name).split("/", 3)[3]
        assert getattr(stand_in, name) == f"http://127.0.0.1:9000/{path}"
