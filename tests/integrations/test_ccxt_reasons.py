"""Why orders through ccxt did not succeed: what many exchanges answer, through the real library, on loopback."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from answering import SYMBOL, Answering, client_of, refusing, spelled
from exchange_answers import ABOUT, BATCHES, CASES, EXCHANGES, HALF_A_BATCH, NEVER, Case
from reading import attempts, broker_calls, faults, orders
from trading import OPTIONS

from exchanges.faults import status
from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.integrations.ccxt.instrumentor import CcxtInstrumentor

RESULTS = {
    **dict.fromkeys(("timeout", "network", "rate_limit", "auth", "exchange_unavailable", "error"), "failed"),
    **dict.fromkeys(
        ("insufficient_funds", "not_found", "post_only", "invalid_size", "invalid_price", "market_closed",
         "invalid_order", "broker_rejected"), "rejected",
    ),
}  # fmt: skip
"""Whether the exchange said no to the order, or nobody knows."""

BATCH = [
    {"symbol": SYMBOL, "type": "limit", "side": side, "amount": 0.01, "price": 50_000.0} for side in ("buy", "sell")
]

STATUSES = {
    400: "invalid_order", 401: "auth", 403: "auth", 404: "not_found", 408: "timeout", 409: "invalid_order",
    410: "not_found", 418: "rate_limit", 422: "invalid_order", 429: "rate_limit", 451: "auth",
    500: "exchange_unavailable", 502: "exchange_unavailable", 503: "exchange_unavailable", 504: "timeout",
    520: "exchange_unavailable", 524: "exchange_unavailable",
}  # fmt: skip
"""What a page of HTML comes to, by its status."""

OF_ITS_OWN = {("bybit", 403): "rate_limit"}
"""What a status means to one exchange; it stands in ccxt's class."""

PAGE = "<html><head><title>nginx</title></head><body>The request could not be satisfied.</body></html>"
KINDS = ("synchronous", "asynchronous")


class Bench:
    """Clients of every exchange, both kinds, that ask one server; made once, since that takes a while."""

    def __init__(self, ccxt: Any, server: Answering, telemetry: Telemetry) -> None:
        self.ccxt, self.server, self.telemetry = ccxt, server, telemetry
        self._clients: dict[tuple[str, str], Any] = {}
        self._runner = asyncio.Runner()

    def client(self, name: str, kind: str, url: str | None = None) -> Any:
        """Return the client of an exchange; one of its own if it is to ask elsewhere."""
        library = self.ccxt if kind == "synchronous" else self.ccxt.async_support
        if url is not None:
            return client_of(getattr(library, name), url)
        if (name, kind) not in self._clients:
            self._clients[name, kind] = client_of(getattr(library, name), self.server.url)
        return self._clients[name, kind]

    def call(self, client: Any, method: str, *args: Any) -> BaseException | None:
        """Call a method, and return what it raised."""
        try:
            value = getattr(client, method)(*args)
            if asyncio.iscoroutine(value):
                self._runner.run(value)
        except self.ccxt.BaseError as error:
            return error
        return None

    def order(self, client: Any, side: str = "sell") -> BaseException | None:
        """Send an order."""
        return self.call(client, "create_order", SYMBOL, "limit", side, 0.01, 50_000.0)

    @contextlib.contextmanager
    def counting(self) -> Iterator[tuple[dict, dict]]:
        """Give two empty dicts, which hold what was counted meanwhile when the block has ended: orders and calls."""
        before, counted = self._counts(), ({}, {})
        yield counted
        for was, now, meanwhile in zip(before, self._counts(), counted, strict=True):
            meanwhile.update({key: value - was.get(key, 0) for key, value in now.items() if value != was.get(key, 0)})

    def _counts(self) -> tuple[dict, dict]:
        return orders(self.telemetry), broker_calls(self.telemetry)

    def close(self) -> None:
        """Close what has to be closed."""
        for (_, kind), client in self._clients.items():
            if kind == "asynchronous":
                self._runner.run(client.close())
        self._runner.close()


@pytest.fixture(scope="module")
def bench(ccxt):
    with Answering() as server, Telemetry(Settings()) as telemetry:
        CcxtInstrumentor().instrument(telemetry=telemetry)
        made = Bench(ccxt, server, telemetry)
        yield made
        made.close()
        CcxtInstrumentor().uninstrument()
        assert faults(telemetry) == 0


