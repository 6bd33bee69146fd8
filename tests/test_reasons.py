"""Reasons: what an exception, a code or a word of the caller's becomes.

Classes of clients that are not installed here are built by name: the names, bases and attributes mirror those of
ccxt 4.5, httpx 0.28, aiohttp 3.14, websockets 13 and websocket-client 1.9.
"""

import ast
import asyncio
import concurrent.futures
import contextlib
import enum
import http.client
import importlib
import inspect
import json
import multiprocessing
import pickle
import socket
import ssl
import sys
import time
import urllib.error
import warnings
from email.message import Message
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_trader_telemetry.catalog import REASONS
from gpt_trader_telemetry.reasons import (
    BLOCKED_REASONS,
    FAILED_REASONS,
    REJECTED_REASONS,
    Disposition,
    Failed,
    Rejected,
    disposition_of,
    dispositions,
    exceptions,
    normal_reason,
    reason_of,
    reason_of_code,
    words,
)

WHYS = set(REASONS) - {"none"}


def kind(name: str, *bases: type, module: str = "client", **attributes: Any) -> type:
    """A class as a client would define it."""
    return type(name, bases or (Exception,), {"__module__": module, **attributes})


def family(tree: str) -> SimpleNamespace:
    """Classes from lines of ``Name Base Base``."""
    made: dict[str, type] = {"OSError": OSError}
    for line in tree.strip().splitlines():
        name, *bases = line.split()
        made[name] = kind(name, *(made[base] for base in bases))
    return SimpleNamespace(**made)


CCXT = family("""
    BaseError
    ExchangeError BaseError
    AuthenticationError ExchangeError
    PermissionDenied AuthenticationError
    AccountSuspended AuthenticationError
    ArgumentsRequired ExchangeError
    BadRequest ExchangeError
    BadSymbol BadRequest
    OperationRejected ExchangeError
    MarketClosed OperationRejected
    RestrictedLocation OperationRejected
    InsufficientFunds ExchangeError
    InvalidAddress ExchangeError
    InvalidOrder ExchangeError
    OrderNotFound InvalidOrder
    OrderNotCached InvalidOrder
    OrderImmediatelyFillable InvalidOrder
    OrderNotFillable InvalidOrder
    DuplicateOrderId InvalidOrder
    ContractUnavailable InvalidOrder
    NotSupported ExchangeError
    ExchangeClosedByUser ExchangeError
    OperationFailed BaseError
    NetworkError OperationFailed
    DDoSProtection NetworkError
    RateLimitExceeded NetworkError
    ExchangeNotAvailable NetworkError
    OnMaintenance ExchangeNotAvailable
    InvalidNonce NetworkError
    ChecksumError InvalidNonce
    RequestTimeout NetworkError
    BadResponse OperationFailed
    CancelPending OperationFailed
""")

HTTPX = family("""
    HTTPError
    RequestError HTTPError
    TransportError RequestError
    TimeoutException TransportError
    ConnectTimeout TimeoutException
    PoolTimeout TimeoutException
    NetworkError TransportError
    ConnectError NetworkError
    ReadError NetworkError
    ProxyError TransportError
    UnsupportedProtocol TransportError
    ProtocolError TransportError
    LocalProtocolError ProtocolError
    RemoteProtocolError ProtocolError
    DecodingError RequestError
    HTTPStatusError HTTPError
    InvalidURL
""")

AIOHTTP = family("""
    ClientError
    ClientResponseError ClientError
    WSServerHandshakeError ClientResponseError
    ClientConnectionError ClientError
    ClientOSError ClientConnectionError OSError
    ClientConnectorError ClientOSError
    ClientConnectorDNSError ClientConnectorError
    ServerConnectionError ClientConnectionError
    ServerDisconnectedError ServerConnectionError
    ClientPayloadError ClientError
""")

WEBSOCKETS = family("""
    WebSocketException
    ConnectionClosed WebSocketException
    ConnectionClosedError ConnectionClosed
    InvalidHandshake WebSocketException
    InvalidMessage InvalidHandshake
    InvalidStatus InvalidHandshake
    PayloadTooBig WebSocketException
    WebSocketTimeoutException WebSocketException
    WebSocketConnectionClosedException WebSocketException
    WebSocketBadStatusException WebSocketException
    WebSocketAddressException WebSocketException
""")


def caused(error: BaseException, cause: BaseException) -> BaseException:
    """The exception with its cause, as ``raise error from cause`` leaves it."""
    error.__cause__ = cause
    return error


def with_attributes(error: BaseException, /, **attributes: Any) -> BaseException:
    """The exception with attributes of its own."""
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


# Dispositions


def test_every_reason_but_none_has_exactly_one_disposition() -> None:
    """Zero-started series are listed from the three tuples, so together they are the closed set, once."""
    listed = [*REJECTED_REASONS, *FAILED_REASONS, *BLOCKED_REASONS]
    assert sorted(listed) == sorted(WHYS)
    tuples = {Disposition.REJECTED: REJECTED_REASONS, Disposition.FAILED: FAILED_REASONS,
              Disposition.BLOCKED: BLOCKED_REASONS}  # fmt: skip
    assert all(disposition_of(reason) is said for said, group in tuples.items() for reason in group)


