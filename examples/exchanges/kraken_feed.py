"""The WebSocket API of Kraken, version 2: tickers and heartbeats, and orders."""

import asyncio
from typing import Any, Final

from exchanges.kraken_words import WEBSOCKET_SYMBOLS, PaperSecret, error_of, order_from
from exchanges.market import Market, RefusedError
from exchanges.server import Face, Socket

_NAMES: Final = {symbol: name for name, symbol in WEBSOCKET_SYMBOLS.items()}


class KrakenFeed(Face):
    """What is said on WebSockets, with a heartbeat at every tick."""

    sockets = ("/", "/v2")

    def __init__(self, market: Market, key: PaperSecret) -> None:
        self.market, self.key = market, key
        self.moves = True
        """Whether prices move with every tick."""
        self.refusals: list[str] = []
        """Why the next orders over WebSocket are refused."""

    async def received(self, socket: Socket, message: Any) -> None:
        """Answer a message."""
        method, params = message["method"], message.get("params", {})
        if method == "ping":
            await socket.send({"method": "pong", "req_id": message.get("req_id")})
        elif method == "subscribe":
            await self._subscribe(socket, message)
        elif params.get("token") != self.key.token:
            await self._say(socket, message, error="ESession:Invalid session")
        else:
            try:
                if self.refusals:
                    raise RefusedError(self.refusals.pop(0))
                result = self._carry_out(method, params)
            except RefusedError as refusal:
                await self._say(socket, message, error=error_of(refusal.reason))
            else:
                await self._say(socket, message, result=result)

    async def tick(self, sockets: list[Socket]) -> None:
        """Move prices and tell of it."""
        if self.moves:
            self.market.step()
        await asyncio.gather(*(self._tell(socket) for socket in sockets))

    def _carry_out(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        market = self.market
        if method == "add_order":
            order = order_from(params, _NAMES.get(params["symbol"], ""), market)
            return {"order_id": market.submit(order).id}
        if method == "amend_order":
            order_id = params["order_id"]
            size, price = params.get("order_qty"), params.get("limit_price")
            changed = order_from({"order_qty": size, "limit_price": price, "order_type": "limit"}, _any(market), market)
            market.edit(order_id, changed.size or None, changed.price)
            return {"amend_id": f"{order_id}-amended", "order_id": order_id}
        if method == "cancel_order":
            for order_id in params["order_id"]:
                market.cancel(order_id)
            return {"order_id": params["order_id"][0]}
        resting = [order.id for order in market.orders.values() if order.status == "open"]
        for order_id in resting:
            market.cancel(order_id)
        return {"count": len(resting)}

    async def _subscribe(self, socket: Socket, message: Any) -> None:
        params = message["params"]
        channel = params["channel"]
        symbols = params.get("symbol", [])
        socket.subscribed.setdefault(channel, set()).update(symbols)
        for symbol in symbols or [None]:
            await self._say(socket, message, result={"channel": channel, "symbol": symbol, "snapshot": True})
        await self._tell(socket)

    async def _tell(self, socket: Socket) -> None:
        await socket.send({"channel": "heartbeat"})
        for symbol in sorted(socket.subscribed.get("ticker", ())):
            if symbol in _NAMES:
                await socket.send({"channel": "ticker", "type": "update", "data": [self._quoted(symbol)]})

    def _quoted(self, symbol: str) -> dict[str, Any]:
        product = self.market.products[_NAMES[symbol]]
        price = float(product.price)
        return {
            "symbol": symbol, "bid": float(product.bid), "bid_qty": 1.0, "ask": float(product.ask), "ask_qty": 1.0,
            "last": price, "volume": 1000.0, "vwap": price, "low": price, "high": price, "change": 0.0,
            "change_pct": 0.0,
        }  # fmt: skip

    @staticmethod
    async def _say(socket: Socket, asked: Any, *, result: Any = None, error: str | None = None) -> None:
        told = {"method": asked["method"], "req_id": asked.get("req_id"), "success": error is None}
        await socket.send({**told, "result": result} if error is None else {**told, "error": error})


def _any(market: Market) -> str:
    return next(iter(market.products))
