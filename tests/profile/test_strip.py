from __future__ import annotations

import json
import time

import pytest

from bridge.errors import BridgeError, Code
from bridge.profile import MAX_DEPTH, MAX_SIZE, Json, Removal, Why, strip
from bridge.secret import Secret, fingerprint
from tests.profile.canaries import SHAPES, shows

RT = SHAPES["refresh"](1)
AT = SHAPES["access"](2)
CODE = SHAPES["code"](3)
ID_TOKEN = SHAPES["id token"](4)


def test_an_auth0_identity_loses_its_tokens_alone() -> None:
    """Each token of an identity is removed by its name; what describes the login stays."""
    identity: Json = {
        "provider": "google-oauth2",
        "access_token": "opaque",
        "access_token_secret": "opaque",
        "refresh_token": "opaque",
        "id_token": "opaque",
        "expires_in": 3599,
        "user_id": "110169484474386276334",
        "isSocial": True,
        "profileData": {"email": "ann@example.com", "email_verified": True},
    }
    stripped = strip({"identities": [identity], "app_metadata": {"refresh_token": "opaque"}})
    assert stripped.profile == {
        "identities": [
            {
                "provider": "google-oauth2",
                "expires_in": 3599,
                "user_id": "110169484474386276334",
                "isSocial": True,
                "profileData": {"email": "ann@example.com", "email_verified": True},
            }
        ],
        "app_metadata": {},
    }
    assert [each.path for each in stripped.removed] == [
        "/identities/0/access_token",
        "/identities/0/access_token_secret",
        "/identities/0/refresh_token",
        "/identities/0/id_token",
        "/app_metadata/refresh_token",
    ]
    assert {each.why for each in stripped.removed} == {Why.NAME}


