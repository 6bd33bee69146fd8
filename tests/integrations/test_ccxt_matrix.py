"""Every order method of an exchange, synchronous and asynchronous, with everything that may come of it."""

import asyncio
import contextlib
import inspect
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from reading import attempts, broker_calls, faults, orders
from trading import OPTIONS, arguments, awaited, called, order_methods, sends, side_of

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.integrations.ccxt.instrumentor import CcxtInstrumentor
from gpt_trader_telemetry.integrations.ccxt.methods import operation_of

FAULTS = {
    "accepted": ("success", "none"),
    "refused for its funds": ("rejected", "insufficient_funds"),
    "refused for its size": ("rejected", "invalid_size"),
    "refused for its price": ("rejected", "invalid_price"),
    "refused as post only": ("rejected", "post_only"),
    "too many requests": ("failed", "rate_limit"),
    "unauthorized": ("failed", "auth"),
    "unavailable": ("failed", "exchange_unavailable"),
    "dropped": ("failed", "network"),
    "dropped in the middle of the answer": ("failed", "network"),
    "connection refused": ("failed", "network"),
}
"""What is done to every private request, and what an order that was sent then came to."""


@contextlib.contextmanager
def meeting(exchange, fault: str):
    """Have every private request meet a fault."""
    from exchanges.faults import CUT, DROP, HANG, reject, status

    made = {
        "refused for its funds": reject("insufficient_funds"),
        "refused for its size": reject("invalid_size"),
        "refused for its price": reject("invalid_price"),
        "refused as post only": reject("post_only"),
        "too many requests": status(429),
        "unauthorized": status(401),
        "unavailable": status(503),
        "dropped": DROP,
        "dropped in the middle of the answer": CUT,
        "timed out": HANG,
    }
    exchange.face.refusals.clear()
    if fault == "connection refused":
        with exchange.refusing():
            yield
    elif fault == "accepted":
        yield
    else:
        with exchange.faults.always(made[fault], on="/0/private"):
            yield


class Bench:
    """A paper exchange, a client library and what it records when it is instrumented."""

    def __init__(self, exchange, ccxt, telemetry) -> None:
        self.exchange, self.ccxt, self.telemetry = exchange, ccxt, telemetry

    @contextlib.contextmanager
    def recording(self):
        """Instrument the library as long as the block lasts."""
        CcxtInstrumentor().instrument(telemetry=self.telemetry)
        try:
            yield
        finally:
            CcxtInstrumentor().uninstrument()

    def recorded(self) -> tuple[dict, dict]:
        """Return the orders and the broker calls so far."""
        return orders(self.telemetry), broker_calls(self.telemetry)

    def sent(self) -> int:
        """Return how many private requests came to the exchange so far; a refused connection leaves no trace."""
        return len(self.exchange.requests("/0/private"))


def since(before: tuple[dict, ...], now: tuple[dict, ...]) -> list[dict]:
    """Return what was counted meanwhile."""
    return [
        {key: value - was.get(key, 0) for key, value in counts.items() if value != was.get(key, 0)}
        for was, counts in zip(before, now, strict=True)
    ]


def check(name: str, fault: str, expected: tuple[str, str], meanwhile: list[dict]) -> None:
    """One broker call of the right operation, and as many orders as were sent, with the right ending and side."""
    counted, calls = meanwhile
    result, reason = expected
    outcome = "success" if result == "success" else "failure"
    operation = {"create": "submit", "close": "submit"}.get(name.partition("_")[0], name.partition("_")[0])
    if name == "close_all_positions":
        operation = name
    assert calls == {(operation, outcome, reason): 1}, (name, fault)
    wanted = {(result, reason, "buy"): 1, (result, reason, "sell"): 1} if sends(name) == 2 else {}
    if sends(name) == 1:
        wanted = {(result, reason, side_of(name)): 1}
    assert counted == wanted, (name, fault)


