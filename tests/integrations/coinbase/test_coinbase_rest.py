"""The REST client beyond the matrix: orders that nearly count twice, retries, threads, and what is never told."""

import inspect
import json
import logging
import threading
from collections import Counter
from decimal import Decimal
from multiprocessing import AuthenticationError

import pytest
import requests
from coinbase.rest import RESTClient
from coinbase_counts import Counts
from coinbase_playing import ARGUMENTS, call, client_of
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from reading import attempts, broker_calls, faults, orders, retries, value
from urllib3.util import Retry

from exchanges.coinbase import coinbase_exchange
from exchanges.faults import DROP, WELL, FaultScript, reject, status
from exchanges.loopback import _WithoutTls
from gpt_trader_telemetry import Settings, Telemetry, order_submission
from gpt_trader_telemetry.integrations.coinbase import rest
from gpt_trader_telemetry.integrations.coinbase.instrumentor import CoinbaseInstrumentor
from paper_exchange import Faults
from support.receivers import http_receiver

BUY = {"client_order_id": "", "product_id": "BTC-USD", "base_size": "0.01"}
TAKEN = {("success", "none", "buy"): 1}


def test_an_accepted_order_whose_answer_the_client_cannot_read_is_accepted(client, exchange, instrumented):
    """The order stands at the exchange, and a bot that counts it failed would send it again."""
    exchange.face.shows_configuration = False
    with pytest.raises(TypeError):
        client.market_order_buy(**BUY)
    assert len(exchange.market.orders) == 1
    assert orders(instrumented) == TAKEN
    assert broker_calls(instrumented) == {("submit", "success", "none"): 1}
    assert faults(instrumented) == 0


def test_a_refused_order_whose_answer_the_client_cannot_read_is_refused(client, exchange, instrumented):
    """The same error, and another truth."""
    exchange.face.shows_configuration = False
    exchange.faults.script(reject("post_only"))
    with pytest.raises(TypeError):
        client.limit_order_gtc_sell("", "BTC-USD", "0.01", "61000", post_only=True)
    assert orders(instrumented) == {("rejected", "post_only", "sell"): 1}


def test_an_order_in_an_order_of_the_bots_own_counts_once(client, exchange, instrumented):
    """The bot's decorator counts it, by what the exchange answered though nothing was raised."""
    exchange.faults.script(status(503), reject("insufficient_funds"))

    @instrumented.order_submission(side="side")
    def place(side: str) -> object:
        try:
            return client.create_order("", "BTC-USD", side.upper(), {"market_market_ioc": {"base_size": "0.01"}})
        except requests.HTTPError:
            return client.create_order("", "BTC-USD", side.upper(), {"market_market_ioc": {"base_size": "0.01"}})

    assert place("buy").success is False
    assert orders(instrumented) == {("rejected", "insufficient_funds", "buy"): 1}
    assert sum(broker_calls(instrumented).values()) == 2, "each try is a call to the broker"


@pytest.mark.parametrize("waist", ["post", "prepare_and_send_request", "send_request", "create_order"])
def test_a_subclass_that_tries_again_sends_one_order(waist: str, exchange, instrumented):
    """Wherever it does so below the order's own method; the last answer decides."""

    class Stubborn(RESTClient):
        pass

    def again(self, *args, **kwargs):
        method = getattr(super(Stubborn, self), waist)
        for _ in range(2):
            try:
                return method(*args, **kwargs)
            except (requests.HTTPError, requests.ConnectionError):
                continue
        return method(*args, **kwargs)

    setattr(Stubborn, waist, again)
    exchange.faults.script(status(503), DROP, on="/orders")
    with client_of(exchange, Stubborn) as client:
        client.market_order_buy(**BUY) if waist != "create_order" else client.create_order(
            "", "BTC-USD", "BUY", {"market_market_ioc": {"base_size": "0.01"}}
        )
    tried = {"failed": 2} if waist == "create_order" else {}
    # A loop around the order's own method is the bot's: three orders, as far as anybody can tell.
    assert Counter(result for result, _, _ in orders(instrumented)) == Counter({"success": 1, **tried})
    assert attempts(instrumented) == {("orders", "error"): 2, ("orders", "success"): 1}
    if waist == "send_request":
        assert retries(instrumented) == {("orders", "exchange_unavailable"): 1, ("orders", "network"): 1}