@pytest.mark.parametrize(
    "name",
    [
        "refresh_token",
        "refreshToken",
        "refresh-token",
        "Refresh Token",
        "refresh.token",
        "REFRESHTOKEN",
        "refreshtoken",
        "googleRefreshToken",
        "google_refresh_token_v2",
        "FEDERATED_REFRESH_TOKEN",
        "FEDERATED_ACCESS_TOKEN:google",
        "IDToken",
        "oauth_token_secret",
        "token",
        "token_1",
        "jwt",
        "serverAuthCode",
        "client_secret",
        "https://example.com/claims/access_token",
        "\uff52efresh_token",
    ],
)
def test_a_name_says_token_in_any_spelling(name: str) -> None:
    """Case, separators, prefixes and compatibility letters do not hide a token's name."""
    assert strip({name: "opaque", "a": 1}).profile == {"a": 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token_type", "Bearer"),
        ("expires_in", 3599),
        ("email_verified", True),
        ("tokens_used", 5),
        ("tokens_used", "5"),
        ("access_token", None),
        ("has_refresh_token", False),
        ("max_tokens", "4096"),
        ("tokenizer", "bert-base"),
        ("csrf", "a1b2c3d4e5f6a7b8c9"),
        ("csrfToken", "a1b2c3d4e5f6a7b8c9"),
        ("nextPageToken", "a1b2c3d4e5f6a7b8c9"),
        ("FEDERATED_TOKEN_EXPIRATION", "1730000000"),
        ("refresh_token_expires_in", "never"),
        ("id_token_signed_response_alg", "RS256"),
        ("token_endpoint", "https://oauth2.googleapis.com/token"),
        ("https://token.example/email", "ann@example.com"),
        ("access_token", ""),
        ("bio", "My refresh token: it is a story of a ring-bearer. Bearer of bad news!"),
        ("bio", "set refresh_token=[removed] and authorization: bearer token"),
        ("authorization", "granted"),
        ("born", "4/5/2024"),
        ("path", "1/introduction-to-everything-in-2024"),
        ("path", "4/Annual-Report-Of-The-Year-2024/index"),
        ("path", "https://cdn.example.com/1//profile-pictures-of-users/550e8400-e29b.png"),
        ("path", "http://10.0.0.1//a-rather-long-folder-name/x"),
        ("host", "www.eyJohnson.example.com"),
        ("code", "1234"),
        ("url", "https://app.example.com/?tokens_used=5&page_token=abc&token_type=Bearer"),
        ("url", "https://app.example.com/?token=5&x=%zz&=&&a==#?"),
        ("json", '{ "token_type" : "Bearer", "n": 1.10, "n": 1e999 }'),
        ("json", "[1, 2"),
        ("base64", "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo="),
    ],
)
def test_a_harmless_look_alike_stays(name: str, value: Json) -> None:
    """What only resembles a token, or tells about one, is left byte for byte."""
    profile: Json = {"a": [{name: value}]}
    assert strip(profile, known=[RT]).profile is profile


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://h/p?x=1&access_token=q&y=%20", "https://h/p?x=1&y=%20"),
        ("https://h/p?access_token=q&y=2#z=1", "https://h/p?y=2#z=1"),
        ("https://h/p?access_token=q&refresh_token=r&y=2", "https://h/p?y=2"),
        ("https://h/p?access_token=q#top", "https://h/p#top"),
        ("https://h/p?access_token=q#id_token=r&w=1", "https://h/p#w=1"),
        ("https://h/p?access_token=q", "https://h/p"),
        ("https://h/p?access_token=q&flag", "https://h/p?flag"),
        ("https://h/p?a=1&access_token=q&flag", "https://h/p?a=1&flag"),
        ("https://h/p?a=1&amp;access_token=q&amp;b=2", "https://h/p?a=1&amp;b=2"),
        ("https://h/#/route?access_token=q&a=1", "https://h/#/route?a=1"),
        ("https://h/p?access%5Ftoken=q&a=1", "https://h/p?a=1"),
        ("https://h/p?u=https%3A%2F%2Fb%2F%3Faccess_token%3Dq&a=1", "https://h/p?a=1"),
        (f"https://h/p?code={CODE.replace('/', '%2F')}&scope=a", "https://h/p?scope=a"),
        (
            f"see https://h/p?t={RT}&a=1 and https://g/?a=1",
            "see https://h/p?a=1 and https://g/?a=1",
        ),
        (r"{url: \"https://h/?access_token=q\", b: 1}", r"{url: \"https://h/\", b: 1}"),
        (r"https://h/?access_token=q\u0026a=1", "https://h/?a=1"),
        (r"https://h/?flag\u0026access_token=q", "https://h/?flag"),
        ("access_token=q&token_type=Bearer&x=1", "token_type=Bearer&x=1"),
        ("x=1&access_token=q", "x=1"),
    ],
)
def test_only_the_parameter_leaves_a_url_or_a_form(text: str, left: str) -> None:
    """A token's parameter is cut out of a query, a fragment or a form; all other bytes stay."""
    stripped = strip({"url": text})
    assert stripped.profile == {"url": left}
    assert {each.path for each in stripped.removed} == {"/url"}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"token {RT}, ok", "token [removed], ok"),
        (f"ends in a full stop {AT}.", "ends in a full stop [removed]."),
        (
            "GET / Authorization: Bearer abcdefgh12345678 x",
            "GET / Authorization: Bearer [removed] x",
        ),
        ("Authorization: Basic YWxhZGRpbjpvcGVu x", "Authorization: Basic [removed] x"),
        ("user=1 refresh_token=opaque-0123456789-x done", "user=1 refresh_token=[removed] done"),
        ("{'refresh_token': 'opaque-0123456789-x'}", "{'refresh_token': '[removed]'}"),
        (f"id {ID_TOKEN}!", "id [removed]!"),
        (f"two {AT} {RT}", "two [removed] [removed]"),
    ],
)
def test_in_prose_a_mark_stands_for_the_token(text: str, left: str) -> None:
    """A token in the middle of a text gives way to a mark, and the text around it stays."""
    assert strip([text]).profile == [left]


@pytest.mark.parametrize(
    "text", [RT, AT, CODE, ID_TOKEN, f" {RT}\n", f"Bearer {AT}", "bearer opaque1234", f'"{RT}"']
)
def test_a_text_that_is_only_a_token_is_removed_with_its_member(text: str) -> None:
    """Nothing is left of a member or an element that held a token alone; a bare one is null."""
    assert strip({"a": text, "b": [text, "c"]}).profile == {"b": ["c"]}
    assert strip(text).profile is None