def test_the_table_has_a_row_about_everything_for_every_exchange() -> None:
    """Unless it never refuses for it; and of what it never refuses it has none."""
    rows = {(case.exchange, case.about) for case in CASES}
    assert {(exchange, about) for exchange in EXCHANGES for about in ABOUT} - rows == set(NEVER)
    assert len(EXCHANGES) == 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.exchange}-{case.about}-{case.raises}-{case.reason}")
def test_what_an_exchange_answers_has_its_reason(bench, case: Case, kind: str) -> None:
    """One order with result, reason and side, and one broker call; a cancellation is a broker call alone."""
    side = "buy" if case.status == 200 else "sell"
    bench.server.answer = (case.status, spelled(case.body))
    client = bench.client(case.exchange, kind)
    asked = len(bench.server.requests)
    with bench.counting() as (counted, calls):
        error = bench.call(client, "cancel_order", "1", SYMBOL) if case.cancels else bench.order(client, side)
    assert type(error).__name__ == case.raises, error
    assert len(bench.server.requests) == asked + 1
    assert counted == ({} if case.cancels else {(RESULTS[case.reason], case.reason, side): 1})
    assert calls == {("cancel" if case.cancels else "submit", "failure", case.reason): 1}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_page_instead_of_an_answer_has_the_reason_of_its_status(bench, exchange: str, kind: str) -> None:
    """Of most ccxt makes ExchangeNotAvailable, whatever they are about, with the status in the message."""
    client = bench.client(exchange, kind)
    for code, usual in STATUSES.items():
        reason = OF_ITS_OWN.get((exchange, code), usual)
        bench.server.answer = (code, PAGE)
        with bench.counting() as (counted, calls):
            bench.order(client)
        assert counted == {(RESULTS[reason], reason, "sell"): 1}, code
        assert calls == {("submit", "failure", reason): 1}, code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_an_order_that_ccxt_makes_of_a_page_was_not_taken(bench, exchange: str, kind: str) -> None:
    """With status 200 it raises nothing: it returns an order without an id, and the bot gets that as it is."""
    client = bench.client(exchange, kind)
    for text in (PAGE, ""):
        bench.server.answer = (200, text)
        with bench.counting() as (counted, _):
            assert bench.order(client, "buy") is None
        assert counted == {("failed", "exchange_unavailable", "buy"): 1}, text


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_that_ccxt_takes_for_an_answer_is_a_failed_attempt_and_call(bench, kind: str) -> None:
    """With status 200 it raises nothing, and what it returns is empty."""
    client = bench.client("bybit", kind)
    bench.server.answer = (200, PAGE)
    before = attempts(bench.telemetry)
    with bench.counting() as (_, calls):
        assert bench.call(client, "fetch_time") is None
    assert calls == {("fetch_time", "failure", "exchange_unavailable"): 1}
    now = attempts(bench.telemetry)
    assert {key: now[key] - before.get(key, 0) for key in now if now[key] != before.get(key, 0)} == {
        ("products", "error"): 1
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exchange", BATCHES)
def test_each_order_of_a_batch_has_its_own_reason(bench, exchange: str, kind: str) -> None:
    """Where an exchange takes a part of it and ccxt returns both; the call failed as the first that was refused."""
    bench.server.answer = (200, spelled(BATCHES[exchange]))
    client = bench.client(exchange, kind)
    client.options["hf"] = False
    with bench.counting() as (counted, calls):
        assert bench.call(client, "create_orders", BATCH) is None
    assert counted == {("success", "none", "buy"): 1, ("rejected", "insufficient_funds", "sell"): 1}
    assert calls == {("submit", "failure", "insufficient_funds"): 1}


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_of_which_ccxt_returns_nothing_is_not_taken_for_a_success(bench, kind: str) -> None:
    """One answer to a batch of two is about one of them; what became of the other is not known."""
    bench.server.answer = (200, spelled(HALF_A_BATCH))
    with bench.counting() as (counted, calls):
        assert bench.call(bench.client("bitget", kind), "create_orders", BATCH) is None
    assert counted == {("success", "none", "buy"): 1, ("failed", "error", "sell"): 1}
    assert calls == {("submit", "success", "none"): 1}


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_was_good_before_is_no_rate_limit(bench, kind: str) -> None:
    """Once Binance has taken a key, ccxt makes DDoSProtection of "Invalid API-key": the answer says more than that."""
    client = bench.client("binance", kind, bench.server.url)
    for status_code, body, raised, expected in (
        (200, {"orderId": 1, "status": "NEW"}, "NoneType", ("success", "none", "sell")),
        (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, "DDoSProtection",
         ("failed", "auth", "sell")),
    ):  # fmt: skip
        bench.server.answer = (status_code, spelled(body))
        with bench.counting() as (counted, _):
            assert type(bench.order(client)).__name__ == raised
        assert counted == {expected: 1}
    bench.call(client, "close")


LOCAL = {
    "NotSupported": ("coinbase", "create_orders", [{"symbol": SYMBOL, "side": "sell"}]),
    "ArgumentsRequired": ("kraken", "create_trailing_amount_order", SYMBOL, "market", "sell", 0.01),
    "BadSymbol": ("okx", "create_order", "NO/SUCH", "limit", "sell", 0.01, 50_000.0),
    "InvalidOrder": ("binance", "create_order", SYMBOL, "take_profit", "sell", 0.01),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raised", LOCAL)
def test_what_ccxt_itself_refuses_is_an_invalid_order(bench, raised: str, kind: str) -> None:
    """Nothing is sent, and one order is counted: the bot tried."""
    exchange, method, *args = LOCAL[raised]
    asked = len(bench.server.requests)
    with bench.counting() as (counted, calls):
        assert type(bench.call(bench.client(exchange, kind), method, *args)).__name__ == raised
    assert len(bench.server.requests) == asked
    assert counted == {("rejected", "invalid_order", "sell"): 1}
    assert calls == {("submit", "failure", "invalid_order"): 1}


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_connection_is_network_trouble_whichever_class_ccxt_raises(bench, ccxt, kind: str) -> None:
    """NetworkError where it is synchronous, ExchangeNotAvailable caused by the system's error where it is not."""
    raised = {"synchronous": ccxt.NetworkError, "asynchronous": ccxt.ExchangeNotAvailable}[kind]
    with refusing() as url:
        for exchange in EXCHANGES:
            client = bench.client(exchange, kind, url)
            with bench.counting() as (counted, calls):
                assert type(bench.order(client)) is raised
            assert counted == {("failed", "network", "sell"): 1}
            assert calls == {("submit", "failure", "network"): 1}
            bench.call(client, "close")


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_speaks_no_tls_is_network_trouble(bench, ccxt, kind: str) -> None:
    """ExchangeError where ccxt is synchronous, caused by the system's error in both kinds."""
    client = bench.client("kraken", kind, bench.server.url.replace("http:", "https:"))
    with bench.counting() as (counted, _):
        assert isinstance(bench.order(client), ccxt.BaseError)
    assert counted == {("failed", "network", "sell"): 1}
    bench.call(client, "close")


OVERDRAWN = ("create_order", "BTC/USD", "limit", "buy", 50.0, 50_000.0)
REFUSED_ON_PAPER = {
    "insufficient_funds": OVERDRAWN,
    "post_only": ("create_order", "BTC/USD", "limit", "buy", 0.01, 70_000.0, {"postOnly": True}),
    "invalid_size": ("create_order", "BTC/USD", "limit", "buy", 0.00000002, 50_000.0),
    "not_found": ("cancel_order", "no-such-order", "BTC/USD"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_paper_exchange_refuses_of_its_own_accord(bench, exchange, ccxt, kind: str) -> None:
    """By its balances, its book and its rules, with no fault scripted; and a key that it has not given away."""
    library = ccxt if kind == "synchronous" else ccxt.async_support
    client = library.kraken(exchange.client(**OPTIONS))
    stranger = library.kraken(exchange.client(**OPTIONS, apiKey="nobody's"))
    wanted = [(client, *each) for each in REFUSED_ON_PAPER.items()] + [(stranger, "auth", OVERDRAWN)]
    for who, reason, (method, *args) in wanted:
        with bench.counting() as (counted, calls):
            assert bench.call(who, method, *args) is not None
        sent = method == "create_order"
        assert counted == ({(RESULTS[reason], reason, "buy"): 1} if sent else {})
        assert calls == {("submit" if sent else "cancel", "failure", reason): 1}
    for code in (400, 403, 404, 409):
        with exchange.faults.always(status(code), on="AddOrder"), bench.counting() as (counted, _):
            assert type(bench.call(client, *OVERDRAWN)) is ccxt.ExchangeNotAvailable
        assert counted == {(RESULTS[STATUSES[code]], STATUSES[code], "buy"): 1}
    for who in (client, stranger):
        bench.call(who, "close")
