"""What is served holds no secret, is JSON, and is bounded."""

import base64
import json
import random
import string
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry.health import scrub as scrubbing
from gpt_trader_telemetry.health.redaction import REDACTED, names_a_secret, without_secrets
from gpt_trader_telemetry.health.scrub import scrub, scrub_details, scrub_text

SECRET = "Xq7fTz93LmPa"
PEM = f"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEI{SECRET}\nsecond/line+{SECRET}==\n-----END EC PRIVATE KEY-----"
JWT = f"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJib3QifQ.{SECRET}-{SECRET}"

LEAKS = [
    f"api_key={SECRET}",
    f"apikey: {SECRET}",
    f"API-KEY = '{SECRET}'",
    f"api key {SECRET}",
    f"Invalid api key '{SECRET}'",
    f"error: api_key={SECRET}",
    f"a=1&api_secret={SECRET}&b=2",
    f"https://broker.example/v1?token={SECRET}",
    f"https://broker.example/v1?access_token%3D{SECRET}",
    f"https://bob:{SECRET}@broker.example/v1",
    f"https://{SECRET}@broker.example/v1",
    f"postgres://bot:p@{SECRET}@db:5432/trades",
    f"redis://:{SECRET}@cache:6379",
    f"could not connect to bot:{SECRET}@db:5432",
    f"Authorization: Bearer {SECRET}",
    f"authorization: Basic {SECRET}",
    f"Authorization: AWS4-HMAC-SHA256 Credential={SECRET}/20260206, Signature={SECRET}",
    f"sent Bearer {SECRET} to the broker",
    f"Basic {base64.b64encode(f'bob:{SECRET}'.encode()).decode()}",
    f"headers={{'Authorization': 'Bearer {SECRET}', 'Accept': '*/*'}}",
    f"{{'CB-ACCESS-KEY': '{SECRET}', 'CB-ACCESS-SIGN': '{SECRET}', 'CB-ACCESS-PASSPHRASE': '{SECRET}'}}",
    f"cb-access-sign: {SECRET}",
    f"Cookie: a=1; session={SECRET}; b=2",
    f'{{"password": "two words {SECRET}", "n": 1}}',
    f'{{"password": "quote \\" {SECRET}"}}',
    f'{{\\"secret\\": \\"two words {SECRET}\\"}}',
    f'{{"password": "never closed {SECRET}',
    f"passphrase: correct horse {SECRET} staple",
    f"mnemonic = abandon {SECRET} zoo",
    f"password:\n{SECRET}",
    f"PASSWORD=>{SECRET}",
    f"db_password := {SECRET}",
    f"b'secret': b'two {SECRET}'",
    f"Config(api_secret='{SECRET}', retries=3)",
    f"tokens: ['one', 'two {SECRET}']",
    f"credentials={{'id': 1, 'of': ('{SECRET}',)}}",
    f"token is '{SECRET}'",
    f"the password was {SECRET}9",
    f"signature={SECRET}",
    f"private_key_id: {SECRET}",
    f"key2={SECRET}",
    PEM,
    f"cannot read {PEM}",
    PEM.replace("\n", "\\n"),
    PEM[: PEM.index("second")],
    PEM.replace("EC PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
    f"bad signature on {JWT}",
    f"x={JWT};",
    f"organizations/0000/apiKeys/{SECRET}",
    f"sk_live_{SECRET}",
    f"ghp_{SECRET}{SECRET}",
    f"xoxb-{SECRET}",
    f"github_pat_{SECRET}_{SECRET}",
]

LEAKS += [
    *(
        f"login failed {name}{sign}{SECRET}"
        for name in ("pass", "PASS", "pw", "passcode", "seed", "tok", "creds")
        for sign in "=:"
    ),
    f"pass phrase: {SECRET}",
    f"password:         {SECRET}",
    f"password was: {SECRET}",
    f"[('X-MBX-APIKEY', '{SECRET}')]",
    f'["api_key", "{SECRET}"]',
    f"<password>{SECRET}</password>",
    f"aws_secret_access_key {SECRET}",
    f"X-MBX-APIKEY {SECRET}",
    f"https://hooks.slack.com/services/T0/B0/{SECRET}",
]


@pytest.mark.parametrize("text", ["invalid key {}", "apiKey {} rejected", "APIKEY_INVALID {}", "api key is {}"])
def test_an_api_key_that_looks_like_an_order_id_goes_by_what_stands_before_it(text: str) -> None:
    """Some exchanges' keys are UUIDs, and so are orders' ids, which stay."""
    key = "37c541a1-8e4c-4c3f-9b52-37c541a1ab12"
    assert "37c541a1" not in scrub_text(text.format(key))
    assert key in scrub_text(f"order {key} not found")


@pytest.mark.parametrize(
    "details",
    [
        {"pass": "hunter2"}, {"pw": "hunter2"}, {"creds": {"login": "hunter2"}}, {"headers": [["X-API-KEY", "hunter2"]]},
        ("api_key", "hunter2"), {"name": "password", "value": "hunter2"}, {"kv": [{"key": "secret", "value": "hunter2"}]},
    ],
)  # fmt: skip
def test_a_secret_goes_however_a_structure_names_it(details: object) -> None:
    """By a short name, as a pair, or with its name in another entry."""
    assert "hunter2" not in json.dumps(scrub(details))


@pytest.mark.parametrize("text", LEAKS)
def test_no_secret_is_left_in_a_text(text: str) -> None:
    """Nor any recognisable part of one, wherever it stood and however the text is passed in."""
    for shown in (scrub_text(text), scrub_text(ValueError(text)), json.dumps(scrub({"error": text, "l": [text]}))):
        assert SECRET[:6] not in shown
        assert REDACTED in shown


KEPT = [
    "connection refused",
    "'symbol'",
    "KeyError: 'symbol'",
    "[Errno 111] Connection refused: ('127.0.0.1', 8443)",
    "HTTPSConnectionPool(host='api.coinbase.com', port=443): Max retries exceeded with url: /api/v3/brokerage/orders",
    "order 7f3a9c1e-1234-4321-8a8a-0123456789ab rejected: INSUFFICIENT_FUND",
    "2026-02-06T10:00:00.123456+00:00 stale ticker for BTC-USD-PERP-20260327",
    "/home/bot/strategies/momentum_v2/strategy.py:112 in Bot.on_candle",
    "/usr/local/lib/python3.11/site-packages/requests/adapters.py:519 in HTTPAdapter.send",
    "/tmp/pytest-of-root/pytest-12/test_the_loop_2026_02_06_0/bot.py:3 in main",
    "C:\\Users\\bot\\strategies\\momentum.py:7 in trade",
    "CoinbaseAdvancedTradeRestBrokerV2Client.place_order",
    "gpt_trader_broker_call_latency_seconds_bucket",
    "api_key=None, token=True",
    "basic auth failed, bearer of bad news",
    "https://broker.example/v1/orders?limit=50&cursor=12",
    "12:30:45 bot@host: lost",
    "largest trade 12345678901234567890 units",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_stays(text: str) -> None:
    """Else nobody could tell from a detail what is wrong."""
    shown = scrub_text(text)
    assert shown == (text if "bearer" not in text else text.replace("bearer of", f"bearer {REDACTED}"))


ALPHABET = string.ascii_letters + string.digits
TOKENS: dict[str, tuple[Callable[[random.Random], str], float]] = {
    "hex 128 bit": (lambda dice: dice.randbytes(16).hex(), 1.0),
    "hex 256 bit": (lambda dice: dice.randbytes(32).hex().upper(), 1.0),
    "base64 256 bit": (lambda dice: base64.b64encode(dice.randbytes(32)).decode(), 1.0),
    "base64 512 bit": (lambda dice: base64.b64encode(dice.randbytes(64)).decode(), 1.0),
    "base64 unpadded": (lambda dice: base64.b64encode(dice.randbytes(33)).decode(), 0.97),
    "base64url 256 bit": (lambda dice: base64.urlsafe_b64encode(dice.randbytes(32)).decode().rstrip("="), 0.97),
    "alphanumeric 32": (lambda dice: "".join(dice.choices(ALPHABET, k=32)), 0.97),
    "alphanumeric 64": (lambda dice: "".join(dice.choices(ALPHABET, k=64)), 1.0),
    "base36 32": (lambda dice: "".join(dice.choices(string.ascii_lowercase + string.digits, k=32)), 0.97),
    "base32 160 bit": (lambda dice: base64.b32encode(dice.randbytes(20)).decode(), 0.96),
}


@pytest.mark.parametrize("kind", TOKENS)
def test_random_tokens_go_by_their_looks(kind: str) -> None:
    """With no name to tell them by: nearly all of each kind, and all of those that cannot be words."""
    make, share = TOKENS[kind]
    dice = random.Random(kind)
    tokens = [make(dice) for _ in range(2000)]
    hidden = sum(token[:12] not in without_secrets(f"got {token} from it") for token in tokens)
    assert hidden >= share * len(tokens)


@given(st.text(ALPHABET + "-_.~+/=:@!?", max_size=40))
def test_what_is_named_as_a_secret_goes_whatever_it_looks_like(middle: str) -> None:
    """Names are surer than looks: after one, even a word goes."""
    value = f"Zq{middle}Zq"
    for text in (
        f"api_key={value} end",
        f'{{"api_secret": "{value} {value}", "n": 1}}',
        f"Authorization: Bearer {value}",
        f"password: [{value}, ({value})] end",
        f"https://bob:{value.replace('?', '')}@broker",
    ):
        assert "Zq" not in without_secrets(text)


@pytest.mark.parametrize(
    "name",
    ["secret", "api_secret", "apiKey", "API-KEY", "key", "keys", "token", "access_token", "password", "passwd", "pwd",
     "db_passphrase", "credentials", "Authorization", "proxy-authorization", "cookie", "signature", "CB-ACCESS-SIGN",
     "private", "jwt", "mnemonic", "seed phrase", "session_id", "auth", "otp"],
)  # fmt: skip
def test_what_a_mapping_holds_under_a_telling_name_goes(name: str) -> None:
    """Whatever it is, but for None and booleans, which tell only whether there is one."""
    assert names_a_secret(name)
    for value in ("hunter2", 123456, 1.5, b"hunter2", ["hunter2"], {"a": "hunter2"}, object()):
        assert scrub({"outer": {name: value}}) == {"outer": {name: REDACTED}}
    assert scrub({name: None, name + "_x": True}) == {name: None, name + "_x": True}


@pytest.mark.parametrize(
    "name", ["latency_ms", "symbol", "stale", "market", "ticker", "blocked_at", "reason", "signals", "designated"]
)
def test_other_names_tell_nothing(name: str) -> None:
    """What a check says under them stays."""
    assert scrub({name: "x"}) == {name: "x"}


def test_a_key_that_is_a_secret_goes_too() -> None:
    """Brokers' clients keep sessions by key."""
    assert SECRET not in json.dumps(scrub({f"sk_live_{SECRET}": 1, f"https://u:{SECRET}@h": 2}))


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None), (True, True), (3, 3), (1.5, 1.5), ("a", "a"), (Colour.RED, "red"), (Decimal("1.50"), "1.50"),
        (Fraction(1, 2), 0.5), (float("nan"), "nan"), (float("-inf"), "-inf"), (np.int64(3), 3), (np.float32(0.5), 0.5),
        (10**400, "an integer of 1329 bits"), (-(2**63) + 1, -(2**63) + 1), (b"abc", "3 bytes"), ((1, 2), [1, 2]),
        ({1}, [1]), (date(2026, 2, 6), "2026-02-06"), (datetime(2026, 2, 6, tzinfo=UTC), "2026-02-06T00:00:00+00:00"),
        (timedelta(seconds=3), 3.0), ({1: {None: 2}}, {"1": {"None": 2}}), (ValueError("no"), "no"),
        ("a\x00\x1b[31mb\n", "a  [31mb\n"), ("\ud800", "?"),
    ],
    ids=repr,
)  # fmt: skip
def test_values_become_json(value: object, shown: object) -> None:
    """Each kind in its nearest form; numbers that JSON does not have as text."""
    result = scrub(value)
    assert result == shown
    assert type(result) is type(shown)


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")

    __repr__ = __str__


