"""ccxt, instrumented: its subclasses and aliases, attempts and retries, and everything as it was afterwards."""

import asyncio
import contextlib
import functools
import logging
import subprocess
import sys
import textwrap
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points

import pytest
from reading import attempts, broker_calls, faults, orders, retries, value
from trading import OPTIONS, SYMBOL

from exchanges.faults import HANG, WELL, late, reject, status
from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.instrument.innermost import open_scope
from gpt_trader_telemetry.integrations.ccxt.instrumentor import CcxtInstrumentor
from gpt_trader_telemetry.testing import recorded
from gpt_trader_telemetry.testing.spans import SpanStore

LIMIT = (SYMBOL, "limit", "buy", 0.001, 50_000)


@pytest.fixture(autouse=True)
def no_fault_is_left(exchange):
    """Each test scripts its own."""
    yield
    exchange.faults.clear()


@pytest.fixture
def kraken(instrumented, exchange):
    client = instrumented.kraken(exchange.client(**OPTIONS))
    client.load_markets()
    return client


def order_calls(telemetry) -> dict[tuple[str, ...], float]:
    """Return the broker calls that have to do with orders."""
    return {key: calls for key, calls in broker_calls(telemetry).items() if not key[0].startswith("fetch_")}


def test_camel_case_and_helpers_are_the_same_order(telemetry, kraken) -> None:
    """Under every name that ccxt gives a method, and through the helpers that call it."""
    kraken.createOrder(*LIMIT)
    kraken.createLimitSellOrder(SYMBOL, 0.001, 70_000)
    kraken.create_market_sell_order(SYMBOL, 0.001)
    assert orders(telemetry) == {("success", "none", "buy"): 1, ("success", "none", "sell"): 2}
    assert order_calls(telemetry) == {("submit", "success", "none"): 3}


def test_names_that_were_made_before_record_too(ccxt, exchange, telemetry) -> None:
    """An exchange, its aliases and a subclass, all from before it was instrumented."""

    class Mine(ccxt.kraken):
        pass

    client = Mine(exchange.client(**OPTIONS))
    CcxtInstrumentor().instrument(telemetry=telemetry)
    try:
        client.createOrder(*LIMIT)
        client.create_limit_buy_order(SYMBOL, 0.001, 50_000)
    finally:
        CcxtInstrumentor().uninstrument()
    assert orders(telemetry) == {("success", "none", "buy"): 2}


def test_a_subclass_that_overrides_is_one_order(telemetry, instrumented, exchange) -> None:
    """Whatever arguments it takes, and whatever it does around."""

    class Mine(instrumented.kraken):
        def create_order(self, *args, **kwargs):
            return super().create_order(*args, **kwargs)

    class Retrying(Mine):
        def create_order(self, symbol, kind, side, *rest):
            for _ in range(2):
                try:
                    return super().create_order(symbol, kind, side, *rest)
                except instrumented.ExchangeNotAvailable:
                    pass
            return None

    Mine(exchange.client(**OPTIONS)).create_order(*LIMIT)
    Mine(exchange.client(**OPTIONS)).create_limit_sell_order(SYMBOL, 0.001, 70_000)
    assert orders(telemetry) == {("success", "none", "buy"): 1, ("success", "none", "sell"): 1}
    client = Retrying(exchange.client(**OPTIONS))
    client.load_markets()
    exchange.faults.script(status(503), on="AddOrder")
    assert client.create_order(*LIMIT) is not None
    assert orders(telemetry)["success", "none", "buy"] == 2
    exchange.faults.script(status(503), status(503), on="AddOrder")
    assert client.create_order(*LIMIT) is None
    assert orders(telemetry)["failed", "exchange_unavailable", "buy"] == 1
    assert sum(orders(telemetry).values()) == 4


def test_what_a_decorator_of_the_bots_made_records_under_its_own_name(telemetry, ccxt, exchange) -> None:
    """Though its function is named otherwise, and took hold of the client's before that one recorded."""

    def logged(function):
        def anyhow(*args, **kwargs):
            return function(*args, **kwargs)

        return anyhow

    class Logged(ccxt.kraken):
        create_order = logged(ccxt.kraken.create_order)

    before = Logged.create_order
    CcxtInstrumentor().instrument(telemetry=telemetry)
    try:
        client = Logged(exchange.client(**OPTIONS))
        for place in (client.create_order, client.createOrder):
            place(*LIMIT)
        client.create_limit_sell_order(SYMBOL, 0.001, 70_000)
    finally:
        CcxtInstrumentor().uninstrument()
    assert orders(telemetry) == {("success", "none", "buy"): 2, ("success", "none", "sell"): 1}
    assert Logged.create_order is Logged.createOrder is before