def test_what_no_tuple_lists_counts_as_failed() -> None:
    """An unknown reason says nothing about the order."""
    assert disposition_of("something new") is Disposition.FAILED


def test_the_failed_are_those_the_contract_names() -> None:
    """The split is part of the contract, so a new reason must be placed deliberately."""
    expected = {"timeout", "network", "rate_limit", "auth", "exchange_unavailable", "cancelled", "error"}
    assert set(FAILED_REASONS) == expected


def test_a_classifiers_answers_have_a_reason_and_cannot_be_changed() -> None:
    """Rejected and Failed are plain frozen values."""
    assert (Rejected().reason, Failed().reason) == ("broker_rejected", "error")
    assert Rejected("post_only") == Rejected("post_only") != Failed("post_only")
    assert pickle.loads(pickle.dumps(Failed("timeout"))) == Failed("timeout")
    with pytest.raises((AttributeError, TypeError)):
        Rejected().reason = "x"  # type: ignore[misc]
    assert not hasattr(Failed(), "__dict__")


# What a caller passes


class Why(enum.Enum):
    """A bot's own enumeration."""

    FUNDS = "Insufficient_Funds"
    NUMBER = 7


@pytest.mark.parametrize(
    ("given_value", "reason"),
    [
        ("timeout", "timeout"),
        ("  Rate-Limit ", "rate_limit"),
        ("POST ONLY", "post_only"),
        ("none", "none"),
        (Why.FUNDS, "insufficient_funds"),
        (Why.NUMBER, "error"),
        ("Strategy not found", "error"),
        ("", "error"),
        (None, "error"),
        (True, "error"),
        (404, "error"),
        (b"timeout", "error"),
        ("timeout" + " " * 10_000_000, "error"),
    ],
)
def test_a_passed_value_becomes_a_reason_of_the_set(given_value: object, reason: str) -> None:
    """Case, dashes, spaces and enums are forgiven; everything else is `error`."""
    assert normal_reason(given_value) == reason


def test_a_value_that_cannot_be_spelled_is_an_error_and_does_not_raise() -> None:
    """A raising __str__ stays inside."""

    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert normal_reason(Mute()) == "error"


@given(st.one_of(st.text(), st.binary(), st.none(), st.floats(), st.sampled_from(REASONS), st.from_type(type)))
def test_any_passed_value_has_a_reason(value: object) -> None:
    """normal_reason is total, and keeps the words of the set as they are."""
    assert normal_reason(value) in REASONS
    if value in REASONS:
        assert normal_reason(value) == value


# Exceptions of the standard library


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (asyncio.CancelledError(), "cancelled"),
        (concurrent.futures.CancelledError(), "cancelled"),
        (GeneratorExit(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
        (SystemExit(503), "cancelled"),
        (kind("Abort", BaseException)("timed out"), "cancelled"),
        (BaseExceptionGroup("g", [KeyboardInterrupt()]), "cancelled"),
        (TimeoutError(), "timeout"),
        (concurrent.futures.TimeoutError(), "timeout"),
        (kind("BrokerSlow", TimeoutError)(), "timeout"),
        (ConnectionRefusedError(111, "Connection refused"), "network"),
        (ConnectionResetError(), "network"),
        (BrokenPipeError(), "network"),
        (socket.gaierror(-2, "Name or service not known"), "network"),
        (socket.herror(), "network"),
        (ssl.SSLError(1, "handshake failure"), "network"),
        (ssl.SSLCertVerificationError(1, "self-signed"), "network"),
        (OSError(101, "Network is unreachable"), "network"),
        (OSError(113, "No route to host"), "network"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1)"), "network"),
        (http.client.RemoteDisconnected("closed"), "network"),
        (http.client.BadStatusLine("x"), "network"),
        (http.client.IncompleteRead(b"x"), "network"),
        (http.client.CannotSendRequest(), "network"),
        (http.client.InvalidURL("timed in"), "error"),
        (asyncio.IncompleteReadError(b"", 4), "network"),
        (urllib.error.URLError(ConnectionRefusedError()), "network"),
        (urllib.error.URLError(TimeoutError("timed out")), "timeout"),
        (urllib.error.HTTPError("http://x/rate_limit", 404, "Not Found", Message(), None), "not_found"),
        (urllib.error.HTTPError("http://x/", 429, "Too Many", Message(), None), "rate_limit"),
        (urllib.error.HTTPError("http://x/", 503, "Unavailable", Message(), None), "exchange_unavailable"),
        (multiprocessing.AuthenticationError("no key"), "auth"),
        (OSError(28, "No space left on device"), "error"),
        (FileNotFoundError(2, "No such file", "timed out.txt"), "error"),
        (PermissionError(13, "Permission denied"), "error"),
        (IsADirectoryError(21, "Is a directory"), "error"),
        (KeyError("insufficient funds"), "error"),
        (TypeError("price is below 0"), "error"),
        (AssertionError("rate limit"), "error"),
        (StopIteration(), "error"),
        (NotImplementedError("post only"), "error"),
        (DeprecationWarning("rate limit"), "error"),
        (ExceptionGroup("unhandled errors in a TaskGroup", [TimeoutError()]), "timeout"),
        (ExceptionGroup("two", [TimeoutError(), KeyError()]), "error"),
    ],
    ids=repr,
)
def test_the_standard_librarys_exceptions_have_their_reason(error: BaseException, reason: str) -> None:
    """Files, keys and bugs are no network trouble, and cancellation is its own reason."""
    with contextlib.closing(error) if isinstance(error, urllib.error.HTTPError) else contextlib.nullcontext():
        assert reason_of(error) == reason


