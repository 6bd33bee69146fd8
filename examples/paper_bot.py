"""A small trading bot and its telemetry: real prices, real HTTP, a real strategy, paper money.

uv run examples/paper_bot.py                    # then look at http://127.0.0.1:8080/metrics
uv run examples/paper_bot.py --faults reject=0.3,late=0.2 --duration 60
"""
# ruff: noqa: D101, D102 - what each does is what it is named

import sys
from collections import Counter, deque
from functools import partial
from typing import Any

from candles import BadCandlesError, Candle, Market, load_market
from gpt_trader_telemetry import (
    ConfigurationError,
    Rejected,
    Settings,
    Telemetry,
    broker_call,
    configure,
    cycle,
    guard,
    order_submission,
    phase,
    record_counter,
    record_data_quality,
)
from gpt_trader_telemetry.health import (
    check_broker_ping,
    check_data_quality,
    check_ticker_freshness,
    check_ws_freshness,
)
from gpt_trader_telemetry.thresholds import Thresholds
from ledger import Ledger
from paper_cli import Screen, parse_options, replay, stop_on_signals
from paper_client import BrokerError, Client
from paper_exchange import PaperExchange
from paper_money import LOT, SLOW, Account, side_to_trade, usual_move

REFUSALS = {
    "INSUFFICIENT_FUND": "insufficient_funds",
    "INVALID_LIMIT_PRICE_POST_ONLY": "post_only",
    "ORDER_ENTRY_DISABLED": "market_closed",
}


def refusal(answer: dict[str, Any]) -> Rejected | None:
    """Judge an answer: this broker says no with a 200, too."""
    return None if answer["success"] else Rejected(REFUSALS.get(answer["error"], "broker_rejected"))


class Broker(Client):
    """The broker's client, measured."""

    def get_time(self) -> dict[str, Any]:
        return self.request("GET", "/ping")

    @broker_call("submit", classify=refusal)
    def submit(self, side: str, size: float, price: float) -> dict[str, Any]:
        return self.request("POST", "/orders", side=side, size=size, limit_price=price)

    def cancel(self, order_id: str) -> dict[str, Any]:
        with broker_call("cancel") as call:
            try:
                return self.request("DELETE", f"/orders/{order_id}")
            except BrokerError as error:
                if error.status_code != 404:
                    raise
                call.fail("not_found")  # it was filled meanwhile: no error to us, but no success either
                return {"success": False, "error": error.error_code}


class GuardError(Exception):
    """A guard tripped; ``category`` and ``recoverable`` become labels."""

    category, recoverable = "limit", True


class DayIsOverError(GuardError):
    recoverable = False


class BadDataError(GuardError):
    category = "data"