def test_json_in_a_string_is_stripped_and_keeps_its_numbers() -> None:
    """A raw token response in a string loses its tokens; digits and repeated names survive."""
    raw = '{"access_token":"q", "expires_in": 3599, "big": 123456789012345678901234567890,'
    raw += ' "f": 1.10, "huge": 1e999, "n": null, "b": [true], "x": "\\u00e9\\ud800", "f": 2}'
    stripped = strip({"FEDERATED_ACCESS_TOKEN_RESPONSE": raw})
    assert stripped.profile == {
        "FEDERATED_ACCESS_TOKEN_RESPONSE": '{"expires_in":3599,'
        '"big":123456789012345678901234567890,"f":1.10,"huge":1e999,"n":null,"b":[true],'
        '"x":"\\u00e9\\ud800","f":2}'
    }
    assert stripped.removed == (Removal("/FEDERATED_ACCESS_TOKEN_RESPONSE/access_token", Why.NAME),)


def test_a_repeated_name_does_not_hide_a_token() -> None:
    """A token that a parser would drop for a later member of the same name is removed as well."""
    raw = '{"refresh_token":"opaque","refresh_token":null}'
    assert strip({"a": raw}).profile == {"a": '{"refresh_token":null}'}


def test_json_in_json_in_a_string_is_stripped() -> None:
    """Strings of JSON are followed into strings of JSON, and written again at each level."""
    nested = json.dumps(json.dumps({"a": json.dumps({"refresh_token": "opaque", "b": 1})}))
    left = strip(nested).profile
    assert isinstance(left, str)
    assert json.loads(json.loads(json.loads(left))["a"]) == {"b": 1}


def test_a_known_token_of_digits_is_found_where_json_has_a_number() -> None:
    """Text that reads as clean JSON is searched as mere text, too, and goes if a token is left."""
    raw = '{"a": 123456789012345678}'
    assert strip({"a": raw, "b": 1}, known=["123456789012345678"]).profile == {"b": 1}
    assert strip({"a": raw}).profile == {"a": raw}


def test_an_object_of_tokens_keeps_what_describes_them() -> None:
    """Under a name that says tokens, texts that can be tokens go; what tells about them stays."""
    tokens: Json = {
        "google": "opaque-0123456789-opaque",
        "refresh": "short",
        "scope": "openid email",
        "expires_at": "2024-01-01T00:00:00Z",
        "uses": 3,
        "owner": "Ann Example",
        "all": ["opaque-0123456789-opaque", "x"],
    }
    assert strip({"tokens": tokens}).profile == {
        "tokens": {
            "scope": "openid email",
            "expires_at": "2024-01-01T00:00:00Z",
            "uses": 3,
            "owner": "Ann Example",
            "all": ["x"],
        }
    }


def test_a_list_under_a_token_s_name_is_emptied_of_texts() -> None:
    """Identity providers store attributes as lists; every text in a token's list is a token."""
    assert strip({"refresh_token": ["a", "b", 3]}).profile == {"refresh_token": [3]}


def test_an_attribute_list_is_read_by_its_labels() -> None:
    """A value whose sibling names it a token, or a header that is one, is removed."""
    attributes: Json = [
        {"name": "refresh_token", "value": "opaque"},
        {"Key": "locale", "Value": "en"},
        {"Authorization": "Basic opaque"},
    ]
    assert strip(attributes).profile == [
        {"name": "refresh_token"},
        {"Key": "locale", "Value": "en"},
        {},
    ]


def test_a_name_that_is_a_token_goes_with_its_value() -> None:
    """A token used as a name is removed with its member, and its path does not repeat it."""
    stripped = strip({"a": {RT: {"b": 1}, "c": 2}})
    assert stripped.profile == {"a": {"c": 2}}
    assert stripped.removed == (Removal("/a/[removed]", Why.GOOGLE, fingerprint(RT)),)