# Exceptions of clients


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("RequestTimeout", "timeout"),
        ("NetworkError", "network"),
        ("RateLimitExceeded", "rate_limit"),
        ("DDoSProtection", "rate_limit"),
        ("AuthenticationError", "auth"),
        ("PermissionDenied", "auth"),
        ("AccountSuspended", "auth"),
        ("InvalidNonce", "auth"),
        ("RestrictedLocation", "auth"),
        ("InsufficientFunds", "insufficient_funds"),
        ("OrderNotFound", "not_found"),
        ("OrderNotCached", "not_found"),
        ("OrderImmediatelyFillable", "post_only"),
        ("MarketClosed", "market_closed"),
        ("ContractUnavailable", "market_closed"),
        ("InvalidOrder", "invalid_order"),
        ("BadRequest", "invalid_order"),
        ("BadSymbol", "invalid_order"),
        ("ArgumentsRequired", "invalid_order"),
        ("NotSupported", "invalid_order"),
        ("DuplicateOrderId", "invalid_order"),
        ("OperationRejected", "broker_rejected"),
        ("OrderNotFillable", "broker_rejected"),
        ("CancelPending", "broker_rejected"),
        ("InvalidAddress", "broker_rejected"),
        ("OnMaintenance", "exchange_unavailable"),
        ("ExchangeNotAvailable", "exchange_unavailable"),
        ("BadResponse", "exchange_unavailable"),
        ("ExchangeClosedByUser", "cancelled"),
        ("ChecksumError", "error"),
        ("ExchangeError", "error"),
    ],
)
def test_ccxts_classes_have_the_reason_of_the_table(name: str, reason: str) -> None:
    """The nearest class of the hierarchy decides; the address in the message does not."""
    error = getattr(CCXT, name)("binance POST https://api.x/post_only/rate_limit?insufficient funds")
    assert reason_of(error) == reason
    assert reason_of(kind("OfTheBot", type(error))()) == reason


def test_a_refused_connection_reads_alike_in_ccxts_two_kinds() -> None:
    """Sync ccxt raises NetworkError, async ccxt ExchangeNotAvailable caused by the client's or the system's."""
    message = "binance GET https://api.binance.com/api/v3/time"
    assert reason_of(CCXT.NetworkError(message)) == "network"
    for cause in (AIOHTTP.ClientConnectorError(111, "refused"), socket.gaierror(-2, "no"), ConnectionResetError()):
        assert reason_of(caused(CCXT.ExchangeNotAvailable(message), cause)) == "network"
    assert reason_of(caused(CCXT.ExchangeNotAvailable(message), KeyError("x"))) == "exchange_unavailable"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("400 Bad Request", "invalid_order"),
        ("403 Forbidden", "auth"),
        ("404 Not Found", "not_found"),
        ("409 Conflict", "invalid_order"),
        ("451 Unavailable For Legal Reasons", "auth"),
        ("500 Internal Server Error", "exchange_unavailable"),
        ("503 Service Unavailable", "exchange_unavailable"),
        ("405 Method Not Allowed", "exchange_unavailable"),
    ],
)
def test_ccxts_unhandled_status_is_read_from_its_message(status: str, reason: str) -> None:
    """ExchangeNotAvailable is made of statuses that are not about the exchange's health."""
    assert reason_of(CCXT.ExchangeNotAvailable(f"binance POST https://x/order?a=1 {status} <html>")) == reason


def test_ccxts_422_is_an_invalid_order_though_its_class_says_nothing() -> None:
    """ExchangeError with a status in its message is judged by the status."""
    assert reason_of(CCXT.ExchangeError("kraken POST https://x/0/AddOrder 422 Unprocessable {}")) == "invalid_order"


ECHO = '"order_configuration":{"limit_limit_gtc":{"base_size":"1","limit_price":"2","post_only":false}}'


