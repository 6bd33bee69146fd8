"""The WebSocket API of Coinbase: what is subscribed to, numbered, on every connection."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from exchanges.coinbase_keys import PaperKey
from exchanges.coinbase_words import instant, shown_order
from exchanges.market import Market, Order
from exchanges.server import Face, Socket

PRIVATE: Final = {"user", "futures_balance_summary"}
NAMES: Final = {"level2": "l2_data"}
"""Channels whose messages have another name than their subscription."""


class CoinbaseFeed(Face):
    """Market data and the user channel, and heartbeats where they are asked for."""

    sockets = ("/", "/user")

    def __init__(self, market: Market, key: PaperKey) -> None:
        self.market, self.key = market, key
        self.moves = True
        """Whether prices move with every tick."""
        self._beats = 0
        self._news: list[Order] = []
        market.changed.append(self._news.append)

    async def received(self, socket: Socket, message: Any) -> None:
        """Subscribe and unsubscribe."""
        channel, products = message["channel"], set(message.get("product_ids") or ())
        if channel in PRIVATE and not self.key.signed(message.get("jwt", "")):
            await socket.send({"type": "error", "message": "authentication failure"})
            return
        if message["type"] == "subscribe":
            socket.subscribed.setdefault(channel, set()).update(products)
            await self._say(socket, channel, self._snapshot(channel, products), kind="snapshot")
        elif products:
            socket.subscribed.get(channel, set()).difference_update(products)
        else:
            socket.subscribed.pop(channel, None)
        shown = {name: sorted(given) for name, given in socket.subscribed.items()}
        await self._say(socket, "subscriptions", [{"subscriptions": shown}])

    async def tick(self, sockets: list[Socket]) -> None:
        """Move prices and tell of it, of orders, and that the feed lives."""
        if self.moves:
            self.market.step()
        self._beats += 1
        news, self._news[:] = list(self._news), []
        await asyncio.gather(*(self._tell(socket, news) for socket in sockets))

    async def _tell(self, socket: Socket, news: list[Order]) -> None:
        for channel, products in list(socket.subscribed.items()):
            if channel == "user":
                told = [{"orders": [_shown(order) for order in news]}] if news else []
            else:
                told = self._snapshot(channel, products)
            await self._say(socket, channel, told)

    def _snapshot(self, channel: str, products: Iterable[str]) -> list[dict[str, Any]]:
        names = [name for name in products if name in self.market.products]
        if channel == "heartbeats":
            return [{"current_time": instant(self.market.clock()), "heartbeat_counter": self._beats}]
        if channel == "user":
            return [{"orders": [_shown(order) for order in self.market.orders.values() if order.status == "open"]}]
        if channel in {"ticker", "ticker_batch"}:
            return [{"tickers": [self._ticker(name) for name in names]}]
        if channel == "level2":
            return [{"product_id": name, "updates": self._updates(name)} for name in names]
        if channel == "status":
            return [{"products": [{"id": name, "status": "online"} for name in names]}]
        return [{{"candles": "candles", "market_trades": "trades"}.get(channel, channel): []}]

    async def _say(self, socket: Socket, channel: str, events: list[dict[str, Any]], kind: str = "update") -> None:
        if not events:
            return
        typed = channel not in {"heartbeats", "subscriptions"}
        number, socket.sequence = socket.sequence, socket.sequence + 1
        await socket.send({
            "channel": NAMES.get(channel, channel), "client_id": "", "timestamp": instant(self.market.clock()),
            "sequence_num": number, "events": [{"type": kind, **event} if typed else event for event in events],
        })  # fmt: skip

    def _ticker(self, name: str) -> dict[str, str]:
        product = self.market.products[name]
        return {
            "type": "ticker", "product_id": name, "price": str(product.price), "volume_24_h": "1000",
            "best_bid": str(product.bid), "best_ask": str(product.ask), "price_percent_chg_24_h": "0",
        }  # fmt: skip

    def _updates(self, name: str) -> list[dict[str, str]]:
        now, (bids, asks) = instant(self.market.clock()), self.market.book(name)
        return [
            {"side": side, "event_time": now, "price_level": str(price), "new_quantity": str(size)}
            for side, levels in (("bid", bids), ("offer", asks))
            for price, size in levels
        ]


def _shown(order: Order) -> dict[str, Any]:
    shown = shown_order(order)
    return {
        "order_id": shown["order_id"], "client_order_id": shown["client_order_id"], "status": shown["status"],
        "product_id": shown["product_id"], "order_side": shown["side"], "cumulative_quantity": shown["filled_size"],
        "avg_price": shown["average_filled_price"], "total_fees": shown["total_fees"],
        "creation_time": shown["created_time"],
    }  # fmt: skip