def ending(bench: Bench, name: str, fault: str, *, sent: bool, error: BaseException | None) -> tuple[str, str]:
    """Return what a call must have come to: by the fault, unless nothing was sent since ccxt refused it itself."""
    ccxt = bench.ccxt
    if error is None:
        return "success", "none"
    if not sent and isinstance(error, ccxt.NotSupported | ccxt.ArgumentsRequired | ccxt.BadRequest):
        return "rejected", "invalid_order"
    if isinstance(error, KeyError):  # a mistake of the library's, before it asks
        return "failed", "error"
    if name.startswith("cancel") and fault.startswith("refused") and not name.endswith("_ws"):
        return "rejected", "not_found"  # as this exchange refuses to cancel
    return FAULTS[fault]


@pytest.fixture
def bench(exchange, ccxt, telemetry) -> Bench:
    return Bench(exchange, ccxt, telemetry)


@pytest.fixture(scope="module")
def kraken(exchange, ccxt):
    """One client for all: its markets are loaded, its classes instrumented and given back again and again."""
    client = ccxt.kraken(exchange.client(**OPTIONS))
    client.load_markets()
    return client


@pytest.mark.parametrize("fault", FAULTS)
def test_every_method_of_the_synchronous_client(bench, kraken, fault) -> None:
    """The same result or exception as without us, one broker call, and exactly one submission an order."""
    names = order_methods(type(kraken))
    assert len(names) > 50
    market, met = bench.exchange.market, 0
    with meeting(bench.exchange, fault):
        bare = {name: called(getattr(kraken, name), market)[0] for name in names}
        with bench.recording():
            for name in names:
                before, asked = bench.recorded(), bench.sent()
                seen, error = called(getattr(kraken, name), market)
                assert seen == bare[name], (name, fault)
                expected = ending(bench, name, fault, sent=bench.sent() > asked, error=error)
                check(name, fault, expected, since(before, bench.recorded()))
                met += expected == FAULTS[fault] or expected[1] == "not_found"
    assert met > 20
    assert faults(bench.telemetry) == 0


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"refused for its size", "refused for its price"}))
def test_every_method_of_the_asynchronous_client(bench, ccxt, fault) -> None:
    """Those that go over WebSocket among them: ccxt.pro is the asynchronous client with WebSockets."""
    refusals = ["insufficient_funds"] if fault == "refused for its funds" else []
    over_socket = fault in {"accepted", "refused for its funds"}
    market = bench.exchange.market

    async def call(client, name: str) -> tuple:
        bench.exchange.face.refusals[:] = refusals
        return await awaited(getattr(client, name), market)

    async def main() -> int:
        met = 0
        client = ccxt.pro.kraken(bench.exchange.client(**OPTIONS))
        names = [name for name in order_methods(type(client)) if over_socket or not name.endswith("_ws")]
        try:
            await client.load_markets()
            await client.authenticate()
            with meeting(bench.exchange, fault):
                bare = {name: (await call(client, name))[0] for name in names}
                with bench.recording():
                    for name in names:
                        before, asked = bench.recorded(), bench.sent()
                        seen, error = await call(client, name)
                        assert seen == bare[name], (name, fault)
                        expected = ending(bench, name, fault, sent=bench.sent() > asked, error=error)
                        check(name, fault, expected, since(before, bench.recorded()))
                        met += expected == FAULTS[fault] or expected[1] == "not_found"
        finally:
            await client.close()
        return met

    assert asyncio.run(main()) > 20
    assert faults(bench.telemetry) == 0


def test_every_method_that_is_never_answered(bench, exchange, ccxt) -> None:
    """All at once, since each takes as long as it waits: synchronous in threads, asynchronous in tasks."""
    options = {**OPTIONS, "timeout": 400}
    client = ccxt.kraken(exchange.client(**options))
    client.load_markets()
    names = [name for name in order_methods(type(client)) if not name.endswith("_ws")]

    async def main() -> list:
        pro = ccxt.pro.kraken(exchange.client(**options))
        try:
            await pro.load_markets()
            with meeting(exchange, "timed out"):
                return await asyncio.gather(*(awaited(getattr(pro, name), exchange.market) for name in names))
        finally:
            await pro.close()

    with bench.recording():
        with meeting(exchange, "timed out"), ThreadPoolExecutor(len(names)) as pool:
            waited = list(pool.map(lambda name: called(getattr(client, name), exchange.market), names))
        waited += asyncio.run(main())
    late = [name for name, (_, error) in zip(names * 2, waited, strict=True) if isinstance(error, ccxt.RequestTimeout)]
    assert len(late) > 40
    timed_out = {key[2]: value for key, value in orders(bench.telemetry).items() if key[:2] == ("failed", "timeout")}
    wanted = {"buy": 0.0, "sell": 0.0}
    for name in late:
        if sends(name) == 2:
            wanted["buy"] += 1
            wanted["sell"] += 1
        elif sends(name) == 1:
            wanted[side_of(name)] += 1
    assert timed_out == wanted
    assert attempts(bench.telemetry)["orders", "error"] == len(late)