def coinbase(**error_response: str) -> str:
    """A message of ccxt's Coinbase, which carries the whole answer."""
    body = {"error": "UNKNOWN_FAILURE_REASON", "message": "", "error_details": "", **error_response}
    return f'coinbase {{"success":false,"failure_reason":"UNKNOWN","error_response":{json.dumps(body)},{ECHO}}}'


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (coinbase(preview_failure_reason="PREVIEW_INSUFFICIENT_FUND"), "insufficient_funds"),
        (coinbase(preview_failure_reason="PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"), "post_only"),
        (coinbase(new_order_failure_reason="INVALID_SIZE_PRECISION"), "invalid_size"),
        (coinbase(message="Insufficient balance in source account"), "insufficient_funds"),
        (coinbase(), "broker_rejected"),
        ('binance {"code":-2010,"msg":"Account has insufficient balance for requested action."}', "insufficient_funds"),
        ('binance {"code":-1013,"msg":"Filter failure: LOT_SIZE"}', "invalid_size"),
        ('binance {"code":-1013,"msg":"Filter failure: PRICE_FILTER"}', "invalid_price"),
        ('kraken {"error":["EOrder:Insufficient funds"]}', "insufficient_funds"),
        ("kraken {'error': ['EAPI:Rate limit exceeded']}", "rate_limit"),
        ('kraken {"error":["EService:Unavailable"]}', "exchange_unavailable"),
        ('x {"error":"INSUFFICIENT_FUND' + "x" * 5_000, "error"),
        ('x {"error":"ORDER_ENTRY_DISABLED","trace":"' + "x" * 5_000, "market_closed"),
        ('okx {"code":"1","data":[{"clOrdId":"post-only","sMsg":"Order amount exceeds the limit"}]}', "invalid_size"),
        ('gate {"label":"PRICE_TOO_DEVIATED"}', "invalid_price"),
        (
            'htx {"err-code":"base-symbol-trade-disabled","err-msg":"Trading is disabled for this symbol"}',
            "market_closed",
        ),
        ('bybit {"retCode":10016,"retMsg":"System error. Please try again later."}', "exchange_unavailable"),
        ('kraken {"error":["EOrder:Trading agreement required"]}', "broker_rejected"),
        ('bitget {"code":"25231","msg":"Strategy not found"}', "error"),
        ("source is not enabled for trading", "error"),
    ],
)
def test_a_bare_exchange_error_is_judged_by_the_error_fields_it_quotes(message: str, reason: str) -> None:
    """Only fields that name an error count; the request that is echoed beside them does not."""
    assert reason_of(CCXT.ExchangeError(message)) == reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("binance amount of BTC/USDT must be greater than minimum amount precision of 0.001", "invalid_size"),
        ("binance price of BTC/USDT must be greater than minimum price precision of 0.01", "invalid_price"),
        ("binance order size is too small", "invalid_size"),
        ("binance limit is not a valid order type", "invalid_order"),
        ("createOrder() requires a price argument for market buy orders", "invalid_order"),
        ("request timed out of luck", "invalid_order"),
    ],
)
def test_an_invalid_order_is_made_exact_by_its_words(message: str, reason: str) -> None:
    """Words refine a broad verdict, and only into something it may be."""
    assert reason_of(CCXT.InvalidOrder(message)) == reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (HTTPX.ConnectTimeout(), "timeout"),
        (HTTPX.PoolTimeout(), "timeout"),
        (HTTPX.ConnectError("[Errno 111] Connection refused"), "network"),
        (HTTPX.ReadError(""), "network"),
        (HTTPX.ProxyError("403 Forbidden"), "network"),
        (HTTPX.RemoteProtocolError("Server disconnected"), "network"),
        (HTTPX.LocalProtocolError("Too little data"), "error"),
        (HTTPX.UnsupportedProtocol("no http://"), "error"),
        (HTTPX.DecodingError("bad gzip"), "error"),
        (HTTPX.InvalidURL("x"), "error"),
        (with_attributes(HTTPX.HTTPStatusError("x"), response=SimpleNamespace(status_code=429)), "rate_limit"),
        (AIOHTTP.ClientConnectorError(111, "x"), "network"),
        (AIOHTTP.ClientConnectorDNSError(-2, "x"), "network"),
        (AIOHTTP.ServerDisconnectedError(), "network"),
        (AIOHTTP.ClientPayloadError(), "network"),
        (kind("ServerTimeoutError", AIOHTTP.ServerConnectionError, TimeoutError)(), "timeout"),
        (with_attributes(AIOHTTP.ClientResponseError(), status=401), "auth"),
        (with_attributes(AIOHTTP.WSServerHandshakeError(), status=502), "exchange_unavailable"),
        (AIOHTTP.ClientError("x"), "error"),
        (WEBSOCKETS.ConnectionClosedError("no close frame received or sent"), "network"),
        (WEBSOCKETS.ConnectionClosedError("received 1008 (policy violation) Too many requests"), "rate_limit"),
        (WEBSOCKETS.InvalidMessage("did not receive a valid HTTP response"), "network"),
        (with_attributes(WEBSOCKETS.InvalidStatus(), response=SimpleNamespace(status_code=403)), "auth"),
        (WEBSOCKETS.PayloadTooBig(), "error"),
        (WEBSOCKETS.WebSocketTimeoutException(), "timeout"),
        (WEBSOCKETS.WebSocketConnectionClosedException(), "network"),
        (WEBSOCKETS.WebSocketAddressException(), "network"),
        (with_attributes(WEBSOCKETS.WebSocketBadStatusException(), status_code=429), "rate_limit"),
    ],
    ids=repr,
)
def test_http_and_websocket_clients_are_recognised_by_name(error: BaseException, reason: str) -> None:
    """Time-outs, lost connections and statuses read alike whichever client the bot uses."""
    assert reason_of(error) == reason


def test_deprecated_properties_of_clients_are_not_read() -> None:
    """Both websockets and aiohttp warn when `code` or `reason` is read; the warning would be the bot's."""

    def warn(_: object) -> str:
        warnings.warn("deprecated", DeprecationWarning, stacklevel=2)
        return "timeout"

    for module in ("websockets.exceptions", "aiohttp.client_exceptions"):
        base = kind("SomethingClosed", Exception, module=module, code=property(warn), reason=property(warn))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert reason_of(kind("OfTheBot", base)()) == "error"
        assert caught == []
        assert reason_of(kind("OfTheBot", base, reason="paused")()) == "paused"