def test_an_order_that_is_posted_without_a_helper_is_an_order(client, instrumented):
    """Bots that use the client for its signatures alone are counted too."""
    configuration = {"market_market_ioc": {"base_size": "0.01"}}
    data = {"client_order_id": "x", "product_id": "BTC-USD", "side": "BUY", "order_configuration": configuration}
    assert client.post("/api/v3/brokerage/orders", data=data)["success"]
    assert orders(instrumented) == TAKEN
    assert broker_calls(instrumented) == {("submit", "success", "none"): 1}


def test_without_a_key_nothing_is_sent_and_the_order_failed_for_want_of_one(exchange, instrumented):
    """It is the bot's configuration, and no attempt of HTTP."""
    with client_of(exchange, api_key=None, api_secret=None) as client, pytest.raises(AuthenticationError):
        client.market_order_sell(**BUY)
    assert orders(instrumented) == {("failed", "auth", "sell"): 1}
    assert broker_calls(instrumented) == {("submit", "failure", "auth"): 1}
    assert attempts(instrumented) == {}


def test_a_batch_of_cancellations_is_one_call_and_fails_for_the_first_that_did(client, exchange, instrumented):
    """One order that could not be cancelled may have been filled: not all went well."""
    resting = [client.limit_order_gtc_sell("", "BTC-USD", "0.01", "61000")["success_response"] for _ in range(2)]
    ids = [each["order_id"] for each in resting]
    answered = client.cancel_orders([ids[0], "unknown", ids[1]])
    assert [result.success for result in answered.results] == [True, False, True]
    assert broker_calls(instrumented)["cancel", "failure", "not_found"] == 1
    client.cancel_orders([])
    assert broker_calls(instrumented)["cancel", "success", "none"] == 1


def test_every_public_method_is_a_call_of_a_name_of_its_own(exchange, instrumented):
    """Found by reflection: none is counted as something unknown, whether the exchange answers it or not."""
    methods = [
        (name, function)
        for name, function in inspect.getmembers(RESTClient, inspect.isfunction)
        if not name.startswith("_") and inspect.unwrap(function).__module__ != "coinbase.rest.rest_base"
    ]
    assert len(methods) > 100
    counts = Counts(instrumented)
    with client_of(exchange) as client:
        for name, function in methods:
            needed = [
                parameter.name
                for parameter in inspect.signature(function).parameters.values()
                if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            ][1:]
            call(getattr(client, name), *(ARGUMENTS.get(parameter, "x") for parameter in needed))
            recorded = counts.since()
            assert [key[0] for key in recorded.elements()].count("call") == 1, name
    names = {operation for operation, _, _ in broker_calls(instrumented)}
    assert "other" not in names
    assert {"submit", "cancel", "edit", "preview", "get_accounts", "get_candles", "get_unix_time"} <= names
    public = {"get_public_" + name for name in ("product", "products", "product_book", "candles", "market_trades")}
    helpers = {name for name, _ in methods if name.endswith(("_buy", "_sell", "_gtc", "_gtd", "_ioc", "_fok"))}
    named = {name for name, _ in methods} - public - helpers
    assert names >= named - {"create_order", "close_position", "market_order", "edit_order", "preview_order",
                             "preview_market_order", "preview_edit_order", "cancel_orders"}  # fmt: skip


