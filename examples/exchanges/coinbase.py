"""Coinbase Advanced Trade on paper: its REST and WebSocket API as far as a bot needs it.

with coinbase_exchange() as exchange:
    client = RESTClient(exchange.key.name, exchange.key.secret, base_url=exchange.host)
    over_loopback(client.session)
    feed = WSClient(exchange.key.name, exchange.key.secret, base_url=exchange.ws_url, on_message=print)
"""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from exchanges.coinbase_feed import CoinbaseFeed
from exchanges.coinbase_keys import PaperKey
from exchanges.coinbase_words import (
    CANCEL_WORDS,
    EDIT_WORDS,
    WORDS,
    instant,
    order_from,
    shown_order,
    shown_product,
)
from exchanges.faults import FaultScript
from exchanges.market import FEE, Balance, Market, Order, Product, RefusedError, filled
from exchanges.server import Answer, Asked, PaperServer, Route

API: Final = "/api/v3/brokerage"
RATE_LIMIT: Final = 30
"""Requests a second."""
UNAUTHORIZED: Final[Answer] = (401, {"error": "unauthenticated", "message": "Unauthorized"})
NOT_FOUND: Final[Answer] = (404, {"error": "NOT_FOUND", "error_details": "", "message": "not found"})


def paper_market(*, seed: int = 0, clock: Callable[[], float] = time.time) -> Market:
    """Return a market of two products, with some money and coins to begin with."""
    products = {
        "BTC-USD": Product("BTC", "USD", Decimal(60_000)),
        "ETH-USD": Product("ETH", "USD", Decimal(3_000), smallest=Decimal("0.001")),
    }
    balances = {"USD": Balance(Decimal(100_000)), "BTC": Balance(Decimal("0.5")), "ETH": Balance(Decimal(10))}
    return Market(products, balances, clock, seed)


def coinbase_exchange(
    faults: FaultScript | None = None, *, market: Market | None = None, every: float = 0.25, seed: int = 0
) -> "CoinbaseServer":
    """Return an exchange that speaks as Coinbase does, not yet started; ``every`` so many seconds prices move."""
    return CoinbaseServer(Coinbase(market or paper_market(seed=seed)), faults, every=every)


class CoinbaseServer(PaperServer):
    """A paper exchange with the face of Coinbase."""

    face: "Coinbase"

    @property
    def market(self) -> Market:
        """What is traded on it."""
        return self.face.market

    @property
    def key(self) -> PaperKey:
        """What a client needs to trade on it."""
        return self.face.key