def test_requests_exceptions_have_their_reason() -> None:
    """All of them are OSErrors: an HTTPError is judged by its status, and a time-out by what it wraps."""
    requests = pytest.importorskip("requests")
    pool = importlib.import_module("urllib3.exceptions")
    wrapped = pool.MaxRetryError(None, "/post_only", pool.NewConnectionError(None, "refused"))
    many = pool.MaxRetryError(None, "/", pool.ResponseError("too many 429 error responses"))
    response = requests.Response()
    expected = [
        (requests.Timeout(), "timeout"),
        (requests.ConnectTimeout(), "timeout"),
        (requests.ReadTimeout(), "timeout"),
        (requests.ConnectionError(wrapped), "network"),
        (requests.ConnectionError(pool.ReadTimeoutError(None, "/", "Read timed out.")), "timeout"),
        (requests.exceptions.SSLError(), "network"),
        (requests.exceptions.ProxyError(), "network"),
        (requests.exceptions.ChunkedEncodingError(), "network"),
        (requests.exceptions.RetryError(many), "rate_limit"),
        (requests.exceptions.InvalidURL("timed"), "error"),
        (requests.exceptions.JSONDecodeError("x", "y", 0), "error"),
        (requests.TooManyRedirects(), "error"),
    ]
    assert [reason_of(error) for error, _ in expected] == [reason for _, reason in expected]
    for status, reason in (
        (400, "invalid_order"),
        (401, "auth"),
        (404, "not_found"),
        (418, "rate_limit"),
        (520, "exchange_unavailable"),
    ):
        response.status_code = status
        assert reason_of(requests.HTTPError("x", response=response)) == reason


def test_urllib3s_exceptions_have_their_reason() -> None:
    """A new connection that was refused is no time-out, though urllib3 derives it from one."""
    pool = pytest.importorskip("urllib3.exceptions")
    assert reason_of(pool.NewConnectionError(None, "refused")) == "network"
    assert reason_of(pool.NameResolutionError("host", None, socket.gaierror())) == "network"
    assert reason_of(pool.ConnectTimeoutError()) == "timeout"
    assert reason_of(pool.ProtocolError("Connection broken")) == "network"
    assert reason_of(pool.InvalidChunkLength(SimpleNamespace(tell=int, length_remaining=0), b"x")) == "network"
    assert reason_of(pool.LocationParseError("x")) == "error"


def test_grpcs_errors_are_judged_by_their_code() -> None:
    """The code is a method there; a call that has not ended is not asked, since asking would wait for it."""
    grpc = pytest.importorskip("grpc")

    def rpc_error(code: object, **more: Any) -> BaseException:
        return kind("_InactiveRpcError", grpc.RpcError, code=lambda _: code, **more)()

    codes = grpc.StatusCode
    expected = {
        codes.DEADLINE_EXCEEDED: "timeout", codes.UNAVAILABLE: "network", codes.RESOURCE_EXHAUSTED: "rate_limit",
        codes.UNAUTHENTICATED: "auth", codes.PERMISSION_DENIED: "auth", codes.NOT_FOUND: "not_found",
        codes.INVALID_ARGUMENT: "invalid_order", codes.INTERNAL: "exchange_unavailable",
        codes.CANCELLED: "cancelled", codes.UNKNOWN: "error", None: "error",
    }  # fmt: skip
    assert {code: reason_of(rpc_error(code)) for code in expected} == expected
    assert reason_of(rpc_error(codes.UNAVAILABLE, done=lambda _: False)) == "error"
    assert reason_of(grpc.FutureTimeoutError()) == "timeout"
    assert reason_of(grpc.FutureCancelledError()) == "cancelled"


# Attributes


class BrokerError(Exception):
    """A bot's own."""


@pytest.mark.parametrize("name", ["reason", "telemetry_reason"])
def test_a_reason_that_the_exception_carries_decides(name: str) -> None:
    """It comes before the class; words outside the set and `none` are not heard."""
    assert reason_of(with_attributes(BrokerError("timed out"), **{name: "mark_staleness"})) == "mark_staleness"
    assert reason_of(with_attributes(TimeoutError(), **{name: "guard"})) == "guard"
    assert reason_of(with_attributes(TimeoutError(), **{name: "none"})) == "timeout"
    assert reason_of(with_attributes(TimeoutError(), **{name: "Not Found"})) == "timeout"
    assert reason_of(with_attributes(TimeoutError(), **{name: ["guard"]})) == "timeout"
    assert reason_of(with_attributes(asyncio.CancelledError(), **{name: "guard"})) == "cancelled"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "invalid_order"), (422, "invalid_order"), (401, "auth"), (403, "auth"), (404, "not_found"),
        (408, "timeout"), (504, "timeout"), (418, "rate_limit"), (429, "rate_limit"), (500, "exchange_unavailable"),
        (599, "exchange_unavailable"), (http.HTTPStatus.BAD_GATEWAY, "exchange_unavailable"),
        (200, "error"), (302, "error"), (600, "error"), (True, "error"), (404.0, "error"), ("404", "error"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["status_code", "status", "code", "response.status_code", "response.status"])
