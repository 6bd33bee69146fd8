"""A bot that trades through ccxt, with nothing decorated: one line of it records everything.

uv run examples/ccxt_bot.py                     # then look at http://127.0.0.1:8080/metrics
uv run examples/ccxt_bot.py --faults reject=0.3,late=0.2 --duration 60

The exchange is on paper and on this machine. For the real Kraken, make ``ccxt.pro.kraken`` with your key alone.
"""
# ruff: noqa: D102 - what each does is what it is named

import argparse
import asyncio
import sys
from collections import Counter, deque
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import ccxt
import ccxt.pro

from candles import Candle
from client_cli import Screen, parse_options, start_telemetry
from exchanges.faults import FaultScript
from exchanges.kraken import kraken_exchange
from gpt_trader_telemetry import Telemetry
from gpt_trader_telemetry.health import check_broker_ping_async, check_ws_freshness
from gpt_trader_telemetry.integrations.ccxt.instrumentor import CcxtInstrumentor
from paper_cli import stop_on_signals
from paper_money import LOT, SLOW, side_to_trade

SYMBOL = "BTC/USD"


class Bot:
    """Follows the trend of one market, one lot at a time; an order that rests is cancelled at the next decision."""

    def __init__(self, telemetry: Telemetry, exchange: Any) -> None:
        self.telemetry, self.exchange = telemetry, exchange
        self.price: float | None = None
        self.seen: deque[Candle] = deque(maxlen=SLOW)
        self.resting: str | None = None
        self.equity = 0.0
        self.tally: Counter[str] = Counter()

    async def get_time(self) -> Any:
        """Answer the health check, which asks for the broker's time."""
        return await self.exchange.fetch_time()

    async def follow(self) -> None:
        """Keep the price up to date; a feed that breaks is opened again by the next call."""
        while True:
            try:
                self.price = (await self.exchange.watch_ticker(SYMBOL))["last"]
            except ccxt.NetworkError:
                await asyncio.sleep(0.2)

    async def decide(self) -> None:
        try:
            await self.trade()
        except ccxt.BaseError as error:
            # Counted by its reason already, and the next decision is another chance.
            self.tally["refused" if isinstance(error, ccxt.ExchangeError) else "errors"] += 1

    async def trade(self) -> None:
        if self.price is None:
            return
        price = self.price
        self.seen.append(Candle(datetime.now(UTC), price, price, price, price, 0))
        await self.cancel()
        exposure = await self.value_account(price)
        side = side_to_trade(self.seen, exposure, spot=True)
        if side is not None:
            worth = LOT if side == "buy" else min(LOT, exposure)
            order = await self.exchange.create_order(SYMBOL, "limit", side, worth / price, price)
            self.resting = order["id"]

    async def cancel(self) -> None:
        if self.resting is None:
            return
        try:
            await self.exchange.cancel_order(self.resting)
            self.tally["cancelled"] += 1
        except ccxt.OrderNotFound:
            self.tally["filled"] += 1
        self.resting = None

    async def value_account(self, price: float) -> float:
        """Tell what the account is worth, and return what of it is in the market."""
        total = (await self.exchange.fetch_balance())["total"]
        coin, _, cash = SYMBOL.partition("/")
        exposure = float(total[coin]) * price
        self.equity = float(total[cash]) + exposure
        self.telemetry.account.update(
            equity=self.equity, exposure={SYMBOL: exposure}, open_orders=int(self.resting is not None)
        )
        return exposure


async def run(telemetry: Telemetry, paper: Any, options: argparse.Namespace) -> None:
    """Trade until told to stop."""
    stop = stop_on_signals(options.duration)
    exchange = ccxt.pro.kraken(paper.client(timeout=1000))
    bot = Bot(telemetry, exchange)
    telemetry.health.register("broker", partial(check_broker_ping_async, bot), severity="critical", interval=5)
    telemetry.health.register("feed", partial(check_ws_freshness, telemetry.websocket, 10.0), interval=5)
    telemetry.health.mark_ready()
    following = asyncio.create_task(bot.follow())
    screen = Screen(SYMBOL, telemetry, paper, drops=options.drops)
    try:
        while not stop.is_set():
            await asyncio.sleep(options.every)
            await bot.decide()
            screen.after_decision(bot)
    finally:
        telemetry.health.mark_not_ready("stopped")
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await exchange.close()


def main() -> int:
    """Run the bot until it is told to stop."""
    options = parse_options(__doc__)
    telemetry = start_telemetry(options.port)
    CcxtInstrumentor().instrument()
    with kraken_exchange(FaultScript(options.faults, seed=options.seed), seed=options.seed) as paper:
        asyncio.run(run(telemetry, paper, options))
    print("stopped", flush=True)
    return 0 if telemetry.shutdown(timeout=0.8) else 1


if __name__ == "__main__":
    sys.exit(main())
