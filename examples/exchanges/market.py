"""What an exchange is whatever it speaks: products, prices, balances and orders.

Prices move when they are told to. There is always somebody to trade with, one tick away from the price; orders that
cannot be carried out at once rest until the price comes to them.
"""

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Final

FEE: Final = Decimal("0.001")
"""Share of an order's value that trading costs, in the quote currency."""
BOOK_LEVELS: Final = 20


class RefusedError(Exception):
    """The exchange says no; ``reason`` is one of the words that the telemetry has for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Product:
    """What can be traded, in which steps, and at what price now."""

    base: str
    quote: str
    price: Decimal
    tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal("0.00001")
    smallest: Decimal = Decimal("0.0001")
    is_open: bool = True

    @property
    def bid(self) -> Decimal:
        """What somebody pays now."""
        return self.price - self.tick

    @property
    def ask(self) -> Decimal:
        """What somebody takes now."""
        return self.price + self.tick


@dataclass
class Balance:
    """What of a currency can be used, and what resting orders hold."""

    available: Decimal = Decimal(0)
    hold: Decimal = Decimal(0)


@dataclass
class Order:
    """One order and what became of it."""

    product: str
    side: str
    size: Decimal
    kind: str = "market"
    """market, limit, stop_limit (a limit once the price reaches ``stop``) or bracket (a limit and a stop loss)."""
    price: Decimal | None = None
    stop: Decimal | None = None
    lifetime: str = "gtc"
    """gtc rests; ioc and fok are carried out at once or cancelled."""
    post_only: bool = False
    client_id: str = ""
    id: str = ""
    status: str = "open"
    """open, filled or cancelled."""
    filled_at: Decimal | None = None
    fee: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    created: float = 0.0
    number: int = 0


Changed = Callable[[Order], None]
"""Told of every order that was taken, filled or cancelled, by whichever thread did it."""


@dataclass
class Market:
    """One account on one exchange; safe to use from many threads."""

    products: dict[str, Product]
    balances: dict[str, Balance]
    clock: Callable[[], float]
    seed: int = 0
    orders: dict[str, Order] = field(default_factory=dict)
    changed: list[Changed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._random = random.Random(self.seed)
        self._numbers = count(1)
        self._ids: dict[str, str] = {}

    def product(self, name: str) -> Product:
        """Return a product by its name; raise RefusedError for one that is not traded here."""
        if name not in self.products:
            raise RefusedError("invalid_order")
        return self.products[name]

    def check(self, order: Order) -> Decimal:
        """Return what carrying out the order would hold of the account; raise RefusedError where it cannot be taken."""
        with self._lock:
            product = self.product(order.product)
            if order.side not in {"buy", "sell"}:
                raise RefusedError("invalid_order")
            if not product.is_open:
                raise RefusedError("market_closed")
            if order.size < product.smallest or order.size % product.lot:
                raise RefusedError("invalid_size")
            for price in (order.price, order.stop):
                if price is not None and (price <= 0 or price % product.tick):
                    raise RefusedError("invalid_price")
            if order.kind != "market" and order.price is None:
                raise RefusedError("invalid_price")
            if order.post_only and self._is_due(order):
                raise RefusedError("post_only")
            currency, amount = self._to_hold(order)
            if self.balances.setdefault(currency, Balance()).available < amount:
                raise RefusedError("insufficient_funds")
            return amount

    def submit(self, order: Order) -> Order:
        """Take an order, or raise RefusedError. A ``client_id`` that was seen before gives the order that it named."""
        with self._lock:
            if order.client_id in self._ids:
                return self.orders[self._ids[order.client_id]]
            order.held = self.check(order)
            order.number = next(self._numbers)
            order.id = order.id or f"paper-{order.number}"
            order.created = self.clock()
            self.orders[order.id] = order
            if order.client_id:
                self._ids[order.client_id] = order.id
            self._move_hold(order, order.held)
            if self._is_due(order):
                self._fill(order)
            elif order.lifetime in {"ioc", "fok"}:
                self._release(order, "cancelled")
            else:
                self._tell(order)
            return order

    def cancel(self, order_id: str) -> Order:
        """Cancel an order that rests; raise RefusedError for any other."""
        with self._lock:
            order = self.resting(order_id)
            self._release(order, "cancelled")
            return order

    def edit(self, order_id: str, size: Decimal | None, price: Decimal | None, *, preview: bool = False) -> Order:
        """Change size and price of an order that rests; raise RefusedError for any other, and for such a change."""
        with self._lock:
            order = self.resting(order_id)
            before = order.size, order.price
            self._move_hold(order, -order.held)
            try:
                order.size, order.price = size or order.size, price or order.price
                held = self.check(order)
                order.held = order.held if preview else held
            except RefusedError:
                order.size, order.price = before
                raise
            finally:
                if preview:
                    order.size, order.price = before
                self._move_hold(order, order.held)
            if not preview and self._is_due(order):
                self._fill(order)
            return order

    def resting(self, order_id: str) -> Order:
        """Return an order that rests; raise RefusedError where there is none."""
        order = self.orders.get(order_id)
        if order is None or order.status != "open":
            raise RefusedError("not_found")
        return order

    def move(self, name: str, price: Decimal) -> None:
        """Set a price, and carry out what waited for it."""
        with self._lock:
            self.products[name].price = price
            for order in [order for order in self.orders.values() if order.product == name and order.status == "open"]:
                if order.kind == "stop_limit" and self._is_stopped(order):
                    order.kind = "limit"
                if self._is_due(order):
                    self._fill(order)

    def step(self) -> None:
        """Move every price at random, by at most a thousandth."""
        with self._lock:
            for name, product in self.products.items():
                drawn = Decimal(str(round(1 + self._random.uniform(-0.001, 0.001), 6)))
                self.move(name, max(2 * product.tick, (product.price * drawn // product.tick) * product.tick))

    def book(self, name: str, levels: int = BOOK_LEVELS) -> tuple[list[tuple[Decimal, Decimal]], ...]:
        """Return the bids and the asks, each a list of price and size from the best on."""
        product = self.product(name)

        def side(begin: Decimal, step: Decimal, own: str) -> list[tuple[Decimal, Decimal]]:
            sizes = {begin + number * step: product.smallest * (number + 1) * 100 for number in range(levels)}
            for order in list(self.orders.values()):
                if (order.product, order.side, order.status, order.kind) == (name, own, "open", "limit"):
                    sizes[order.price] = sizes.get(order.price, 0) + order.size
            return sorted(sizes.items(), reverse=own == "buy")[:levels]

        with self._lock:
            return side(product.bid, -product.tick, "buy"), side(product.ask, product.tick, "sell")

    def _to_hold(self, order: Order) -> tuple[str, Decimal]:
        product = self.products[order.product]
        if order.side == "sell":
            return product.base, order.size
        return product.quote, order.size * (order.price or product.ask) * (1 + FEE)

    def _move_hold(self, order: Order, amount: Decimal) -> None:
        balance = self.balances[self._to_hold(order)[0]]
        balance.available -= amount
        balance.hold += amount

    def _is_due(self, order: Order) -> bool:
        product = self.products[order.product]
        if order.kind == "market":
            return True
        if order.kind == "stop_limit":
            return False
        if order.kind == "bracket" and self._is_stopped(order):
            return True
        return order.price >= product.ask if order.side == "buy" else order.price <= product.bid

    def _is_stopped(self, order: Order) -> bool:
        price = self.products[order.product].price
        return price >= order.stop if order.side == "buy" else price <= order.stop

    def _fill(self, order: Order) -> None:
        product = self.products[order.product]
        order.filled_at = product.ask if order.side == "buy" else product.bid
        value = order.size * order.filled_at
        order.fee = value * FEE
        for currency in (product.base, product.quote):
            self.balances.setdefault(currency, Balance())
        bought = order.side == "buy"
        self._release(order, "filled")
        self.balances[product.base].available += order.size if bought else -order.size
        self.balances[product.quote].available += (-value if bought else value) - order.fee

    def _release(self, order: Order, status: str) -> None:
        self._move_hold(order, -order.held)
        order.held, order.status = Decimal(0), status
        self._tell(order)

    def _tell(self, order: Order) -> None:
        for told in self.changed:
            told(order)


def filled(orders: Iterable[Order]) -> Iterator[Order]:
    """Yield those that were carried out."""
    return (order for order in orders if order.status == "filled")