def test_an_http_status_is_read_wherever_clients_keep_it(place: str, status: object, reason: str) -> None:
    """Whole numbers from 400 to 599 only."""
    *inner, name = place.split(".")
    holder = SimpleNamespace(**{name: status})
    error = with_attributes(BrokerError("x"), **({"response": holder} if inner else vars(holder)))
    assert reason_of(error) == reason


def test_a_response_that_is_false_is_still_read() -> None:
    """The truth of requests' responses is whether they are a success."""
    response = type("Response", (), {"__bool__": lambda _: False, "status_code": 429})()
    assert reason_of(with_attributes(BrokerError(), response=response)) == "rate_limit"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (with_attributes(BrokerError(), error_code="INSUFFICIENT_FUND"), "insufficient_funds"),
        (with_attributes(BrokerError(), code="ORDER_ENTRY_DISABLED"), "market_closed"),
        (with_attributes(BrokerError(), error="UNKNOWN", failure_reason="INVALID_PRICE"), "invalid_price"),
        (with_attributes(BrokerError(), new_order_failure_reason="UNTRADABLE_PRODUCT"), "market_closed"),
        (with_attributes(BrokerError(), error_code=enum.Enum("Code", ["UNKNOWN_CANCEL_ORDER"])(1)), "not_found"),
        (with_attributes(BrokerError(), body={"error": {"message": "Order not found"}}), "not_found"),
        (with_attributes(BrokerError(), response={"errors": [{"code": "rate_limit_exceeded"}]}), "rate_limit"),
        (BrokerError({"error_response": {"error": "INVALID_ARGUMENT", "message": "size too small"}}), "invalid_size"),
        (BrokerError({"order": {"message": "insufficient funds"}, "post_only": True}), "error"),
        (BrokerError("ORDER_ENTRY_DISABLED"), "market_closed"),
        (with_attributes(BrokerError("x"), code=-2010, status_code=400, message="x"), "invalid_order"),
        (with_attributes(BrokerError("(-2010): insufficient balance."), status_code=400), "insufficient_funds"),
        (with_attributes(BrokerError('{"msg":"insufficient buying power"}'), status_code=403), "insufficient_funds"),
        (with_attributes(BrokerError("insufficient funds"), status_code=503), "exchange_unavailable"),
    ],
    ids=repr,
)  # fmt: skip
def test_codes_and_bodies_are_heard_and_make_a_broad_status_exact(error: BaseException, reason: str) -> None:
    """400 and 403 say little, so the broker's own code or words are preferred; 404, 429 and 5xx are final."""
    assert reason_of(error) == reason


# Codes


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("INSUFFICIENT_FUND", "insufficient_funds"),
        ("PREVIEW_INSUFFICIENT_FUND", "insufficient_funds"),
        ("PREVIEW_INSUFFICIENT_FUNDS_FOR_FUTURES", "insufficient_funds"),
        ("PREVIEW_INSUFFICIENT_LEDGER_BALANCE", "insufficient_funds"),
        ("INVALID_LIMIT_PRICE_POST_ONLY", "post_only"),
        ("POST_ONLY_NOT_ALLOWED_WITH_FOK", "invalid_order"),
        ("PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", "invalid_size"),
        ("INVALID_SIZE_PRECISION", "invalid_size"),
        ("UBO_HIGH_LEVERAGE_QUANTITY_BREACHED", "invalid_size"),
        ("INVALID_LIMIT_PRICE", "invalid_price"),
        ("INVALID_BRACKET_PRICES", "invalid_price"),
        ("PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE", "invalid_price"),
        ("ORDER_ENTRY_DISABLED", "market_closed"),
        ("UNTRADABLE_PRODUCT", "market_closed"),
        ("INVALID_FCM_TRADING_SESSION", "market_closed"),
        ("UNKNOWN_CANCEL_ORDER", "not_found"),
        ("OrderNotFound", "not_found"),
        ("INVALID_SIDE", "invalid_order"),
        ("PREVIEW_INVALID_PRODUCT_ID", "invalid_order"),
        ("UNSUPPORTED_ORDER_CONFIGURATION", "invalid_order"),
        ("COMMANDER_REJECTED_NEW_ORDER", "broker_rejected"),
        ("PREVIEW_MISSING_PRODUCT_PRICE_BOOK", "broker_rejected"),
        ("IN_LIQUIDATION", "broker_rejected"),
        ("NOT_ALLOWED_TO_CANCEL", "broker_rejected"),
        ("rate_limit_exceeded", "rate_limit"),
        ("RESOURCE_EXHAUSTED", "rate_limit"),
        ("PERMISSION_DENIED", "auth"),
        ("invalid_token", "auth"),
        ("EService:Unavailable", "exchange_unavailable"),
        ("EOrder:Insufficient funds", "insufficient_funds"),
        ("internal_server_error", "exchange_unavailable"),
        ("UNKNOWN_FAILURE_REASON", None),
        ("UNKNOWN_CANCEL_FAILURE_REASON", None),
        ("UNKNOWN_EDIT_ORDER_FAILURE_REASON", None),
        ("CORPORATE_LIMIT", None),
        ("price", None),
        ("BTC-USD", None),
        ("Strategy not found", None),
        ("", None),
    ],
)
def test_a_brokers_code_has_the_reason_it_names(code: str, reason: str | None) -> None:
    """Coinbase's codes, Kraken's prefixed words and gRPC's names; a code that says nothing is None."""
    assert reason_of_code(code) == reason


