"""How Kraken spells orders, products and refusals."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from exchanges.market import Market, Order, Product

WORDS: Final = {
    "insufficient_funds": "EOrder:Insufficient funds",
    "invalid_size": "EOrder:Order minimum not met",
    "invalid_price": "EGeneral:Invalid arguments:price",
    "post_only": "EOrder:Post only order",
    "market_closed": "EService:Market in cancel_only mode",
    "not_found": "EOrder:Unknown order",
    "broker_rejected": "EOrder:Trading agreement required",
}
"""The error of each refusal; any other is ``INVALID``."""
INVALID: Final = "EGeneral:Invalid arguments"

WEBSOCKET_SYMBOLS: Final = {"XXBTZUSD": "BTC/USD", "XETHZUSD": "ETH/USD"}
"""What the products are called on the WebSocket."""


class PaperSecret:
    """A key that nobody has seen before: ``key`` names it, and ``secret`` signs with it."""

    def __init__(self) -> None:
        self.key = secrets.token_urlsafe(24)
        self.secret = base64.b64encode(secrets.token_bytes(48)).decode()
        self.token = secrets.token_urlsafe(24)
        """What WebSockets are opened with."""

    def signed(self, path: str, nonce: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """Tell whether a request was signed with it."""
        digest = path.encode() + hashlib.sha256(nonce.encode() + body).digest()
        signature = base64.b64encode(hmac.digest(base64.b64decode(self.secret), digest, "sha512")).decode()
        given = headers.get("API-Sign", "")
        return headers.get("API-Key") == self.key and hmac.compare_digest(signature, given)


def error_of(reason: str) -> str:
    """Spell a refusal."""
    return WORDS.get(reason, INVALID)


def order_from(given: Mapping[str, Any], name: str, market: Market) -> Order:
    """Read an order, as both APIs spell it; raise RefusedError where it is none."""
    product = market.product(name)
    kind = str(given.get("ordertype") or given.get("order_type"))
    flags = str(given.get("oflags") or "")
    size = _decimal(given.get("volume") or given.get("order_qty")) or Decimal(0)
    if "viqc" in flags:
        size = size / product.ask // product.lot * product.lot
    price = _price(given.get("limit_price") or given.get("price"), product)
    if kind not in {"market", "limit"}:
        price = _price(given.get("price2") or given.get("price") or given.get("limit_price"), product) or product.price
    return Order(
        product=name,
        side=str(given.get("type") or given.get("side")),
        size=size,
        kind=kind if kind in {"market", "limit"} else "stop_limit",
        price=None if kind == "market" else price,
        stop=None if kind in {"market", "limit"} else price,
        lifetime=str(given.get("timeinforce") or given.get("time_in_force") or "gtc").lower(),
        post_only="post" in flags or bool(given.get("post_only")),
        client_id=str(given.get("cl_ord_id") or ""),
    )


def _decimal(text: object) -> Decimal | None:
    return None if text is None else Decimal(str(text))


def _price(text: object, product: Product) -> Decimal | None:
    """Read a price; one that is relative to the present one is that."""
    if text is None or str(text)[0] in "+-#" or str(text).endswith("%"):
        return None if text is None else product.price
    return Decimal(str(text))


def described(order: Order) -> dict[str, str]:
    """Spell an order in one sentence."""
    at = "market" if order.price is None else f"limit {order.price}"
    return {"order": f"{order.side} {order.size} {order.product} @ {at}"}


def shown_order(order: Order) -> dict[str, Any]:
    """Spell an order as it is shown afterwards."""
    done = order.status == "filled"
    return {
        "refid": None, "userref": 0, "cl_ord_id": order.client_id, "opentm": order.created, "oflags": "fciq",
        "status": {"filled": "closed", "cancelled": "canceled"}.get(order.status, "open"),
        "descr": {
            "pair": order.product, "type": order.side, "ordertype": "limit" if order.price else "market",
            "price": str(order.price or 0), "price2": "0", "leverage": "none", **described(order),
        },
        "vol": str(order.size), "vol_exec": str(order.size if done else 0), "fee": str(order.fee),
        "cost": str(order.size * order.filled_at if done else 0), "price": str(order.filled_at or 0),
    }  # fmt: skip


def shown_product(name: str, product: Product) -> dict[str, Any]:
    """Spell a product."""
    return {
        "altname": name.replace("X", "", 1).replace("Z", "", 1), "wsname": WEBSOCKET_SYMBOLS[name],
        "aclass_base": "currency", "base": product.base, "aclass_quote": "currency", "quote": product.quote,
        "pair_decimals": _decimals(product.tick), "lot_decimals": _decimals(product.lot), "lot_multiplier": 1,
        "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.1]], "fees_maker": [[0, 0.1]],
        "ordermin": str(product.smallest), "costmin": "0.5", "tick_size": str(product.tick), "status": "online",
    }  # fmt: skip


def _decimals(step: Decimal) -> int:
    exponent = step.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def shown_ticker(product: Product) -> dict[str, Any]:
    """Spell what a product costs now."""
    bid, ask, price = str(product.bid), str(product.ask), str(product.price)
    return {
        "a": [ask, "1", "1.000"], "b": [bid, "1", "1.000"], "c": [price, "0.1"], "v": ["100", "1000"],
        "p": [price, price], "t": [10, 100], "l": [price, price], "h": [price, price], "o": price,
    }  # fmt: skip
