from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from bridge.errors import BridgeError
from bridge.profile import Json, strip
from tests.profile.canaries import (
    OBJECTS,
    PROFILES,
    SHAPES,
    WRITTEN,
    WRITTEN_IF_KNOWN,
    dump,
    scramble,
    shows,
)

TOKENS = st.builds(
    lambda shape, seed: SHAPES[shape](seed),
    st.sampled_from(sorted(SHAPES)),
    st.integers(min_value=0, max_value=10**9),
)
PLANTED = "planted"
SECRET_NAMES = [
    "access_token",
    "refreshToken",
    "googleRefreshToken",
    "FEDERATED_REFRESH_TOKEN:google",
    "id-token",
    "access_token_secret",
    "https://claims.example/oauth_token",
    "token",
]


def containers(value: Json) -> list[dict[str, Json] | list[Json]]:
    """Return every object and array in a value, itself included."""
    if isinstance(value, dict):
        return [value, *(each for child in value.values() for each in containers(child))]
    if isinstance(value, list):
        return [value, *(each for child in value for each in containers(child))]
    return []


def put(place: int, at: int, profile: dict[str, Json], text: Json) -> dict[str, Json]:
    """Return a copy of the profile with a text more, in one of its objects or arrays."""
    copied = copy.deepcopy(profile)
    where = containers(copied)[place]
    if isinstance(where, dict):
        where[PLANTED] = text
    else:
        where.insert(at, text)
    return copied


def check_planted(
    data: st.DataObject, profile: dict[str, Json], token: str, text: str, known: list[str]
) -> None:
    """Plant the text anywhere; assert that the token is gone and that nothing else changed."""
    every = containers(profile)
    place = data.draw(st.integers(min_value=0, max_value=len(every) - 1))
    at = data.draw(st.integers(min_value=0, max_value=len(every[place])))
    stripped = strip(put(place, at, profile, text), known=known)
    assert stripped.removed
    assert not shows(dump(stripped.profile), token)
    assert not shows(repr(stripped.removed), token)
    left = strip([text], known=known).profile
    assert isinstance(left, list)
    expected = put(place, at, profile, left[0]) if left else profile
    assert dump(stripped.profile) == dump(expected)


@pytest.mark.parametrize("written", sorted(WRITTEN_IF_KNOWN))
@settings(max_examples=25)
@given(data=st.data(), profile=OBJECTS, token=TOKENS)
def test_a_known_token_is_gone_wherever_and_however_it_is_written(
    written: str, data: st.DataObject, profile: dict[str, Json], token: str
) -> None:
    """No 12 characters of a known token are left in any encoding, and the rest is as it was."""
    check_planted(data, profile, token, WRITTEN_IF_KNOWN[written](token), [token])


@pytest.mark.parametrize("written", sorted(WRITTEN_IF_KNOWN))
@settings(max_examples=10)
@given(data=st.data(), profile=OBJECTS, seed=st.integers(0, 10**9))
def test_a_known_token_of_no_shape_is_gone_as_well(
    written: str, data: st.DataObject, profile: dict[str, Json], seed: int
) -> None:
    """A known token is found by its characters alone, be it opaque and of any issuer."""
    token = scramble(seed, 40)
    check_planted(data, profile, token, WRITTEN_IF_KNOWN[written](token), [token])


@pytest.mark.parametrize("written", sorted(WRITTEN))
@settings(max_examples=25)
@given(data=st.data(), profile=OBJECTS, token=TOKENS)
def test_an_unknown_token_is_gone_by_its_shape(
    written: str, data: st.DataObject, profile: dict[str, Json], token: str
) -> None:
    """A Google token or JWT that nobody told of is found by its shape, and the rest stays."""
    check_planted(data, profile, token, WRITTEN[written](token), [])


@pytest.mark.parametrize("name", SECRET_NAMES)
@settings(max_examples=25)
@given(
    data=st.data(),
    profile=OBJECTS,
    secret=st.builds(lambda seed: scramble(seed, 40), st.integers(0, 10**9)),
)
def test_what_is_named_a_token_is_gone_whatever_it_looks_like(
    name: str, data: st.DataObject, profile: dict[str, Json], secret: str
) -> None:
    """An opaque token of any issuer is removed with the member that names it, and nothing else."""
    before = copy.deepcopy(profile)
    objects = [each for each in containers(profile) if isinstance(each, dict)]
    data.draw(st.sampled_from(objects))[name] = secret
    stripped = strip(profile)
    assert dump(stripped.profile) == dump(before)
    (removal,) = stripped.removed
    assert removal.path.endswith(name.replace("/", "~1"))


@given(PROFILES)
def test_a_profile_without_tokens_is_left_alone(profile: Json) -> None:
    """Where there is no token the very same object comes back, and nothing is reported."""
    before = dump(profile)
    stripped = strip(profile, known=[SHAPES["refresh"](1), SHAPES["access"](2)])
    assert stripped.profile is profile
    assert dump(profile) == before
    assert stripped.removed == ()


@given(OBJECTS, TOKENS)
def test_stripping_does_not_change_its_argument(profile: dict[str, Json], token: str) -> None:
    """The caller's profile keeps its tokens; only the returned one is clean."""
    profile["a"] = {"refresh_token": token, "list": [token, f"https://x.example/?t={token}"]}
    before = copy.deepcopy(profile)
    strip(profile, known=[token])
    assert profile == before


KNOWN = SHAPES["refresh"](7)
PIECES = st.sampled_from(
    [
        KNOWN,
        KNOWN[:20],
        KNOWN[:6],
        KNOWN[6:],
        SHAPES["access"](8),
        SHAPES["code"](9),
        SHAPES["id token"](10),
        "opaque0123456789opaque",
        "ya29.",
        "1//",
        "eyJ",
        "access_token",
        "token",
        "type",
        "_",
        "=",
        "&",
        "&amp;",
        ";",
        "?",
        "#",
        "%",
        "%2F",
        "%26",
        "25",
        "/",
        "\\",
        "\\u0031",
        '"',
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        " ",
        "\n",
        "Bearer ",
        "authorization: ",
        "[removed]",
        "removed",
        "x",
        ".",
        "5",
        "\ud800",
        "\u00e9",
    ]
)
MESS = st.lists(PIECES, max_size=12).map("".join)
JSON_MESS = st.recursive(
    MESS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(MESS, inner, max_size=3)
        | inner.map(json.dumps)
        | st.fixed_dictionaries({"name": inner, "value": inner})
    ),
    max_leaves=6,
)


@settings(max_examples=400)
@given(JSON_MESS)
def test_stripping_twice_is_stripping_once(profile: Json) -> None:
    """A stripped profile is its own stripped form, for any mixture of tokens and their syntax."""
    try:
        once = strip(profile, known=[KNOWN])
    except BridgeError:
        # JSON in strings of strings can be deeper than the bounds; a refusal shows nothing.
        reject()
    again = strip(once.profile, known=[KNOWN])
    assert again.profile is once.profile
    assert again.removed == ()
    assert not shows(dump(once.profile), KNOWN)


def test_the_search_of_these_tests_finds_what_is_there() -> None:
    """Control: before stripping, the canary is found in every encoding that is planted."""
    token = SHAPES["refresh"](1)
    overlooked = {"every character escaped", "every character escaped for JSON"}
    for written, write in WRITTEN_IF_KNOWN.items():
        if written not in overlooked:
            assert shows(dump({"a": write(token)}), token), written