def test_an_attempt_has_the_category_of_what_it_asks_for(client, instrumented):
    """Public and private data alike."""
    for ask in (client.get_unix_time, client.get_accounts, client.get_products, client.get_public_products):
        ask()
    client.get_product_book("BTC-USD")
    client.get_public_candles("BTC-USD", "1", "2", "ONE_HOUR")
    client.list_orders()
    counted = {"other": 1, "accounts": 1, "products": 2, "market": 2, "orders": 1}
    assert attempts(instrumented) == {(category, "success"): number for category, number in counted.items()}


def test_the_rate_limit_is_shown_as_the_exchange_tells_it(client, instrumented):
    """Whether the bot asked for the headers or not; its answers hold no more than they did."""
    answer = client.get_accounts()
    assert not hasattr(answer, "rate_limit_limit")
    assert value(instrumented, "gpt_trader_rate_limit_usage_ratio") == pytest.approx(1 / 30)


def test_retries_of_an_adapter_of_the_bots_own_are_counted(exchange, instrumented):
    """The client sees one answer, the exchange three requests."""
    exchange.faults.script(status(503), status(429), WELL, on="/accounts")
    with client_of(exchange) as client:
        again = Retry(total=5, backoff_factor=0, status_forcelist=[429, 503], respect_retry_after_header=False)
        client.session.mount("https://127.0.0.1:", _WithoutTls(max_retries=again))
        assert client.get_accounts().accounts
    assert broker_calls(instrumented) == {("get_accounts", "success", "none"): 1}
    assert attempts(instrumented) == {("accounts", "error"): 2, ("accounts", "success"): 1}
    assert retries(instrumented) == {("accounts", "exchange_unavailable"): 1, ("accounts", "rate_limit"): 1}