class Coinbase(CoinbaseFeed):
    """The REST API; the WebSocket API is the class that this one extends."""

    def __init__(self, market: Market) -> None:
        super().__init__(market, PaperKey())
        self.candles: dict[str, list[Mapping[str, str]]] = {}
        """What is answered when candles are asked for, the newest first, by product."""
        self.shows_configuration = True
        """Whether an answer to an order repeats what was asked for; else it says null there, as it may."""
        self._second, self._asked = 0, 0

    def routes(self) -> Iterable[Route]:
        """Return what answers; only public paths take requests without a key."""
        private: list[Route] = [
            ("GET", "/accounts", self._accounts),
            ("GET", "/accounts/{id}", self._account),
            ("GET", "/key_permissions", lambda _asked: (200, {"can_view": True, "can_trade": True})),
            ("GET", "/transaction_summary", lambda _asked: (200, {"fee_tier": {"taker_fee_rate": str(FEE)}})),
            ("GET", "/best_bid_ask", self._best),
            ("POST", "/orders", self._create),
            ("POST", "/orders/close_position", self._close_position),
            ("POST", "/orders/preview", self._preview),
            ("POST", "/orders/edit", self._edit),
            ("POST", "/orders/edit_preview", self._preview_edit),
            ("POST", "/orders/batch_cancel", self._cancel),
            ("GET", "/orders/historical/batch", self._orders),
            ("GET", "/orders/historical/fills", self._fills),
            ("GET", "/orders/historical/{id}", self._order),
        ]
        data: list[Route] = [
            ("GET", "/products", self._products),
            ("GET", "/product_book", self._book),
            ("GET", "/products/{id}", self._product),
            ("GET", "/products/{id}/candles", self._candles),
            ("GET", "/products/{id}/ticker", self._trades),
        ]
        yield "GET", f"{API}/time", self._time
        for method, path, answer in data:
            yield method, f"{API}/market{path}", answer
        for method, path, answer in private + data:
            yield method, API + path, self._with_key(answer)

    def headers(self) -> Mapping[str, str]:
        """Say what is left of the requests allowed in this second; more are not refused."""
        second = int(self.market.clock())
        self._asked = self._asked + 1 if second == self._second else 1
        self._second = second
        left = max(0, RATE_LIMIT - self._asked)
        return {"x-ratelimit-limit": str(RATE_LIMIT), "x-ratelimit-remaining": str(left), "x-ratelimit-reset": "1"}

    def _with_key(self, answer: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
        def checked(asked: Asked) -> Answer:
            uri = f"{asked.method} {asked.headers.get('Host')}{asked.path}"
            return answer(asked) if self.key.signed(asked.headers.get("Authorization", ""), uri) else UNAUTHORIZED

        return checked

    def _time(self, _asked: Asked) -> Answer:
        now = self.market.clock()
        return 200, {"iso": instant(now), "epochSeconds": str(int(now)), "epochMillis": str(int(now * 1000))}

    # --- money and products

    def _accounts(self, _asked: Asked) -> Answer:
        accounts = [self._shown_account(currency) for currency in self.market.balances]
        return 200, {"accounts": accounts, "has_next": False, "cursor": "", "size": len(accounts)}

    def _account(self, asked: Asked) -> Answer:
        found = [
            self._shown_account(currency) for currency in self.market.balances if _uuid(currency) == asked.at["id"]
        ]
        return (200, {"account": found[0]}) if found else NOT_FOUND

    def _shown_account(self, currency: str) -> dict[str, Any]:
        balance = self.market.balances[currency]
        return {
            "uuid": _uuid(currency), "name": f"{currency} Wallet", "currency": currency, "active": True, "ready": True,
            "available_balance": {"value": str(balance.available), "currency": currency},
            "hold": {"value": str(balance.hold), "currency": currency},
        }  # fmt: skip

    def _products(self, _asked: Asked) -> Answer:
        shown = [shown_product(name, product) for name, product in self.market.products.items()]
        return 200, {"products": shown, "num_products": len(shown)}

    def _product(self, asked: Asked) -> Answer:
        name = asked.at["id"]
        known = name in self.market.products
        return (200, shown_product(name, self.market.products[name])) if known else NOT_FOUND

    def _book(self, asked: Asked) -> Answer:
        name = asked.query["product_id"]
        return (200, {"pricebook": self._price_book(name, 10)}) if name in self.market.products else NOT_FOUND

    def _best(self, asked: Asked) -> Answer:
        wanted = asked.query.get("product_ids")
        return 200, {
            "pricebooks": [self._price_book(name, 1) for name in self.market.products if wanted in {None, name}]
        }

    def _price_book(self, name: str, levels: int) -> dict[str, Any]:
        bids, asks = (
            [{"price": str(price), "size": str(size)} for price, size in side]
            for side in self.market.book(name, levels)
        )
        return {"product_id": name, "bids": bids, "asks": asks, "time": instant(self.market.clock())}

    def _candles(self, asked: Asked) -> Answer:
        return 200, {"candles": self.candles.get(asked.at["id"], [])}

    def _trades(self, asked: Asked) -> Answer:
        product = self.market.products[asked.at["id"]]
        return 200, {"trades": [], "best_bid": str(product.bid), "best_ask": str(product.ask)}

    # --- orders

    def _create(self, asked: Asked) -> Answer:
        data = asked.json
        return self._submit(asked, lambda: order_from(data, self.market), data.get("order_configuration"))

    def _close_position(self, asked: Asked) -> Answer:
        data = asked.json

        def closing() -> Order:
            name = data["product_id"]
            held = self.market.balances[self.market.product(name).base].available
            size = Decimal(data.get("size") or held)
            return Order(name, "sell", size, client_id=data["client_order_id"])

        return self._submit(asked, closing, {})

    def _submit(self, asked: Asked, make: Callable[[], Order], given: Any) -> Answer:
        configuration = given if self.shows_configuration else None
        try:
            order = self.market.submit(self._refusing(asked, make))
        except RefusedError as refusal:
            return 200, {
                "success": False, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": "",
                "error_response": _error(refusal.reason), "order_configuration": configuration,
            }  # fmt: skip
        return 200, {
            "success": True, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": order.id,
            "success_response": {
                "order_id": order.id, "product_id": order.product, "side": order.side.upper(),
                "client_order_id": order.client_id,
            },
            "order_configuration": configuration,
        }  # fmt: skip

    def _preview(self, asked: Asked) -> Answer:
        try:
            order = self._refusing(asked, lambda: order_from(asked.json, self.market))
            self.market.check(order)
        except RefusedError as refusal:
            return 200, {"errs": [_error(refusal.reason)["preview_failure_reason"]], "warning": [], "order_total": "0"}
        product = self.market.product(order.product)
        value = order.size * (order.price or product.ask)
        return 200, {
            "errs": [], "warning": [], "preview_id": str(uuid.uuid4()), "base_size": str(order.size),
            "quote_size": str(value), "commission_total": str(value * FEE), "order_total": str(value * (1 + FEE)),
            "best_bid": str(product.bid), "best_ask": str(product.ask), "is_max": False, "slippage": "0",
        }  # fmt: skip

    def _cancel(self, asked: Asked) -> Answer:
        def cancelled(order_id: str) -> dict[str, Any]:
            try:
                self.market.cancel(self._refusing(asked, lambda: order_id))
            except RefusedError as refusal:
                reason = CANCEL_WORDS.get(refusal.reason, "COMMANDER_REJECTED_CANCEL_ORDER")
                return {"success": False, "failure_reason": reason, "order_id": order_id}
            return {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": order_id}

        return 200, {"results": [cancelled(order_id) for order_id in asked.json["order_ids"]]}

    def _edit(self, asked: Asked) -> Answer:
        errors = self._edited(asked, preview=False)
        order_id = asked.json["order_id"]
        if errors:
            return 200, {"success": False, "error_response": errors[0], "errors": errors}
        return 200, {"success": True, "success_response": {"order_id": order_id}, "errors": []}

    def _preview_edit(self, asked: Asked) -> Answer:
        return 200, {"errors": self._edited(asked, preview=True), "slippage": "0", "order_total": "0"}

    def _edited(self, asked: Asked, *, preview: bool) -> list[dict[str, str]]:
        """Edit an order, and return what stands against it."""
        data = asked.json
        size, price = (Decimal(data[name]) if data.get(name) else None for name in ("size", "price"))
        try:
            self.market.edit(self._refusing(asked, lambda: data["order_id"]), size, price, preview=preview)
        except RefusedError as refusal:
            word = EDIT_WORDS.get(refusal.reason, "INVALID_EDITED_SIZE")
            return [{"edit_failure_reason": word, "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON"}]
        return []

    @staticmethod
    def _refusing(asked: Asked, make: Callable[[], Any]) -> Any:
        if asked.refusal is not None:
            raise RefusedError(asked.refusal)
        return make()

    def _orders(self, asked: Asked) -> Answer:
        wanted = asked.query.get("order_status")
        shown = [shown_order(order) for order in self.market.orders.values()]
        found = [order for order in shown if wanted in {None, order["status"]}]
        return 200, {"orders": found, "sequence": "0", "has_next": False, "cursor": ""}

    def _order(self, asked: Asked) -> Answer:
        order = self.market.orders.get(asked.at["id"])
        return (200, {"order": shown_order(order)}) if order else NOT_FOUND

    def _fills(self, asked: Asked) -> Answer:
        wanted = asked.query.get("order_ids")
        fills = [
            {
                "entry_id": f"{order.id}-fill", "trade_id": f"{order.id}-trade", "order_id": order.id,
                "trade_time": instant(order.created), "price": str(order.filled_at), "size": str(order.size),
                "commission": str(order.fee), "product_id": order.product, "side": order.side.upper(),
            }
            for order in filled(self.market.orders.values())
            if wanted in {None, order.id}
        ]  # fmt: skip
        return 200, {"fills": fills, "cursor": ""}


def _uuid(currency: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, currency))


def _error(reason: str) -> dict[str, str]:
    error, preview, message = WORDS.get(reason, WORDS["broker_rejected"])
    return {"error": error, "message": message, "error_details": "", "preview_failure_reason": preview}
