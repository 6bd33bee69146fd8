"""Kraken on paper: its REST and WebSocket API as far as a bot that uses ccxt needs it.

with kraken_exchange() as exchange:
    kraken = ccxt.kraken(exchange.client())
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final

from exchanges.faults import FaultScript
from exchanges.kraken_feed import KrakenFeed
from exchanges.kraken_words import (
    PaperSecret,
    described,
    error_of,
    order_from,
    shown_order,
    shown_product,
    shown_ticker,
)
from exchanges.market import Balance, Market, Order, Product, RefusedError
from exchanges.server import Answer, Asked, PaperServer, Route

_ALTNAMES: Final = {"XXBT": "XBT", "XETH": "ETH", "ZUSD": "USD"}


def kraken_market(*, seed: int = 0, clock: Callable[[], float] = time.time) -> Market:
    """Return a market of two products, with some money and coins to begin with."""
    products = {
        "XXBTZUSD": Product("XXBT", "ZUSD", Decimal(60_000), tick=Decimal("0.1"), lot=Decimal("0.00000001")),
        "XETHZUSD": Product("XETH", "ZUSD", Decimal(3_000), lot=Decimal("0.00000001"), smallest=Decimal("0.001")),
    }
    balances = {"ZUSD": Balance(Decimal(100_000)), "XXBT": Balance(Decimal(2)), "XETH": Balance(Decimal(20))}
    return Market(products, balances, clock, seed)


def kraken_exchange(
    faults: FaultScript | None = None, *, market: Market | None = None, every: float = 0.25, seed: int = 0
) -> "KrakenServer":
    """Return an exchange that speaks as Kraken does, not yet started; ``every`` so many seconds prices move."""
    return KrakenServer(Kraken(market or kraken_market(seed=seed)), faults, every=every)


class KrakenServer(PaperServer):
    """A paper exchange with the face of Kraken."""

    face: "Kraken"

    @property
    def market(self) -> Market:
        """What is traded on it."""
        return self.face.market

    def client(self, **more: Any) -> dict[str, Any]:
        """Return what ``ccxt.kraken(...)`` is to be made with, to trade here: an address and a key."""
        sockets = dict.fromkeys(("public", "private", "publicV2", "privateV2"), f"{self.ws_url}/v2")
        return {
            "urls": {"api": {"public": self.url, "private": self.url, "ws": sockets}},
            "apiKey": self.face.key.key,
            "secret": self.face.key.secret,
            "enableRateLimit": False,
            **more,
        }


class Kraken(KrakenFeed):
    """The REST API; the WebSocket API is the class that this one extends."""

    fault_body: ClassVar[Any] = {"error": []}

    def __init__(self, market: Market) -> None:
        super().__init__(market, PaperSecret())

    def routes(self) -> Iterable[Route]:
        """Return what answers."""
        public = {
            "Time": lambda _asked: {"unixtime": int(self.market.clock()), "rfc1123": ""},
            "SystemStatus": lambda _asked: {"status": "online"},
            "Assets": self._assets,
            "AssetPairs": self._products,
            "Ticker": self._ticker,
            "Depth": self._depth,
        }
        private = {
            "BalanceEx": self._balance,
            "AddOrder": self._create,
            "AddOrderBatch": self._create_all,
            "AmendOrder": self._edit,
            "CancelOrder": self._cancel,
            "CancelOrderBatch": self._cancel_all,
            "CancelAll": self._cancel_all,
            "CancelAllOrdersAfter": lambda _asked: {"currentTime": "", "triggerTime": "0"},
            "OpenOrders": lambda _asked: {"open": self._orders("open"), "count": 0},
            "ClosedOrders": lambda _asked: {"closed": self._orders("filled"), "count": 0},
            "QueryOrders": self._query,
            "TradesHistory": lambda _asked: {"trades": {}, "count": 0},
            "GetWebSocketsToken": lambda _asked: {"token": self.key.token, "expires": 900},
        }
        for name, answer in public.items():
            yield "GET", f"/0/public/{name}", _answering(answer)
        for name, answer in private.items():
            yield "POST", f"/0/private/{name}", self._with_key(answer)

    def _with_key(self, answer: Callable[[Asked], Any]) -> Callable[[Asked], Answer]:
        answering = _answering(answer)

        def checked(asked: Asked) -> Answer:
            nonce = str(_given(asked).get("nonce"))
            signed = self.key.signed(asked.path, nonce, asked.body, asked.headers)
            return answering(asked) if signed else (200, {"error": ["EAPI:Invalid key"]})

        return checked

    # --- money and products

    def _assets(self, _asked: Asked) -> Any:
        return {
            name: {"aclass": "currency", "altname": altname, "decimals": 10, "display_decimals": 5, "status": "enabled"}
            for name, altname in _ALTNAMES.items()
        }

    def _products(self, _asked: Asked) -> Any:
        return {name: shown_product(name, product) for name, product in self.market.products.items()}

    def _ticker(self, asked: Asked) -> Any:
        name = asked.query["pair"]
        return {name: shown_ticker(self.market.product(name))}

    def _depth(self, asked: Asked) -> Any:
        name, now = asked.query["pair"], int(self.market.clock())
        bids, asks = ([[str(price), str(size), now] for price, size in side] for side in self.market.book(name))
        return {name: {"bids": bids, "asks": asks}}

    def _balance(self, _asked: Asked) -> Any:
        return {
            name: {"balance": str(balance.available + balance.hold), "hold_trade": str(balance.hold)}
            for name, balance in self.market.balances.items()
        }

    # --- orders

    def _create(self, asked: Asked) -> Any:
        given = _given(asked)
        order = self._order(given, given.get("pair", ""), asked.refusal)
        return {"descr": described(order), **self._taken(order, given)}

    def _taken(self, order: Order, given: Mapping[str, Any]) -> dict[str, Any]:
        if str(given.get("validate", "")).lower() in {"true", "1"}:
            self.market.check(order)
            return {}
        return {"txid": [self.market.submit(order).id]}

    def _create_all(self, asked: Asked) -> Any:
        given = _given(asked)
        shown = []
        for each in given["orders"]:
            try:
                order = self._order(each, given["pair"], asked.refusal)
                taken = self._taken(order, given)
                shown.append({"descr": described(order), **({"txid": taken["txid"][0]} if taken else {})})
            except RefusedError as refusal:
                shown.append({"error": error_of(refusal.reason)})
        return {"orders": shown}

    def _order(self, given: Mapping[str, Any], name: str, refusal: str | None) -> Order:
        if refusal is not None:
            raise RefusedError(refusal)
        return order_from(given, name, self.market)

    def _edit(self, asked: Asked) -> Any:
        given = _given(asked)
        if asked.refusal is not None:
            raise RefusedError(asked.refusal)
        size, price = (Decimal(given[name]) if given.get(name) else None for name in ("order_qty", "limit_price"))
        order_id = str(given.get("txid") or self._named(given["cl_ord_id"]))
        self.market.edit(order_id, size, price)
        return {"amend_id": f"{order_id}-amended"}

    def _cancel(self, asked: Asked) -> Any:
        if asked.refusal is not None:
            raise RefusedError("not_found")
        given = _given(asked)
        self.market.cancel(str(given.get("txid") or self._named(given["cl_ord_id"])))
        return {"count": 1}

    def _named(self, client_id: str) -> str:
        return next((order.id for order in self.market.orders.values() if order.client_id == client_id), "")

    def _cancel_all(self, asked: Asked) -> Any:
        if asked.refusal is not None:
            raise RefusedError("not_found")
        given = _given(asked)
        wanted = given.get("orders")
        if wanted is None and "cl_ord_ids" in given:
            wanted = [self._named(each) for each in given["cl_ord_ids"]]
        resting = list(self._orders("open")) if wanted is None else wanted
        for order_id in resting:
            self.market.cancel(order_id)
        return {"count": len(resting)}

    def _orders(self, status: str) -> dict[str, Any]:
        return {order.id: shown_order(order) for order in self.market.orders.values() if order.status == status}

    def _query(self, asked: Asked) -> Any:
        wanted = str(_given(asked)["txid"]).split(",")
        return {name: shown_order(self.market.orders[name]) for name in wanted if name in self.market.orders}


def _given(asked: Asked) -> dict[str, Any]:
    return asked.json if asked.body[:1] == b"{" else asked.form


def _answering(answer: Callable[[Asked], Any]) -> Callable[[Asked], Answer]:
    def answering(asked: Asked) -> Answer:
        try:
            return 200, {"error": [], "result": answer(asked)}
        except RefusedError as refusal:
            return 200, {"error": [error_of(refusal.reason)]}
        except (LookupError, ArithmeticError, json.JSONDecodeError):
            return 200, {"error": [error_of("")]}

    return answering