class HostileMapping(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise RuntimeError("no")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no")

    def __len__(self) -> int:
        return 3


class HostileText(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")


def test_hostile_values_break_nothing() -> None:
    """A detail whose own methods raise is shown as unreadable, its neighbours as they are."""
    assert scrub({"a": Hostile(), "b": HostileMapping(), "c": HostileText("fine"), Hostile(): 1, "d": 1}) == {
        "a": "an unreadable Hostile",
        "b": "an unreadable HostileMapping",
        "c": "fine",
        "an unreadable Hostile": 1,
        "d": 1,
    }
    assert scrub_text(Hostile()) == "an unreadable Hostile"


def test_details_that_are_no_mapping_are_kept_under_a_name() -> None:
    """A report's details are a mapping, always."""
    assert scrub_details([1]) == {"details": [1]}
    assert scrub_details(None) == {}


def test_a_circle_ends() -> None:
    """A container that holds itself is cut off at the depth that everything is."""
    circle: dict[str, Any] = {}
    circle["again"] = circle
    listed: list[Any] = []
    listed.append(listed)
    assert len(json.dumps(scrub([circle, listed]))) < 500


def test_texts_are_cut_after_they_are_scrubbed() -> None:
    """Else the cut would take from a secret what it is known by."""
    limit = scrubbing.MAX_TEXT
    for before in range(limit - 40, limit):
        shown = scrub_text("." * before + f" https://bob:{SECRET}@broker api_key={SECRET}")
        assert SECRET[:4] not in shown
        assert len(shown) <= limit
        assert shown.endswith("…") or len(shown) < limit


def test_a_secret_across_the_end_of_what_is_read_goes() -> None:
    """Of a text of megabytes only the beginning is read; what that end cuts in two is dropped."""
    for before in range(8192 - 60, 8192 + 2):
        shown = scrub_text("-" + " " * before + f" https://bob:{SECRET}@broker " + "x " * 9000, limit=10**6)
        assert SECRET[:4] not in shown
    assert scrub_text("x" * 10**6) == "…"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=80) | st.dictionaries(st.text(max_size=200) | st.integers(), inner, max_size=80)
    ),
    max_leaves=60,
)


