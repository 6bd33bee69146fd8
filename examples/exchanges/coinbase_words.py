"""How Coinbase spells orders, products and refusals."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from exchanges.market import Market, Order, Product, RefusedError

WORDS: Final = {
    "insufficient_funds": ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND", "Insufficient balance in source account"),
    "invalid_size": ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", ""),
    "invalid_price": ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_PRICE_PRECISION", "Invalid price precision"),
    "post_only": ("INVALID_LIMIT_PRICE_POST_ONLY", "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY", "Invalid limit price"),
    "market_closed": ("ORDER_ENTRY_DISABLED", "PREVIEW_UNTRADABLE_PRODUCT", "Order entry is disabled"),
    "invalid_order": ("INVALID_ORDER_CONFIG", "PREVIEW_INVALID_ORDER_CONFIG", "Invalid order configuration"),
    "broker_rejected": ("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_BREACHED_ACCOUNT_POSITION_LIMIT", ""),
}
"""Error, preview failure and message of each refusal of an order."""

CANCEL_WORDS: Final = {"not_found": "UNKNOWN_CANCEL_ORDER", "invalid_order": "INVALID_CANCEL_REQUEST"}
EDIT_WORDS: Final = {
    "not_found": "ORDER_NOT_FOUND",
    "invalid_price": "INVALID_EDITED_PRICE",
    "invalid_size": "INVALID_EDITED_SIZE",
    "insufficient_funds": "INSUFFICIENT_FUND",
    "market_closed": "ORDER_ENTRY_DISABLED",
    "post_only": "INVALID_LIMIT_PRICE_POST_ONLY",
}

_CONFIGURATIONS: Final = {
    "market_market_ioc": ("market", "ioc"),
    "sor_limit_ioc": ("limit", "ioc"),
    "limit_limit_gtc": ("limit", "gtc"),
    "limit_limit_gtd": ("limit", "gtd"),
    "limit_limit_fok": ("limit", "fok"),
    "stop_limit_stop_limit_gtc": ("stop_limit", "gtc"),
    "stop_limit_stop_limit_gtd": ("stop_limit", "gtd"),
    "trigger_bracket_gtc": ("bracket", "gtc"),
    "trigger_bracket_gtd": ("bracket", "gtd"),
}
"""Kind and lifetime of each configuration of an order."""
_STATUSES: Final = {"open": "OPEN", "filled": "FILLED", "cancelled": "CANCELLED"}


def instant(seconds: float) -> str:
    """Spell a Unix time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def order_from(data: dict[str, Any], market: Market) -> Order:
    """Read an order from the body of a request; raise RefusedError where it is none."""
    name, given = next(iter((data.get("order_configuration") or {}).items()), ("", {}))
    if name not in _CONFIGURATIONS:
        raise RefusedError("invalid_order")
    kind, lifetime = _CONFIGURATIONS[name]
    product = market.product(data["product_id"])
    price, stop = (_decimal(given, *names) for names in (("limit_price",), ("stop_price", "stop_trigger_price")))
    size, quote = _decimal(given, "base_size"), _decimal(given, "quote_size")
    if size is None and quote is not None:
        size = quote / product.ask // product.lot * product.lot
    return Order(
        product=data["product_id"],
        side=data["side"].lower(),
        size=size or Decimal(0),
        kind=kind,
        price=price,
        stop=stop,
        lifetime=lifetime,
        post_only=bool(given.get("post_only")),
        client_id=data.get("client_order_id") or "",
    )


def _decimal(given: dict[str, Any], *names: str) -> Decimal | None:
    return next((Decimal(given[name]) for name in names if given.get(name)), None)


def configuration_of(order: Order) -> dict[str, Any]:
    """Spell an order as it would be asked for."""
    name = next((name for name, shape in _CONFIGURATIONS.items() if shape == (order.kind, order.lifetime)), "")
    stop = "stop_trigger_price" if order.kind == "bracket" else "stop_price"
    given = {"base_size": order.size, "limit_price": order.price, stop: order.stop}
    return {name: {key: str(value) for key, value in given.items() if value is not None}}


def shown_order(order: Order) -> dict[str, Any]:
    """Spell an order as it is shown afterwards."""
    done = order.status == "filled"
    size, value = (order.size, order.size * order.filled_at) if done else (0, 0)
    return {
        "order_id": order.id, "product_id": order.product, "side": order.side.upper(),
        "client_order_id": order.client_id, "status": _STATUSES[order.status], "created_time": instant(order.created),
        "order_configuration": configuration_of(order), "completion_percentage": "100" if done else "0",
        "filled_size": str(size), "filled_value": str(value), "average_filled_price": str(order.filled_at or 0),
        "number_of_fills": "1" if done else "0", "total_fees": str(order.fee), "settled": done,
    }  # fmt: skip


def shown_product(name: str, product: Product) -> dict[str, Any]:
    """Spell a product."""
    return {
        "product_id": name, "price": str(product.price), "base_currency_id": product.base,
        "quote_currency_id": product.quote, "base_increment": str(product.lot), "price_increment": str(product.tick),
        "quote_increment": str(product.tick), "base_min_size": str(product.smallest), "product_type": "SPOT",
        "status": "online", "trading_disabled": not product.is_open, "is_disabled": False, "view_only": False,
    }  # fmt: skip