@given(st.text())
def test_any_code_is_none_or_a_reason_of_the_brokers_side(code: str) -> None:
    """A broker cannot report a refusal of ours."""
    reason = reason_of_code(code)
    assert reason is None or disposition_of(reason) is not Disposition.BLOCKED
    assert reason is None or reason in WHYS


# Words


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Insufficient funds", "insufficient_funds"),
        ("account has INSUFFICIENT available USD balance", "insufficient_funds"),
        ("not enough buying power", "insufficient_funds"),
        ("Post-only order rejected", "post_only"),
        ("Order would immediately match and take.", "post_only"),
        ("could not place post-only order: connection reset by peer", "network"),
        ("API rate limit exceeded", "rate_limit"),
        ("Too many requests; try again", "rate_limit"),
        ("Read timed out. (read timeout=3)", "timeout"),
        ("Market is closed.", "market_closed"),
        ("order size below the minimum size", "invalid_size"),
        ("Order minimum not met", "invalid_size"),
        ("price is too far from the market", "invalid_price"),
        ("order 123 was not found", "not_found"),
        ("Unknown order sent.", "not_found"),
        ("Service temporarily unavailable", "exchange_unavailable"),
        ("Strategy not found", "error"),
        ("corporate limits apply", "error"),
        ("separate limit, moderate limits", "error"),
        ("sufficient funds", "error"),
        ('sent {"post_only": false, "rate_limit": null}', "error"),
        ("sent post_only=False, reduce_only=True", "error"),
        ("sent 'post-only': 'false'", "error"),
        ("OrderRequest(side='buy', post_only=None) was refused", "error"),
        ("GET https://api.x/rate_limit/post-only failed", "error"),
        ("Max retries exceeded with url: /v1/insufficient_funds", "error"),
        ("500 shares", "error"),
        ("", "error"),
    ],
)
def test_words_are_heard_only_as_whole_phrases_and_never_from_the_request(message: str, reason: str) -> None:
    """Brokers echo parameters and addresses; words inside other words are not the words."""
    assert reason_of(RuntimeError(message)) == reason


@pytest.mark.parametrize("message", ["system error", "order rejected by the risk desk", "Not found", "unknown symbol"])
def test_what_a_bot_may_say_of_itself_counts_only_in_a_brokers_answer(message: str) -> None:
    """Nobody knows whose system, and who rejected the order, unless it is quoted from an error field."""
    assert reason_of(RuntimeError(message)) == "error"
    assert reason_of(CCXT.ExchangeError(f'x {{"msg":"{message}"}}')) != "error"


def test_what_is_said_of_a_market_or_a_stop_is_more_exact_than_its_class() -> None:
    """Kraken shuts one market, and ccxt calls that maintenance; a stop that triggers at once is no post-only order."""
    assert reason_of(CCXT.OnMaintenance('kraken {"error":["EService:Market in cancel_only mode"]}')) == "market_closed"
    assert reason_of(CCXT.OnMaintenance('bitget {"msg":"Server upgrade, please try again later"}')) == (
        "exchange_unavailable"
    )
    assert reason_of(CCXT.OrderImmediatelyFillable("binance Stop price would trigger immediately.")) == "invalid_price"
    assert reason_of(CCXT.OrderImmediatelyFillable("binance Order would immediately match and take.")) == "post_only"


def test_words_beyond_the_cap_are_not_looked_at() -> None:
    """The work on a message is bounded."""
    assert reason_of(BrokerError("x" * 2_000 + " insufficient funds")) == "error"


def test_a_message_kept_only_as_an_attribute_is_heard() -> None:
    """Some clients do not pass their message to Exception."""
    assert reason_of(with_attributes(BrokerError(), message="insufficient funds")) == "insufficient_funds"


# Causes


def test_the_cause_is_asked_when_the_exception_says_nothing() -> None:
    """A bot's wrapper does not hide why it was raised; what was merely being handled does not count."""
    assert reason_of(caused(BrokerError("order failed"), CCXT.InsufficientFunds())) == "insufficient_funds"
    assert reason_of(caused(BrokerError(), caused(ValueError(), TimeoutError()))) == "timeout"
    assert reason_of(caused(CCXT.NetworkError(), TimeoutError())) == "timeout"
    assert reason_of(caused(CCXT.InvalidOrder(), TimeoutError())) == "invalid_order"
    handled = BrokerError()
    handled.__context__ = TimeoutError()
    assert reason_of(handled) == "error"


def test_a_circle_of_causes_ends() -> None:
    """The walk is bounded, whatever the chain."""
    first, second = BrokerError("a"), BrokerError("b")
    assert reason_of(caused(first, caused(second, first))) == "error"
    chain = TimeoutError()
    for _ in range(50):
        chain = caused(BrokerError(), chain)
    assert reason_of(chain) == "error"


# Promises


def test_the_exception_is_left_as_it_was() -> None:
    """Nothing is added to what the bot will handle."""
    cause = KeyError("k")
    error = caused(CCXT.ExchangeError('coinbase {"error":"x"}'), cause)
    before = (dict(vars(error)), error.args, error.__context__, error.__traceback__, error.__suppress_context__)
    reason_of(error)
    assert before == (dict(vars(error)), error.args, error.__context__, error.__traceback__, error.__suppress_context__)
    assert error.__cause__ is cause