def test_a_removal_names_a_token_by_its_fingerprint_only() -> None:
    """The report tells which token it was where it was random enough, and never shows it."""
    stripped = strip({"a": RT, "refresh_token": "1234-abcd"}, known=[Secret(RT)])
    assert stripped.removed == (
        Removal("/a", stripped.removed[0].why, fingerprint(RT)),
        Removal("/refresh_token", Why.NAME, None),
    )
    assert not shows(repr(stripped.removed), RT)


def test_a_path_is_a_json_pointer() -> None:
    """Slashes and tildes in names are escaped as RFC 6901 says."""
    assert strip({"a/b~c": [0, {"id_token": "q"}]}).removed[0].path == "/a~1b~0c/1/id_token"


def test_a_short_known_value_counts_as_a_whole_text_only() -> None:
    """A known value of a few characters, or of none, does not eat words that contain it."""
    assert strip({"a": "tok", "b": "token ring"}, known=["tok", ""]).profile == {"b": "token ring"}


def nested(depth: int) -> Json:
    value: Json = "x"
    for _ in range(depth):
        value = [value]
    return value


def test_the_deepest_profile_allowed_is_stripped() -> None:
    """A token at the greatest allowed depth is removed."""
    profile: Json = {"id_token": "q"}
    for _ in range(MAX_DEPTH - 1):
        profile = {"a": profile}
    assert len(strip(profile).removed) == 1


def cyclic() -> Json:
    value: list[Json] = []
    value.append(value)
    return value


def in_strings(levels: int) -> Json:
    text = "x"
    for _ in range(levels):
        text = json.dumps([text])
    return text


def hidden(layers: int) -> Json:
    text = "x?token=q"
    for _ in range(layers):
        text = json.dumps([text]).replace("=", "\\u003d") + "?token=q"
    return text


def test_json_that_shows_after_a_removal_is_stripped_as_well() -> None:
    """What only becomes JSON when a parameter is cut off does not hide the tokens inside it."""
    assert strip([hidden(2)]).profile == [json.dumps([json.dumps(["x"])])]


@pytest.mark.parametrize(
    "profile",
    [
        nested(MAX_DEPTH + 1),
        nested(50_000),
        cyclic(),
        in_strings(6),
        hidden(5),
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 20_000,
        "x" * (MAX_SIZE + 1),
        {"x" * (MAX_SIZE + 1): 1},
        [[]] * (MAX_SIZE + 1),
        {"k" * 1000: [AT] * 1000},
        b"bytes",
        {1: 2},
        (1, 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_exceeds_the_bounds_is_refused_with_its_field(profile: Json) -> None:
    """Too deep, too large or no JSON at all is the sender's error, never a crash."""
    with pytest.raises(BridgeError) as caught:
        strip(profile, field="data.profile")
    assert caught.value.code is Code.INVALID_REQUEST
    assert caught.value.field == "data.profile"


@pytest.mark.parametrize(
    "unit",
    [
        "%2525",
        "a=1&",
        "?token=",
        "eyJ",
        "ya29.",
        "1//",
        "authorization: ",
        "\\",
        "?a=" + "\\" * 99_000,
        "&amp;",
        "aA",
        " ",
    ],
)
def test_a_hostile_text_takes_no_more_than_its_length_is_worth(unit: str) -> None:
    """A text of bare syntax, as large as allowed, is done in seconds: no pattern backtracks."""
    profile: Json = {"a": unit * (200_000 // len(unit)), (unit * 1000)[:50_000]: 1}
    begun = time.process_time()
    strip(profile, known=[RT])
    assert time.process_time() - begun < 10  # what backtracks takes minutes


def test_only_the_profile_s_own_types_come_back() -> None:
    """Order of names, booleans, big integers and floats are those that went in."""
    profile: dict[str, Json] = {"z": 10**40, "a": -0.0, "m": True, "b": 1e308, "refresh_token": "q"}
    left = strip(profile).profile
    assert isinstance(left, dict)
    assert list(left) == ["z", "a", "m", "b"]
    assert all(left[name] is profile[name] for name in left)
