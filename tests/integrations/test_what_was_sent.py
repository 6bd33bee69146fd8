"""Methods of the bot's own that send several orders: each counts, with its own side and ending."""

import asyncio
import contextlib

import pytest
from reading import broker_calls, faults, orders, retries, value
from trading import OPTIONS, SYMBOL

from exchanges.faults import WELL, reject, status
from gpt_trader_telemetry import instrument_broker

FEW = 0.01


def limit(side: str) -> dict:
    """Return an order that rests."""
    return {
        "symbol": SYMBOL,
        "type": "limit",
        "side": side,
        "amount": FEW,
        "price": 50_000 if side == "buy" else 70_000,
    }


class Shapes:
    """What bots add to an exchange."""

    def create_orders(self, orders, params=None):
        return [self.create_order(**order) for order in orders]

    def create_bracket_order(self):
        return self.create_order(**limit("buy")), self.create_order(**limit("sell"))

    def create_twap_order(self, slices=3):
        return [self.create_order(**limit("buy")) for _ in range(slices)]

    def close_positions(self):
        return [self.create_order(**limit(side)) for side in ("sell", "buy")]

    def create_protected_order(self):
        order = self.create_order(**limit("buy"))
        with contextlib.suppress(Exception):
            self.create_order(**limit("sell"))
        return order

    def create_stubborn_order(self):
        for _ in range(3):
            with contextlib.suppress(Exception):
                return self.create_order(**limit("buy"))
        return None

    def create_ladder_orders(self, symbol, side, prices):
        return [self.create_order(symbol, "limit", side, FEW, price) for price in prices]

    def create_asked_order(self):
        self.create_order(**limit("buy"), params={"validate": True})
        return self.create_order(**limit("buy"))


@pytest.fixture
def mine(instrumented, exchange):
    """An exchange of the bot's own."""
    client = type("Mine", (Shapes, instrumented.kraken), dict(vars(Shapes)))(exchange.client(**OPTIONS))
    client.load_markets()
    yield client
    exchange.faults.clear()


TAKEN = {("success", "none", "buy"): 1, ("success", "none", "sell"): 1}


def test_each_leg_of_a_method_counts(telemetry, mine, exchange) -> None:
    """Once, whatever the method is called; and the method is one broker call."""
    before = len(exchange.requests("AddOrder"))
    mine.create_bracket_order()
    assert orders(telemetry) == TAKEN
    mine.close_positions()
    mine.create_twap_order()
    mine.create_ladder_orders(SYMBOL, "sell", [70_000, 71_000])
    assert orders(telemetry) == {("success", "none", "buy"): 5, ("success", "none", "sell"): 4}
    assert len(exchange.requests("AddOrder")) - before == 9
    assert broker_calls(telemetry)["submit", "success", "none"] == 4
    assert faults(telemetry) == 0


def test_what_was_taken_before_one_was_refused_was_taken(telemetry, mine, exchange) -> None:
    """Whether the refusal is raised on, kept, or the end of a batch."""
    exchange.faults.script(WELL, WELL, reject("insufficient_funds"), on="AddOrder")
    with pytest.raises(Exception, match="Insufficient"):
        mine.create_orders([limit(side) for side in ("buy", "sell", "buy", "sell")])
    refused = ("rejected", "insufficient_funds", "buy")
    assert orders(telemetry) == {**TAKEN, refused: 1}
    exchange.faults.script(WELL, reject("post_only"), on="AddOrder")
    mine.create_protected_order()
    assert orders(telemetry) == {
        **TAKEN,
        refused: 1,
        ("success", "none", "buy"): 2,
        ("rejected", "post_only", "sell"): 1,
    }


def test_tries_of_one_order_are_retries(telemetry, mine, exchange) -> None:
    """The same thing again, after it failed."""
    exchange.faults.script(status(503), status(503), on="AddOrder")
    mine.create_stubborn_order()
    assert orders(telemetry) == {("success", "none", "buy"): 1}
    assert retries(telemetry) == {}


def test_orders_at_once_are_told_apart(telemetry, instrumented, exchange) -> None:
    """One leg is refused while the other is on its way: it is no retry."""

    class Mine(instrumented.async_support.kraken):
        async def create_bracket_order(self):
            return await asyncio.gather(
                *(self.create_order(**limit(side)) for side in ("buy", "sell")), return_exceptions=True
            )

    async def main() -> None:
        client = Mine(exchange.client(**OPTIONS))
        try:
            await client.load_markets()
            exchange.faults.script(reject("post_only"), on="AddOrder")
            await client.create_bracket_order()
        finally:
            await client.close()

    asyncio.run(main())
    counted = orders(telemetry)
    assert sorted((result, reason) for result, reason, _ in counted) == [("rejected", "post_only"), ("success", "none")]
    assert {side for _, _, side in counted} == {"buy", "sell"}


def test_an_iterator_of_orders_reaches_the_bot(telemetry, mine, exchange) -> None:
    """It is there once, and not for us to read."""
    before = len(exchange.requests("AddOrder"))
    mine.create_orders(limit(side) for side in ("buy", "sell"))
    assert len(exchange.requests("AddOrder")) - before == 2
    assert orders(telemetry) == TAKEN


def test_a_preview_within_an_order_is_a_preview(telemetry, mine, exchange) -> None:
    """Where it is refused and the order is not sent, that was kept back."""
    exchange.faults.script(reject("insufficient_funds"), on="AddOrder")
    with pytest.raises(Exception, match="Insufficient"):
        mine.create_asked_order()
    assert orders(telemetry) == {}
    assert broker_calls(telemetry)["preview", "failure", "insufficient_funds"] == 1
    assert value(telemetry, "gpt_trader_order_preview_failures_total") == 1
    assert value(telemetry, "gpt_trader_trades_blocked_total") == 1
    mine.create_asked_order()
    assert orders(telemetry) == {("success", "none", "buy"): 1}


def test_a_router_over_two_exchanges_sends_what_they_send(telemetry, instrumented, exchange) -> None:
    """An object of the bot's own around clients that are recorded too."""
    clients = [instrumented.kraken(exchange.client(**OPTIONS)) for _ in range(2)]

    class Router:
        def arbitrage(self):
            return [client.create_order(**limit(side)) for client, side in zip(clients, ("buy", "sell"), strict=True)]

    instrument_broker(Router(), {"arbitrage": "submit"}, slot=telemetry._slot).arbitrage()
    assert orders(telemetry) == TAKEN