def test_no_client_is_imported() -> None:
    """Nothing but the standard library and the floor below: a bot pays for no client that it does not use."""
    imported = set()
    for module in (dispositions, words, exceptions):
        tree = ast.parse(inspect.getsource(module))
        imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    own = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    others = {name for name in own if ".reasons." not in name}
    assert others <= {"gpt_trader_telemetry.catalog", "gpt_trader_telemetry.interrupts"}


@pytest.mark.parametrize(
    "text",
    ["a" * 10**6, "a :" * 10**5, "a-" * 10**5 + ":", "_" * 10**6, '{"error":"a' * 10**5, "{ " * 10**5,
     "order a b " * 10**5, "insufficient a b " * 10**5, "a://" * 10**5, '{"error"' + " " * 10**6,
     "x GET " + "4 400" * 10**5],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_no_text_makes_the_work_long(text: str) -> None:
    """Texts made to upset patterns cost milliseconds; the bound is wide for slow machines."""
    started = time.perf_counter()
    assert reason_of(BrokerError(text)) in WHYS
    reason_of_code(text)
    assert time.perf_counter() - started < 1.0


def test_many_classes_do_not_pile_up() -> None:
    """What is remembered of classes is bounded, for bots that make classes as they run."""
    for number in range(1_100):
        reason_of(kind(f"Made{number}")())
    assert exceptions._traits.cache_info().currsize <= 1_024


def raising(_: object = None) -> Any:
    """What a hostile property or method does."""
    raise ZeroDivisionError("hostile")


class Odd(str):
    """A str that lies about itself."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("timeout")

    def casefold(self) -> str:
        raise ZeroDivisionError


class Pretender:
    """Claims to be of any class, and fails when asked anything else."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise ZeroDivisionError


class Unhashable(type):
    """A metaclass whose classes cannot be remembered."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(cls, other: object) -> bool:
        return NotImplemented


PLACES = ["reason", "telemetry_reason", "status_code", "status", "code", "response", "error", "error_code", "body",
          "message", "exceptions", "__str__", "__repr__", "__module__", "done", "errno", "args"]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from([raising, property(raising), Odd("timeout"), Odd("x" * 5_000), None, True, object()]),
    st.integers(-1, 700),
    st.floats(),
    st.text(max_size=60),
    st.sampled_from(["insufficient funds", "timeout", "none", "x" * 100_000, '{"error": ["' * 500]),
    st.recursive(
        st.text(max_size=9) | st.sampled_from(["error", "message", "INVALID_SIZE"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "message", "x"]), inner),
        max_leaves=8,
    ),
)
NAMES = st.sampled_from(
    [
        "Broken",
        "RpcError",
        "TimeoutError",
        "HTTPError",
        "ConnectionClosed",
        "InvalidOrder",
        "ExchangeNotAvailable",
        "Error",
        "",
    ]
)
BASES = st.sampled_from(
    [Exception, BaseException, OSError, ValueError, KeyError, TimeoutError, ConnectionError, RuntimeError]
)


@st.composite
def hostile_errors(draw: st.DrawFn) -> BaseException:
    """An exception of any make, with anything in the places that are looked at, and a cause perhaps."""
    attributes = draw(st.dictionaries(st.sampled_from(PLACES), VALUES, max_size=5))
    meta = draw(st.sampled_from([type, type, Unhashable]))
    made = meta(draw(NAMES), (draw(BASES),), attributes)
    error = made.__new__(made, *draw(st.lists(VALUES, max_size=3)))
    with contextlib.suppress(TypeError):
        error.__cause__ = draw(st.none() | st.deferred(hostile_errors))
    return error


@given(hostile_errors())
def test_any_exception_has_a_reason_and_asking_never_raises(error: BaseException) -> None:
    """Whatever an exception does when it is looked at, the bot gets a plain reason of the closed set."""
    reason = reason_of(error)
    assert type(reason) is str
    assert reason in WHYS


@pytest.mark.parametrize("place", ["reason", "code", "response", "body", "error"])
def test_a_value_that_lies_about_its_class_harms_nothing(place: str) -> None:
    """Even asking what something is may raise."""
    assert reason_of(with_attributes(BrokerError(Pretender()), **{place: Pretender()})) in WHYS
    assert reason_of(Pretender()) == normal_reason(Pretender()) == "error"  # type: ignore[arg-type]


@given(VALUES)
def test_what_is_no_exception_is_an_error(value: Any) -> None:
    """A caller that passes something else is not punished in the middle of a trade."""
    assert reason_of(value) == "error"
    assert normal_reason(value) in REASONS


@given(st.sampled_from(sorted(vars(CCXT))), st.text(max_size=300))
def test_whatever_a_message_says_a_class_keeps_its_disposition(name: str, message: str) -> None:
    """An exact class cannot be talked out of its verdict by a message."""
    exact = {"RateLimitExceeded", "RequestTimeout", "InsufficientFunds", "OrderNotFound", "MarketClosed"}
    if name in exact:
        cls = getattr(CCXT, name)
        assert reason_of(cls(message)) == reason_of(cls())