@pytest.mark.parametrize("counted_by_the_bot", [False, True])
def test_a_span_names_the_order_and_its_symbol(ccxt, exchange, counted_by_the_bot) -> None:
    """As the exchange's answer names them, so that it is found again in the bot's own records; nothing else of it."""
    store = SpanStore()
    with Telemetry(Settings(), tracer_provider=store.provider) as telemetry:
        CcxtInstrumentor().instrument(telemetry=telemetry)
        try:
            client = ccxt.kraken(exchange.client(**OPTIONS))
            client.load_markets()
            place = telemetry.order_submission(side="buy")(client.create_order) if counted_by_the_bot else None
            order = (place or client.create_order)(*LIMIT, {"clientOrderId": f"canary-{counted_by_the_bot}"})
            client.cancel_order(order["id"])
            exchange.faults.script(reject("insufficient_funds"), on="AddOrder")
            with pytest.raises(ccxt.InsufficientFunds):
                (place or client.create_limit_buy_order)(*(LIMIT if place else (SYMBOL, 0.001, 50_000)))
        finally:
            CcxtInstrumentor().uninstrument()
    taken, refused = (span for span in store.read() if span.name == "order_submission")
    named = {"gpt_trader.side": "buy", "gpt_trader.order_id": order["id"], "gpt_trader.symbol": SYMBOL}
    assert taken.attributes == named
    assert "gpt_trader.order_id" not in refused.attributes
    assert "canary" not in str(store.read())


def test_an_order_that_the_bot_counts_itself_is_counted_once(telemetry, instrumented, exchange) -> None:
    """Around the call, or on a method that overrides it; it takes the answer of the call."""

    class Mine(instrumented.kraken):
        @telemetry.order_submission("side")
        def create_order(self, symbol, kind, side, *rest):
            return super().create_order(symbol, kind, side, *rest)

    client = Mine(exchange.client(**OPTIONS))
    client.create_order(*LIMIT)
    client.createOrder(*LIMIT)
    plain = instrumented.kraken(exchange.client(**OPTIONS))
    with telemetry.order_submission(side="sell"):
        plain.create_limit_sell_order(SYMBOL, 0.001, 70_000)
    exchange.faults.script(reject("post_only"), on="AddOrder")
    with pytest.raises(instrumented.ExchangeError), telemetry.order_submission(side="sell"):
        plain.create_limit_sell_order(SYMBOL, 0.001, 70_000)
    assert orders(telemetry) == {
        ("success", "none", "buy"): 2,
        ("success", "none", "sell"): 1,
        ("rejected", "post_only", "sell"): 1,
    }


def test_other_calls_are_operations_of_their_own_names(telemetry, kraken, exchange) -> None:
    """One each, whatever they call; in an order they are part of it."""
    kraken.fetch_ticker(SYMBOL)
    kraken.fetchBalance()
    exchange.faults.script(status(503), on="OpenOrders")
    with pytest.raises(Exception, match="503"):
        kraken.fetch_open_orders()
    assert broker_calls(telemetry) == {
        ("fetch_currencies", "success", "none"): 1,
        ("fetch_markets", "success", "none"): 1,
        ("fetch_ticker", "success", "none"): 1,
        ("fetch_balance", "success", "none"): 1,
        ("fetch_open_orders", "failure", "exchange_unavailable"): 1,
    }


def test_loading_markets_within_the_first_order_is_no_retry_of_it(telemetry, instrumented, exchange) -> None:
    """Its requests are about products, and the order is one request."""
    instrumented.kraken(exchange.client(**OPTIONS)).create_order(*LIMIT)
    assert attempts(telemetry) == {("products", "success"): 2, ("orders", "success"): 1}
    assert retries(telemetry) == {}
    assert orders(telemetry) == {("success", "none", "buy"): 1}


def test_a_batch_that_is_only_validated_is_a_preview(telemetry, kraken, exchange) -> None:
    """Nothing is sent, and nothing rests."""
    resting = len(exchange.face.market.orders)
    batch = [dict(zip(("symbol", "type", "side", "amount", "price"), LIMIT, strict=True))] * 2
    kraken.create_orders(batch, {"validate": True})
    assert orders(telemetry) == {}
    assert order_calls(telemetry) == {("preview", "success", "none"): 1}
    assert len(exchange.face.market.orders) == resting