def test_the_rule_by_which_methods_are_found_misses_none_that_sends(ccxt) -> None:
    """Of all exchanges: what orders, edits, cancels or closes is an operation, or only builds a request."""

    def below(kind: type):
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    base = next(kind for kind in ccxt.kraken.__mro__ if kind.__name__ == "BaseExchange")
    names = {
        name
        for kind in {base, *below(base)}
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and re.match(r"(create|edit|cancel)_\w*order|close_\w*position", name)
    }
    assert len(names) > 90
    missed = {name for name in names if operation_of(name) is None}
    assert {name for name in missed if not name.endswith("_request")} == {
        "create_order_appendix",
        "create_order_id_from_parts",
        "create_order_nonce",
        "create_order_settlement_data",
    }


def test_previews_are_no_submissions(instrumented, exchange, telemetry) -> None:
    """With any of the parameters that ask only what would become of an order."""
    client = instrumented.kraken(exchange.client(**OPTIONS))
    for word in ("validate", "test", "preview"):
        client.create_order("BTC/USD", "limit", "buy", 0.001, 50_000, {word: True})
        client.create_limit_buy_order("BTC/USD", 0.001, 50_000, params={word: True})
    assert orders(telemetry) == {}
    assert broker_calls(telemetry) == {("preview", "success", "none"): 6}
    client.create_order("BTC/USD", "limit", "buy", 0.001, 50_000, {"test": False})
    assert orders(telemetry) == {("success", "none", "buy"): 1}


def test_a_batch_of_which_the_exchange_takes_a_part(instrumented, exchange, telemetry) -> None:
    """Kraken's answer has an error in it, and ccxt raises it for all of them: so they are counted."""
    client = instrumented.kraken(exchange.client(**OPTIONS))
    batch = arguments(client.create_orders, exchange.market)["orders"]
    batch[1]["amount"] = 100.0
    with pytest.raises(instrumented.InsufficientFunds):
        client.create_orders(batch)
    assert orders(telemetry) == {
        ("rejected", "insufficient_funds", "buy"): 1,
        ("rejected", "insufficient_funds", "sell"): 1,
    }


def test_results_are_the_very_objects(ccxt, exchange) -> None:
    """Not copies: what the bot keeps in them stays there; and tracebacks end where they did."""
    client = ccxt.kraken(exchange.client(**OPTIONS))
    answer = {"info": {}, "status": None}
    error = ccxt.InsufficientFunds("no")
    given: list = [answer, error]

    class Fixed(ccxt.kraken):
        def create_order(self, *args, **kwargs):
            found = given.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

    with Telemetry(Settings()) as telemetry:
        CcxtInstrumentor().instrument(telemetry=telemetry)
        try:
            fixed = Fixed(exchange.client(**OPTIONS))
            fixed.set_markets(client.load_markets())
            assert fixed.create_limit_buy_order("BTC/USD", 1, 1) is answer
            with pytest.raises(ccxt.InsufficientFunds) as caught:
                fixed.create_order("BTC/USD", "limit", "sell", 1, 1)
            assert caught.value is error
            assert caught.traceback[-1].name == "create_order"
            assert orders(telemetry) == {
                ("success", "none", "buy"): 1,
                ("rejected", "insufficient_funds", "sell"): 1,
            }
        finally:
            CcxtInstrumentor().uninstrument()