class Bot:
    """Follows the trend in one market, one lot at a time."""

    def __init__(self, telemetry: Telemetry, broker: Broker, market: Market) -> None:
        self.telemetry, self.broker, self.market = telemetry, broker, market
        self.account = Account()
        self.candles: deque[Candle] = deque(maxlen=SLOW)
        self.resting: tuple[str, str, float, float] | None = None
        self.tally: Counter[str] = Counter()

    @cycle()
    def on_candle(self, candle: Candle) -> None:
        self.candles.append(candle)
        self.account.see(candle)
        if self.resting:
            self.cancel(*self.resting)
        with phase("strategy_decision"):
            side = side_to_trade(self.candles, self.account.exposure)
        if side and not self.resting:
            self.trade(side, round(LOT / candle.close, 6), candle.close)
        self.telemetry.account.update(
            equity=self.account.equity,
            pnl=self.account.profit,
            exposure={self.market.symbol: self.account.exposure},
            open_orders=1 if self.resting else 0,
        )

    def trade(self, side: str, size: float, price: float) -> None:
        try:
            answer = self.place_order(side, size, price)
        except (GuardError, BrokerError, OSError) as error:
            # The decorators have counted it, and the next candle is another chance.
            self.tally["guard trips" if isinstance(error, GuardError) else "errors"] += 1
            return
        if not answer["success"]:
            self.tally["refused"] += 1
        elif answer["status"] == "filled":
            self.book(side, size, price)
        else:
            self.resting = answer["order_id"], side, size, price

    @order_submission(side="side", classify=refusal)
    def place_order(self, side: str, size: float, price: float) -> dict[str, Any]:
        self.check_daily_loss()
        self.check_position_limit(side)
        self.check_price_sanity()
        self.check_stale_mark()
        try:
            return self.broker.submit(side, size, price)
        except BrokerError as error:
            if error.status_code not in {429, 503}:
                raise
        return self.broker.submit(side, size, price)  # it took no notice of the first

    def cancel(self, order_id: str, side: str, size: float, price: float) -> None:
        try:
            cancelled = self.broker.cancel(order_id)["success"]
        except (BrokerError, OSError):
            return  # it still rests, for all we know
        self.resting = None
        if not cancelled:
            self.book(side, size, price)

    def book(self, side: str, size: float, price: float) -> None:
        self.account.book(side, size, price)
        self.tally["filled"] += 1
        record_counter("gpt_trader_trades_executed_total")

    @guard("daily_loss")
    def check_daily_loss(self) -> None:
        if self.account.profit_today < -150:
            raise DayIsOverError("lost enough for today")

    @guard("position_limit")
    def check_position_limit(self, side: str) -> None:
        if abs(self.account.exposure + (LOT if side == "buy" else -LOT)) > 6.5 * LOT:
            raise GuardError("the position would be too large")

    @guard("price_sanity")
    def check_price_sanity(self) -> None:
        if abs(self.candles[-1].close / self.candles[-2].close - 1) > 5 * usual_move(self.candles):
            raise BadDataError("the price jumped")

    @guard("stale_mark")
    def check_stale_mark(self) -> None:
        if self.candles[-1].time - self.candles[-2].time > 2 * self.market.interval:
            raise BadDataError("the price before this one was old")


def main() -> int:
    """Run the bot until it is told to stop."""
    options = parse_options(__doc__)
    try:
        market = load_market(options.candles)
        # The replay trades hours in a minute, so its guards trip that much more often than a bot's that trades live.
        hurried = Thresholds(guard_trip_count_warn=600, guard_trip_count_crit=2000)
        settings = Settings.from_env(health_server_enabled=True, metrics_endpoint_enabled=True, thresholds=hurried)
        if options.port is not None:
            settings = settings.with_changes(health_port=options.port)
        telemetry = configure(settings=settings)
    except (BadCandlesError, ConfigurationError) as error:
        print(f"paper_bot: {error}", file=sys.stderr)
        return 2
    record_data_quality(market.symbol, market.interval_name, market.score, market.issues)

    stop = stop_on_signals(options.duration)
    with PaperExchange(options.faults, seed=options.seed) as exchange:
        bot = Bot(telemetry, Broker(exchange.host), market)
        ledger = Ledger(bot)
        screen = Screen(market, telemetry.server, exchange)
        telemetry.health.register("broker", partial(check_broker_ping, bot.broker), severity="critical", interval=5)
        telemetry.health.register("feed", partial(check_ws_freshness, telemetry.websocket, 30.0), interval=5)
        telemetry.health.register("tickers", partial(check_ticker_freshness, telemetry.market_data), interval=5)
        telemetry.health.register("candles", partial(check_data_quality, telemetry.data_quality), interval=30)
        telemetry.health.mark_ready()
        telemetry.websocket.connected()
        for candle, lag in replay(market.candles, options, stop):
            telemetry.websocket.message()
            telemetry.market_data.ticker(market.symbol)
            telemetry.websocket.heartbeat(lag)
            bot.on_candle(candle)
            screen.show(bot)
        telemetry.websocket.disconnected()
        telemetry.health.mark_not_ready("the replay is over")
        ledger.write(options.ledger)
        screen.rest(bot, stop)
    if not telemetry.shutdown(timeout=0.8):
        print("paper_bot: not everything was delivered", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