def test_retries_of_ccxt_are_attempts_of_one_order(telemetry, kraken, exchange) -> None:
    """With the reason of the attempt before."""
    kraken.options["maxRetriesOnFailure"] = 3
    exchange.faults.script(status(503), status(429), WELL, on="AddOrder")
    kraken.create_order(*LIMIT)
    assert orders(telemetry) == {("success", "none", "buy"): 1}
    assert order_calls(telemetry) == {("submit", "success", "none"): 1}
    assert retries(telemetry) == {("orders", "exchange_unavailable"): 1, ("orders", "rate_limit"): 1}
    assert attempts(telemetry)["orders", "error"] == 2
    assert attempts(telemetry)["orders", "success"] == 1


def test_only_what_one_request_tries_again_is_a_retry(telemetry, kraken, exchange) -> None:
    """Also of the bot's own endpoints; what the bot calls again itself is another call."""
    exchange.faults.script(status(503), on="Ticker")
    with pytest.raises(Exception, match="503"):
        kraken.fetch_ticker(SYMBOL)
    kraken.fetch_ticker(SYMBOL)
    assert retries(telemetry) == {}
    kraken.options["maxRetriesOnFailure"] = 2
    exchange.faults.script(status(503), on="Time")
    kraken.publicGetTime()
    kraken.fetch_ticker(SYMBOL)
    exchange.faults.script(status(429), status(429), status(429), on="Ticker")
    with pytest.raises(Exception, match="429"):
        kraken.fetch_ticker(SYMBOL)
    kraken.fetch_ticker(SYMBOL)
    assert retries(telemetry) == {("other", "exchange_unavailable"): 1, ("market", "rate_limit"): 2}


def test_what_the_bot_fetches_itself_is_no_retry(telemetry, kraken, exchange) -> None:
    """After another that failed: nothing says that they belong together."""
    exchange.faults.script(status(503))
    with pytest.raises(Exception, match="503"):
        kraken.fetch(exchange.url + "/0/public/Time")
    kraken.fetch(exchange.url + "/0/public/Assets")
    kraken.fetch_ticker(SYMBOL)
    assert retries(telemetry) == {}


def test_requests_at_once_tell_their_retries_apart(telemetry, instrumented, exchange) -> None:
    """In one task each, of which some fail at first."""

    async def main() -> None:
        client = instrumented.async_support.kraken(exchange.client(**OPTIONS))
        try:
            await client.load_markets()
            client.options["maxRetriesOnFailure"] = 5
            exchange.faults.script(*[status(503)] * 5, on="Ticker")
            await asyncio.gather(*[client.fetch_ticker(SYMBOL) for _ in range(20)])
        finally:
            await client.close()

    asyncio.run(main())
    assert retries(telemetry) == {("market", "exchange_unavailable"): 5}
    assert attempts(telemetry)["market", "success"] == 20


def test_the_share_of_attempts_that_failed_is_of_late(telemetry, kraken, exchange) -> None:
    """Of all categories; a refusal is an answer."""
    asked = 2  # for the markets
    exchange.faults.script(status(503), status(503), on="Ticker")
    for _ in range(4):
        with contextlib.suppress(Exception):
            kraken.fetch_ticker(SYMBOL)
    exchange.faults.script(reject("post_only"), on="AddOrder")
    with pytest.raises(Exception, match="Post only"):
        kraken.create_order(*LIMIT)
    assert value(telemetry, "gpt_trader_api_error_rate") == pytest.approx(2 / (asked + 5))


def test_the_testing_kit_tells_the_share_too(ccxt, exchange) -> None:
    """By its own clock."""
    with recorded() as told:
        CcxtInstrumentor().instrument()
        client = ccxt.kraken(exchange.client(**OPTIONS))
        client.load_markets()
        exchange.faults.script(status(503), on="Ticker")
        with pytest.raises(Exception, match="503"):
            client.fetch_ticker(SYMBOL)
        CcxtInstrumentor().uninstrument()
        assert told.value("gpt_trader_api_error_rate") == pytest.approx(1 / 3)


def test_a_refusal_is_an_answer(telemetry, kraken, exchange) -> None:
    """The order was refused; the API worked."""
    exchange.faults.script(reject("insufficient_funds"), on="AddOrder")
    with pytest.raises(Exception, match="Insufficient"):
        kraken.create_order(*LIMIT)
    assert attempts(telemetry)["orders", "success"] == 1
    assert value(telemetry, "gpt_trader_api_latency_seconds_count", category="orders") == 1