def test_eight_threads_at_once_are_counted_exactly(telemetry):
    """Each order as the exchange has it in its own books, faults and all."""
    rates = Faults(late=0, reject=0.2, rate_limit=0.1, unavailable=0.1, drop=0.1, hang=0)
    CoinbaseInstrumentor().instrument(telemetry=telemetry)
    with coinbase_exchange(FaultScript(rates, seed=5), every=3600) as exchange:

        def trade() -> None:
            with client_of(exchange) as client:
                for _ in range(20):
                    call(client.market_order_buy, "", "BTC-USD", base_size="0.0001")
                    call(client.limit_order_gtc_sell, "", "BTC-USD", "0.0001", "61000")

        threads = [threading.Thread(target=trade) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    CoinbaseInstrumentor().uninstrument()
    counted, fates = orders(telemetry), Counter(handled.fault for handled in exchange.ledger)
    assert sum(counted.values()) == len(exchange.ledger) == 320
    taken = Counter(order.side for order in exchange.market.orders.values())
    assert {side: number for (result, _, side), number in counted.items() if result == "success"} == taken
    by_result = Counter()
    for (result, reason, _), number in counted.items():
        by_result[reason if result == "failed" else result] += int(number)
    assert by_result["rejected"] == fates["reject"]
    assert by_result["network"] == fates["drop"]
    assert by_result["rate_limit"] + by_result["exchange_unavailable"] == fates["status"]
    assert sum(attempts(telemetry).values()) == 320
    assert faults(telemetry) == 0


def test_a_fault_of_ours_is_counted_and_kept_from_the_bot(client, instrumented, monkeypatch):
    """The bot gets its answer, and an order that was answered counts as taken."""

    def broken(*_args: object) -> None:
        raise RuntimeError("a fault of the telemetry's own")

    monkeypatch.setattr(rest, "verdict_of", broken)
    assert client.market_order_buy(**BUY)["success"] is True
    assert faults(instrumented, "integration") > 0
    assert sum(orders(instrumented).values()) == 1


def test_an_order_that_was_refused_has_a_span_that_failed(exchange):
    """With the reason and what it was about, though nothing was raised; so has the broker call in it, and no more have one."""
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with Telemetry(Settings(), tracer_provider=provider) as telemetry, client_of(exchange) as client:
        CoinbaseInstrumentor().instrument(telemetry=telemetry)
        order = client.market_order_buy(**BUY)
        exchange.faults.script(reject("market_closed"))
        client.market_order_sell(**BUY)
        CoinbaseInstrumentor().uninstrument()
    call, taken, refused_call, refused = spans.get_finished_spans()
    assert (call.name, call.parent.span_id) == ("broker_call submit", taken.context.span_id)
    assert (refused_call.name, refused_call.status.status_code) == ("broker_call submit", StatusCode.ERROR)
    assert {taken.name, refused.name} == {"order_submission"}
    assert (taken.status.status_code, refused.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    assert refused.attributes["gpt_trader.reason"] == "market_closed"
    assert taken.attributes["gpt_trader.order_id"] == order["success_response"]["order_id"]
    assert taken.attributes["gpt_trader.symbol"] == refused.attributes["gpt_trader.symbol"] == "BTC-USD"
    assert "gpt_trader.order_id" not in refused.attributes


def without_names(span) -> str:
    """Return a span as text, but for what the order is named in it."""
    read = json.loads(span.to_json())
    for name in ("gpt_trader.order_id", "gpt_trader.symbol"):
        read["attributes"].pop(name, None)
    return json.dumps(read)


def test_no_secret_and_nothing_of_an_order_leaves_the_process(exchange, caplog, monkeypatch):
    """Not the key, a token, an id, a product, a size or an answer: in no metric, export or log of ours.

    Spans alone name the order and its product, by two attributes.
    """
    caplog.set_level(logging.DEBUG)
    exchange.market.balances["BTC"].available = Decimal(100)
    canaries = [exchange.key.name, *exchange.key.secret.split("\n")[1:-2], "Bearer", "eyJ", "CANARY", "BTC-USD", "7.77777",
                "61234.56", "paper-1"]  # fmt: skip
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with (
        http_receiver() as received,
        Telemetry(
            Settings(otlp_metrics_endpoint=received.endpoint + "/v1/metrics"), tracer_provider=provider
        ) as telemetry,
    ):
        CoinbaseInstrumentor().instrument(telemetry=telemetry)
        with client_of(exchange) as client:
            for fault in (WELL, reject("invalid_size"), status(400), status(401), DROP):
                exchange.faults.script(fault)
                call(client.limit_order_gtc_sell, "CANARY", "BTC-USD", "7.77777", "61234.56")
                exchange.faults.script(fault)
                call(client.cancel_orders, ["CANARY"])
            call(client.get_order, "CANARY")
            call(client.get, "/api/v3/brokerage/CANARY", {"CANARY": "CANARY"})
            monkeypatch.setattr(rest, "verdict_of", lambda _does, body: body["missing"])
            call(client.market_order_sell, "CANARY", "BTC-USD", base_size="7.77777")
        CoinbaseInstrumentor().uninstrument()
        told = [telemetry.metrics_text(accept) for accept in ("text/plain", "application/openmetrics-text")]
        told.append(str(telemetry.signals.current()))
        assert telemetry.flush(5)
    told += [str(request) for request in received.requests]
    assert "invalid_size" in told[-1]
    told += [without_names(span) for span in spans.get_finished_spans()]
    assert len(told) > 15, "a span of each call"
    ours = [record for record in caplog.records if record.name.startswith("gpt_trader")]
    assert ours, "a fault of ours is told of"
    told += map(logging.Formatter().format, ours)
    assert 'reason="invalid_size"' in told[0]
    assert [canary for canary in canaries if any(canary in text for text in told)] == []


def test_the_decorators_of_the_process_default_see_nothing_of_it(client, instrumented):
    """Instrumented into one Telemetry, it records into that one alone."""
    with order_submission(side="buy"):
        client.market_order_buy(**BUY)
    assert orders(instrumented) == TAKEN
