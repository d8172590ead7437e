"""Reading what comes in: which field is at fault, and nothing of what stood in it."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from enum import Enum
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from bridge.errors import BridgeError, Code
from bridge.parsing import Label, Name, Word, read_json

RT = "1//0cAnArYrEfReShToKeN-qwertzuiopasdfgh_yxcvbnm"


class Colour(Enum):
    RED = "red"


class One(msgspec.Struct, tag="one", forbid_unknown_fields=True):
    pass


class Two(msgspec.Struct, tag="two", forbid_unknown_fields=True):
    pass


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[int, Meta(ge=1, le=9)] = 1


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    name: Name = "x"
    word: Word = "x"
    label: Label = "x"
    inner: Inner = msgspec.field(default_factory=Inner)
    many: Annotated[list[Inner], Meta(max_length=2)] = []
    colour: Colour = Colour.RED
    tagged: One | Two = msgspec.field(default_factory=One)
    anything: Any = None


class Needy(msgspec.Struct):
    inner: Inner
    wanted: str


OUTER = msgspec.json.Decoder(Outer)
NEEDY = msgspec.json.Decoder(Needy)


def refused(raw: bytes | dict[str, Any], decoder: msgspec.json.Decoder[Any] = OUTER) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        read_json(decoder, raw if isinstance(raw, bytes) else json.dumps(raw).encode())
    assert caught.value.code is Code.INVALID_REQUEST
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"inner": {"number": 0}}, "inner.number"),
        ({"inner": {"number": "1"}}, "inner.number"),
        ({"inner": {"number": 10**30}}, "inner.number"),
        ({"many": [{}, {"number": 10}]}, "many[1].number"),
        ({"many": [{}, {}, {}]}, "many"),
        ({"many": {}}, "many"),
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": None}, "name"),
        ({"colour": "blue"}, "colour"),
        ({"colour": RT + "'`\" - at `$.name"}, "colour"),
        ({"tagged": {"type": RT + "'`"}}, "tagged.type"),
        ({"tagged": {}}, None),
        ({"nonsense": 1}, "nonsense"),
        ({"inner": {"nonsense": 1}}, "inner.nonsense"),
        ({"inner": {RT: 1}}, "inner"),
        ({RT: 1}, None),
        ({"x`y": 1}, None),
        ([], None),
        ("text", None),
    ],
    ids=str,
)
def test_the_field_is_named_and_its_value_is_not(raw: Any, field: str | None) -> None:
    """The path leads to the fault as far as it is of our own naming."""
    error = refused(raw)
    if field is not None or "tagged" not in str(raw):
        assert error.field == field
    for start in range(len(RT) - 7):
        assert RT[start : start + 8] not in error.public + str(error.field)
    assert error.public.endswith(".")
    assert "'" not in error.public


def test_a_missing_field_is_named_where_it_is_missing() -> None:
    """A required field is told by its own name."""
    assert refused({"inner": {}}, NEEDY).field == "wanted"
    assert "missing" in refused({"inner": {}}, NEEDY).public


@pytest.mark.parametrize("field", ["name", "word", "label"])
@pytest.mark.parametrize(
    "text",
    [
        "a\0b",
        "\0",
        "a\nb",
        "a\n",
        "a\r\n",
        "a\x1bb",
        "a\x7f",
        RT,
        f"user {RT}"[:100],
        "prefix-" + RT,
        "ya29.a0AfH6SMBx-something",
        "GOCSPX-abcdefghijkl",
        "https://x.test/cb?token=1//0abcdefgh",
    ],
    ids=repr,
)
def test_no_control_character_and_no_token_gets_into_a_name(text: str, field: str) -> None:
    """NUL would part what names are made of, a line break a log, a token belongs nowhere."""
    error = refused({field: text})
    assert error.field == field
    assert RT not in str(error)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", "auth0|5f7c8ec7c33c6c004bbafe82"),
        ("name", "google-oauth2|115294850293840293847"),
        ("name", "f:9b2c:ada lovelace@example.com"),
        ("name", "Ünïcödé 名前 🙂"),
        ("name", "1/2/2026"),
        ("name", "a//b"),
        ("name", "https://idp.example/users/1//x"),
        ("word", "https://www.googleapis.com/auth/calendar"),
        ("word", "1234-abc.apps.googleusercontent.com"),
        ("label", "nightly job 7 (retry)"),
    ],
)
def test_what_names_look_like_is_let_in(field: str, text: str) -> None:
    """The names that IdPs, Google and callers use pass as they are."""
    assert getattr(read_json(OUTER, json.dumps({field: text}).encode()), field) == text


LONG_AGO = r"(?!.*(?:1//|ya29\.|GOCSPX-)[A-Za-z0-9_-]{8})"
PIECES = st.sampled_from(
    ["1", "1/", "1//", "/", "y", "ya29", "ya29.", "G", "GOCSPX", "GOCSPX-", "a", "_-9Zabcd"]
)


@pytest.mark.parametrize(
    ("field", "others"),
    [("name", r"[^\x00-\x1f\x7f]+"), ("word", "[!-~]+"), ("label", "[ -~]+")],
)
@given(text=st.lists(PIECES | st.characters(exclude_categories=["Cs"])).map("".join))
def test_a_name_is_what_a_look_over_the_whole_of_it_allows(
    field: str, others: str, text: str
) -> None:
    """The quick pattern lets in exactly what the plain one does: no token anywhere in it."""
    allowed = re.fullmatch(LONG_AGO + others, text[:100]) is not None
    if allowed:
        assert getattr(read_json(OUTER, json.dumps({field: text[:100]}).encode()), field)
    else:
        assert refused({field: text[:100]}).field == field


@pytest.mark.parametrize("text", ["1" * 255, "1yG" * 85, "1/" * 127, "y" * 255 + "\n"])
def test_no_text_makes_a_pattern_slow(text: str) -> None:
    """Time grows with the length of a text and not with its square or worse."""
    begun = time.process_time()
    for _ in range(100):
        with suppress(BridgeError):
            read_json(OUTER, json.dumps({"name": text, "word": text}).encode())
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{}x",
        b'{"name":"\xff"}',
        b'{"name":"\\ud800"}',
        b'{"name":"\\ud800 and more text"}',
        b'{"name":"\\udc00\\ud800"}',
        b'{"name":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"name":"a"}',
        b'{"name":"a\x00b"}',
        b"\x00",
        b'{"anything":NaN}',
        b'{"anything":Infinity}',
        b"{'name':'a'}",
        b'{"name":"a",}',
        '{"name":"a"}'.encode("utf-16"),
    ],
)
def test_what_is_no_json_is_told_so(raw: bytes) -> None:
    """Broken text, lone surrogates, NaN and the like are one plain refusal."""
    assert refused(raw).public == "The body is not JSON in UTF-8."


def test_deep_nesting_is_told_so() -> None:
    """A body that would exhaust the stack is refused by name of its fault."""
    for size in (10_000, 30_000):
        deep = b'{"anything":' + b"[" * size + b"]" * size + b"}"
        assert refused(deep).public == "The body is nested too deep."


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"name":"a","name":"b"}', "name"),
        (b'{"name":"a","n\\u0061me":"b"}', "name"),
        (b'{"name":"name","word":"w","name":"x"}', "name"),
        (b'{"inner":{"number":1,"number":2}}', "number"),
        (b'{"name" : "a" , "word":"b", "name"\n: "a"}', "name"),
        (b'{"anything":{"a":1,"b":{"c":[{"k":1,"k":1}]}}}', "k"),
        (b'{"anything":{"":1,"":2}}', None),
        (b'{"anything":{"1//0abcdefghijkl":1,"1//0abcdefghijkl":2}}', None),
    ],
)
def test_a_name_that_is_given_twice_is_refused(raw: bytes, field: str | None) -> None:
    """Two readers could take different ones; so neither is taken."""
    error = refused(raw)
    assert error.public == "A field is given twice."
    assert error.field == field


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXTS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text('ab":\\ é', max_size=3), inner, max_size=4)
        ),
        max_leaves=8,
    ),
    st.booleans(),
)
def test_a_body_without_repetition_is_taken_as_it_is(value: object, escaped: object) -> None:
    """Names in common between objects, quotes and colons in texts are no repetition."""
    raw = json.dumps({"anything": [value, value]}, ensure_ascii=bool(escaped)).encode()
    assert read_json(OUTER, raw).anything == [value, value]