def test_what_requests_are_about_is_read_from_their_paths(telemetry, kraken, exchange) -> None:
    """The bot's own endpoints too, which ccxt makes of a table."""
    kraken.fetch_ticker(SYMBOL)
    kraken.fetch_balance()
    kraken.private_post_addorder({"pair": "XXBTZUSD", "type": "buy", "ordertype": "market", "volume": "0.001"})
    kraken.publicGetTime()
    kraken.fetch_time()
    assert attempts(telemetry) == {
        ("products", "success"): 2,
        ("market", "success"): 1,
        ("accounts", "success"): 1,
        ("orders", "success"): 1,
        ("other", "success"): 2,
    }
    assert orders(telemetry) == {}


def test_the_rate_limit_is_read_from_an_answer_that_tells_it(telemetry, kraken, exchange) -> None:
    """And is used up where such an exchange refuses for it; of another one nothing would ever take that back."""

    def refused_for_it() -> float | None:
        exchange.faults.script(status(429), on="Ticker")
        with pytest.raises(Exception, match="429"):
            kraken.fetch_ticker(SYMBOL)
        return value(telemetry, "gpt_trader_rate_limit_usage_ratio")

    assert not refused_for_it()
    answered, kraken.on_rest_response = kraken.on_rest_response, _with_limit(kraken)
    kraken.fetch_ticker(SYMBOL)
    assert value(telemetry, "gpt_trader_rate_limit_usage_ratio") == 0.75
    kraken.on_rest_response = answered
    assert refused_for_it() == 1


def test_an_address_that_begins_to_tell_of_the_limit_is_heard_soon(telemetry, kraken) -> None:
    """Headers that never told anything are not read each time; once they do, they are."""
    for _ in range(40):
        kraken.fetch_ticker(SYMBOL)
    answered, kraken.on_rest_response = kraken.on_rest_response, _with_limit(kraken)
    for _ in range(16):
        kraken.fetch_ticker(SYMBOL)
    assert value(telemetry, "gpt_trader_rate_limit_usage_ratio") == 0.75
    kraken.on_rest_response = answered
    kraken.on_rest_response = _with_limit(kraken, remaining="10")
    kraken.fetch_ticker(SYMBOL)
    assert value(telemetry, "gpt_trader_rate_limit_usage_ratio") == 0.9