@settings(max_examples=60)
@given(anything)
def test_anything_becomes_bounded_json(value: object) -> None:
    """Whatever a check reports: strict JSON that can be encoded, of a bounded size and depth."""
    text = json.dumps(scrub(value), allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    assert len(text) < 8 * scrubbing.MAX_TOTAL
    assert depth_of(json.loads(text)) <= scrubbing.MAX_DEPTH + 1


def depth_of(value: object) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth_of, children), default=0)


@pytest.mark.parametrize(
    "value",
    [
        ["x" * 10_000] * 10_000,
        {str(number): "x" * 10_000 for number in range(10_000)},
        [[[[[["x"] * 50] * 50] * 50] * 50] * 50] * 50,
        list(range(1_000_000)),
        {"x" * 1_000_000: "y" * 1_000_000},
    ],
    ids=["list", "mapping", "nested", "numbers", "texts"],
)
def test_huge_details_become_small_ones(value: object) -> None:
    """In size, and in the time that it takes."""
    start = time.perf_counter()
    shown = scrub(value)
    assert time.perf_counter() - start < 2.0
    assert len(json.dumps(shown)) < 3 * scrubbing.MAX_TOTAL


def test_what_was_left_out_is_counted() -> None:
    """A list cut short says by how much."""
    assert scrub(list(range(60)))[-1] == "… 10 more"
    assert scrub({str(number): number for number in range(60)})["…"] == "10 more"


PIECES = [*"abK0=:-_/@+.,;'\"\\[({})] \n", "key", "token", "://", "eyJ", "Bearer ", "password", "-----BEGIN "]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_scrubbing_again_changes_nothing(text: str) -> None:
    """What has been scrubbed once has nothing left to scrub."""
    once = without_secrets(text)
    assert without_secrets(once) == once


@pytest.mark.parametrize(
    "unit",
    ["a", "://", "-----BEGIN ", "token", "key=", "x:y@", "eyJ", "'\\", "password='", "((", "a:", "=> ",
     "bearer ", "aa:", '\\"', "token: ", "api key ", "sk-", "A1b2", "a/", "password=(", "-", "%3d", "\n"],
)  # fmt: skip
def test_no_text_takes_long(unit: str) -> None:
    """Patterns that could be made to backtrack would let an error message stop the bot's health."""
    text = unit * (8192 // len(unit))
    start = time.perf_counter()
    without_secrets(text)
    assert time.perf_counter() - start < 1.0
