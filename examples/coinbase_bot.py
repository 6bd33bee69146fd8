"""A bot that trades through coinbase-advanced-py, with nothing decorated: one line of it records everything.

uv run examples/coinbase_bot.py                 # then look at http://127.0.0.1:8080/metrics
uv run examples/coinbase_bot.py --faults reject=0.3,late=0.2 --duration 60

The exchange is on paper and on this machine. For the real one, give the clients your key and leave out ``base_url``.
"""
# ruff: noqa: D102 - what each does is what it is named

import json
import logging
import sys
from collections import Counter, deque
from contextlib import suppress
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from functools import partial
from typing import Any

import requests
from coinbase.rest import RESTClient
from coinbase.websocket import WSClient, WSClientException

from candles import Candle
from client_cli import Screen, parse_options, start_telemetry
from exchanges.coinbase import coinbase_exchange
from exchanges.faults import FaultScript
from exchanges.loopback import over_loopback
from gpt_trader_telemetry import Telemetry
from gpt_trader_telemetry.health import check_broker_ping, check_ws_freshness
from gpt_trader_telemetry.integrations.coinbase.instrumentor import CoinbaseInstrumentor
from paper_cli import stop_on_signals
from paper_money import LOT, SLOW, side_to_trade

PRODUCT = "BTC-USD"


class Bot:
    """Follows the trend of one product, one lot at a time; an order that rests is cancelled at the next decision."""

    def __init__(self, telemetry: Telemetry, client: RESTClient, **feed: Any) -> None:
        self.telemetry, self.client = telemetry, client
        # Left to itself, the client does not see every end of a feed, and subscribes to no heartbeats again.
        self.feed = WSClient(on_message=self.on_message, retry=False, **feed)
        self.prices: deque[float] = deque(maxlen=1)
        self.seen: deque[Candle] = deque(maxlen=SLOW)
        self.resting: str | None = None
        self.equity = 0.0
        self.tally: Counter[str] = Counter()

    def get_time(self) -> Any:
        """Answer the health check, which asks for the broker's time."""
        return self.client.get_unix_time()

    def on_message(self, text: str) -> None:
        message = json.loads(text)
        if message["channel"] == "ticker":
            self.prices.append(float(message["events"][-1]["tickers"][-1]["price"]))

    def keep_feed(self) -> None:
        if not self.telemetry.websocket.get_ws_health().get("connected"):
            with suppress(WSClientException):  # the next decision is another chance
                self.feed.open()
                self.feed.ticker([PRODUCT])
                self.feed.heartbeats()

    def decide(self) -> None:
        self.keep_feed()
        try:
            self.trade()
        except (requests.RequestException, TypeError):
            self.tally["errors"] += 1  # counted by its reason already

    def trade(self) -> None:
        if not self.prices:
            return
        price = self.prices[-1]
        self.seen.append(Candle(datetime.now(UTC), price, price, price, price, 0))
        if self.resting is not None:
            resting, self.resting = self.resting, None
            cancelled = self.client.cancel_orders([resting]).results[0].success
            self.tally["cancelled" if cancelled else "filled"] += 1
        exposure = self.value_account(price)
        side = side_to_trade(self.seen, exposure, spot=True)
        if side is not None:
            self.place(side, LOT if side == "buy" else min(LOT, exposure), price)

    def place(self, side: str, worth: float, price: float) -> None:
        order = {
            "product_id": PRODUCT,
            "base_size": str(Decimal(worth / price).quantize(Decimal("0.00001"), ROUND_DOWN)),
            "limit_price": f"{price:.2f}",
        }
        if self.client.preview_limit_order_gtc(side=side.upper(), **order).errs:
            self.tally["not worth it"] += 1
            return
        answer = getattr(self.client, f"limit_order_gtc_{side}")(client_order_id="", **order)
        if answer.success:
            self.resting = answer["success_response"]["order_id"]
        else:
            self.tally["refused"] += 1

    def value_account(self, price: float) -> float:
        """Tell what the account is worth, and return what of it is in the product."""
        money = Counter()
        for account in self.client.get_accounts().accounts:
            money[account.currency] = float(account.available_balance["value"]) + float(account.hold["value"])
        coin, _, cash = PRODUCT.partition("-")
        exposure = money[coin] * price
        self.equity = money[cash] + exposure
        self.telemetry.account.update(
            equity=self.equity, exposure={PRODUCT: exposure}, open_orders=int(self.resting is not None)
        )
        return exposure


def main() -> int:
    """Run the bot until it is told to stop."""
    options = parse_options(__doc__)
    for name in ("coinbase.RESTClient", "coinbase.WSClient"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # they print every answer that is an error
    telemetry = start_telemetry(options.port)
    CoinbaseInstrumentor().instrument()

    stop = stop_on_signals(options.duration)
    with coinbase_exchange(FaultScript(options.faults, seed=options.seed), seed=options.seed) as exchange:
        key = {"api_key": exchange.key.name, "api_secret": exchange.key.secret}
        client = RESTClient(**key, base_url=exchange.host, timeout=1)
        over_loopback(client.session)
        bot = Bot(telemetry, client, **key, base_url=exchange.ws_url)
        telemetry.health.register("broker", partial(check_broker_ping, bot), severity="critical", interval=5)
        telemetry.health.register("feed", partial(check_ws_freshness, telemetry.websocket, 10.0), interval=5)
        telemetry.health.mark_ready()
        screen = Screen(PRODUCT, telemetry, exchange, drops=options.drops)
        while not stop.wait(options.every):
            bot.decide()
            screen.after_decision(bot)
        telemetry.health.mark_not_ready("stopped")
        with suppress(WSClientException):
            bot.feed.close()
    print("stopped", flush=True)
    return 0 if telemetry.shutdown(timeout=0.8) else 1


if __name__ == "__main__":
    sys.exit(main())