def _with_limit(client, remaining="25"):
    original = client.on_rest_response

    def answered(code, reason, url, method, headers, *rest):
        headers.update({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": remaining})
        return original(code, reason, url, method, headers, *rest)

    return answered


def test_hundreds_at_once(telemetry, instrumented, exchange) -> None:
    """200 orders in one loop, a quarter of them refused, a quarter cancelled on the way: exact, and nothing leaks."""

    async def main() -> None:
        client = instrumented.async_support.kraken(exchange.client(**OPTIONS))
        try:
            await client.load_markets()
            exchange.faults.script(*[reject("post_only"), WELL] * 50, on="AddOrder")

            async def trade(number: int):
                side, price = ("buy", 50_000) if number % 2 else ("sell", 70_000)
                return await client.create_order(SYMBOL, "limit", side, 0.001, price)

            done = await asyncio.gather(*map(trade, range(100)), return_exceptions=True)
            assert sum(isinstance(each, Exception) for each in done) == 50
            with exchange.faults.always(late(0.3), on="AddOrder"):
                tasks = [asyncio.create_task(trade(number)) for number in range(100)]
                await asyncio.sleep(0.05)
                for task in tasks[:50]:
                    task.cancel()
                done = await asyncio.gather(*tasks, return_exceptions=True)
            assert sum(isinstance(each, asyncio.CancelledError) for each in done) == 50
            assert open_scope() is None
            await client.create_order(*LIMIT)
        finally:
            await client.close()

    asyncio.run(main())
    found = orders(telemetry)
    assert {side: sum(n for key, n in found.items() if key[2] == side) for side in ("buy", "sell")} == {
        "buy": 101,
        "sell": 100,
    }
    by_ending = {ending: sum(n for key, n in found.items() if key[:2] == ending) for ending in {k[:2] for k in found}}
    assert by_ending == {("success", "none"): 101, ("rejected", "post_only"): 50, ("failed", "cancelled"): 50}
    assert sum(order_calls(telemetry).values()) == 201
    assert faults(telemetry) == 0


def test_threads(telemetry, instrumented, exchange) -> None:
    """Eight, each with a client of its own."""
    together = threading.Barrier(8)

    def trade(number: int) -> None:
        client = instrumented.kraken(exchange.client(**OPTIONS))
        together.wait()
        for _ in range(10):
            if number % 2:
                client.create_limit_buy_order(SYMBOL, 0.001, 50_000)
            else:
                client.create_order(SYMBOL, "limit", "sell", 0.001, 70_000)
        assert open_scope() is None

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(trade, range(8)))
    assert orders(telemetry) == {("success", "none", "buy"): 40, ("success", "none", "sell"): 40}
    assert order_calls(telemetry) == {("submit", "success", "none"): 80}
    assert attempts(telemetry) == {("products", "success"): 16, ("orders", "success"): 80}


def everything(ccxt) -> dict[tuple[type, str], object]:
    """Return what stands under every name of every class of exchanges and connections."""
    from importlib import import_module

    kinds = {import_module("ccxt.async_support.base.ws.client").Client}
    todo = [import_module("ccxt.base.exchange").BaseExchange]
    while todo:
        kind = todo.pop()
        kinds.add(kind)
        todo += kind.__subclasses__()
    return {(kind, name): found for kind in kinds for name, found in vars(kind).items() if callable(found)}


def test_taken_out_everything_is_as_it_was(ccxt, exchange, telemetry) -> None:
    """Methods, aliases from before and aliases made meanwhile; and what the bot kept hold of records nothing."""
    client = ccxt.kraken(exchange.client(**OPTIONS))
    before = everything(ccxt)
    CcxtInstrumentor().instrument(telemetry=telemetry)
    during = everything(ccxt)
    assert len([key for key in before if during[key] is not before[key]]) > 500
    fresh = ccxt.okx()
    kept = client.create_order
    CcxtInstrumentor().uninstrument()
    after = everything(ccxt)
    assert [key for key, found in before.items() if after[key] is not found] == []
    assert [key for key, found in after.items() if hasattr(found, "__gpt_trader_site__")] == []
    assert fresh.createOrder.__func__ is type(fresh).create_order
    kept(*LIMIT)
    client.createOrder(*LIMIT)
    assert orders(telemetry) == {}
    assert attempts(telemetry) == {}


def test_a_patch_of_the_bots_own_stays(ccxt, exchange, telemetry, monkeypatch) -> None:
    """Put over ours while it was there, it is not taken away with it."""
    CcxtInstrumentor().instrument(telemetry=telemetry)
    base = next(kind for kind in ccxt.kraken.__mro__ if kind.__name__ == "BaseExchange")
    mine = types.FunctionType(base.fetch.__code__, base.fetch.__globals__, "mine", None, base.fetch.__closure__)
    ours = base.fetch
    base.fetch = mine
    CcxtInstrumentor().uninstrument()
    assert base.fetch is mine
    base.fetch = ours.__wrapped__


def test_an_inner_error_is_kept_from_the_bot(telemetry, kraken, monkeypatch, caplog) -> None:
    """Counted as the integration's, and said once."""
    from gpt_trader_telemetry.integrations import attempts as module

    def broken(*_: object) -> None:
        raise LookupError("a bug of ours")

    monkeypatch.setattr(module, "category_of", broken)
    for _ in range(3):
        assert kraken.fetch_ticker(SYMBOL)["last"] > 0
    assert faults(telemetry, "integration") == 3
    assert len([record for record in caplog.records if "integration" in record.getMessage()]) == 1


def test_it_is_found_by_opentelemetry_instrument() -> None:
    """Under its entry point, which loads without loading ccxt."""
    (found,) = entry_points(group="opentelemetry_instrumentor", name="ccxt")
    assert found.load() is CcxtInstrumentor


SCRIPT = """
import sys
from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.integrations.ccxt.instrumentor import CcxtInstrumentor

CcxtInstrumentor().instrument({condition})
assert "ccxt" not in sys.modules and "aiohttp" not in sys.modules and "requests" not in sys.modules
{then}
"""


def run_script(condition: str, then: str) -> subprocess.CompletedProcess:
    script = textwrap.dedent(SCRIPT).format(condition=condition, then=textwrap.dedent(then))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)


def test_instrumented_first_and_imported_later(exchange) -> None:
    """Nothing is imported for it; what is imported afterwards records from its first request."""
    ran = run_script(
        "",
        f"""
        from gpt_trader_telemetry import configure
        telemetry = configure(settings=Settings())
        import ccxt
        client = ccxt.kraken({exchange.client(**OPTIONS)!r})
        client.create_market_buy_order("BTC/USD", 0.001)
        print(telemetry.metrics_text())
        """,
    )
    assert ran.returncode == 0, ran.stderr
    assert 'gpt_trader_order_submission_total{result="success",reason="none",side="buy"} 1' in ran.stdout


def test_where_the_library_is_absent_nothing_happens() -> None:
    """It says so, as OpenTelemetry's own instrumentors do, and goes on."""
    ran = run_script(
        "",
        """
        CcxtInstrumentor().uninstrument()
        import importlib.metadata
        def absent(name, *_):
            raise importlib.metadata.PackageNotFoundError(name)
        import opentelemetry.instrumentation.dependencies as dependencies
        dependencies.version = absent
        CcxtInstrumentor().instrument()
        print(CcxtInstrumentor().is_instrumented_by_opentelemetry)
        """,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "False\n"
    assert "ccxt" in ran.stderr


CANARIES = {
    "apiKey": "canary-key-7f3a",
    "secret": "Y2FuYXJ5LXNlY3JldC03ZjNh",
    "password": "canary-passphrase-7f3a",
    "clientOrderId": "canary-client-order-7f3a",
    "amount": "0.00123457",
}


def test_no_secret_leaves_the_process(telemetry, instrumented, exchange, caplog) -> None:
    """Key, secret, passphrase, signature and what is ordered: in no label, log or health answer."""
    caplog.set_level(logging.DEBUG, logger="gpt_trader_telemetry")
    signatures: set[str] = set()

    class Signing(instrumented.kraken):
        def sign(self, *args, **kwargs):
            signed = super().sign(*args, **kwargs)
            signatures.add((signed["headers"] or {}).get("API-Sign", "none"))
            return signed

    given = {**exchange.client(**OPTIONS), "timeout": 300, "password": CANARIES["password"]}
    good = Signing(given)
    bad = Signing({**given, "apiKey": CANARIES["apiKey"], "secret": CANARIES["secret"]})
    exchange.faults.script(WELL, reject("post_only"), status(401), status(503), HANG, on="AddOrder")
    for client in (*[good] * 5, bad):
        with pytest.raises(instrumented.BaseError) if client is bad else _whatever(instrumented):
            client.create_order(
                SYMBOL, "limit", "buy", float(CANARIES["amount"]), 50_000,
                {"clientOrderId": CANARIES["clientOrderId"]},
            )  # fmt: skip
    assert sum(orders(telemetry).values()) == 6
    left = "\n".join([telemetry.metrics_text(), telemetry.metrics_text("application/openmetrics-text"), caplog.text])
    secrets = {*CANARIES.values(), given["apiKey"], given["secret"], *signatures} - {"none"}
    assert len(secrets) > len(CANARIES) + 5
    assert [secret for secret in secrets if secret in left] == []


def _whatever(ccxt):
    import contextlib

    return contextlib.suppress(ccxt.BaseError)


def test_what_the_bot_put_around_a_method_stays(telemetry, instrumented, exchange) -> None:
    """Also if it looks like what it is around: a switch that stops all trading, say."""
    client, send = instrumented.kraken(exchange.client(**OPTIONS)), instrumented.kraken.create_order

    @functools.wraps(send)
    def halted(self, *args, **kwargs):
        raise RuntimeError("trading is halted")

    instrumented.kraken.create_order = halted
    try:
        CcxtInstrumentor().uninstrument()
        with pytest.raises(RuntimeError, match="halted"):
            client.create_order(*LIMIT)
    finally:
        instrumented.kraken.create_order = send.__wrapped__


def test_what_is_no_exchange_is_left_alone(telemetry, instrumented, exchange) -> None:
    """Though an exchange of the bot's derives from it; and what cannot be instrumented raises nothing."""

    class News:
        def fetch_news(self):
            return "none"

    class Sealed(type):
        def __setattr__(cls, name, value):
            if name == "fetch_sealed":
                raise AttributeError("sealed")
            super().__setattr__(name, value)

    class Mine(News, instrumented.kraken):
        pass

    Mine(exchange.client(**OPTIONS))
    News().fetch_news()
    assert ("fetch_news", "success", "none") not in broker_calls(telemetry)
    assert faults(telemetry) == 0

    class Refusing(instrumented.kraken, metaclass=Sealed):
        def fetch_sealed(self):
            return "as it was"

    assert Refusing(exchange.client(**OPTIONS)).fetch_sealed() == "as it was"
    assert faults(telemetry, "integration") == 1
