"""What Coinbase's Advanced Trade API is asked, and what its answers say: nothing here changes what it reads.

A rejection is an answer of 200 that says so in its body. Error codes come before messages, and a field that says
nothing (``UNKNOWN_FAILURE_REASON`` stands in accepted orders too) before none.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from gpt_trader_telemetry.instrument.broker import SUBMIT
from gpt_trader_telemetry.integrations.method import PREVIEW
from gpt_trader_telemetry.reasons import REJECTED_REASONS, reason_of_code

CANCEL: Final = "cancel"
EDIT: Final = "edit"
_OTHER: Final = "other"
_API: Final = "/api/v3/brokerage/"
_MOST: Final = 100
"""Entries of a list in an answer that are looked at."""
_PREVIEW_EDIT: Final = "preview_edit"
JUDGED: Final = frozenset({SUBMIT, EDIT, CANCEL, PREVIEW, _PREVIEW_EDIT})
"""Operations whose answers may be a no, though nothing is raised."""
_CODES: Final = (
    "new_order_failure_reason", "preview_failure_reason", "edit_failure_reason", "error", "failure_reason",
)  # fmt: skip
_MESSAGES: Final = ("error_details", "message")
_UNANSWERED: Final = "error"
"""The reason of an order whose answer tells nothing of it."""
_BROAD: Final = frozenset({"invalid_order", "broker_rejected"})


# Operations are named as the client names its methods, but for what every broker has a word for.
_OPERATIONS: Final = {
    ("POST", "orders"): SUBMIT,
    ("POST", "orders/close_position"): SUBMIT,
    ("POST", "orders/batch_cancel"): CANCEL,
    ("POST", "orders/edit"): EDIT,
    ("POST", "orders/preview"): PREVIEW,
    ("POST", "orders/edit_preview"): _PREVIEW_EDIT,
    ("GET", "orders/historical/batch"): "list_orders",
    ("GET", "orders/historical/fills"): "get_fills",
    ("GET", "orders/historical/*"): "get_order",
    ("GET", "accounts"): "get_accounts",
    ("GET", "accounts/*"): "get_account",
    ("GET", "transaction_summary"): "get_transaction_summary",
    ("GET", "key_permissions"): "get_api_key_permissions",
    ("GET", "portfolios"): "get_portfolios",
    ("POST", "portfolios"): "create_portfolio",
    ("POST", "portfolios/move_funds"): "move_portfolio_funds",
    ("GET", "portfolios/*"): "get_portfolio_breakdown",
    ("PUT", "portfolios/*"): "edit_portfolio",
    ("DELETE", "portfolios/*"): "delete_portfolio",
    ("GET", "payment_methods"): "list_payment_methods",
    ("GET", "payment_methods/*"): "get_payment_method",
    ("POST", "convert/quote"): "create_convert_quote",
    ("GET", "convert/trade/*"): "get_convert_trade",
    ("POST", "convert/trade/*"): "commit_convert_trade",
    ("GET", "cfm/balance_summary"): "get_futures_balance_summary",
    ("GET", "cfm/positions"): "list_futures_positions",
    ("GET", "cfm/positions/*"): "get_futures_position",
    ("GET", "cfm/sweeps"): "list_futures_sweeps",
    ("DELETE", "cfm/sweeps"): "cancel_pending_futures_sweep",
    ("POST", "cfm/sweeps/schedule"): "schedule_futures_sweep",
    ("GET", "cfm/intraday/margin_setting"): "get_intraday_margin_setting",
    ("POST", "cfm/intraday/margin_setting"): "set_intraday_margin_setting",
    ("GET", "cfm/intraday/current_margin_window"): "get_current_margin_window",
    ("POST", "intx/allocate"): "allocate_portfolio",
    ("POST", "intx/multi_asset_collateral"): "opt_in_or_out_multi_asset_collateral",
    ("GET", "intx/portfolio/*"): "get_perps_portfolio_summary",
    ("GET", "intx/balances/*"): "get_perps_portfolio_balances",
    ("GET", "intx/positions/*"): "list_perps_positions",
    ("GET", "intx/positions/*/*"): "get_perps_position",
    ("GET", "products"): "get_products",
    ("GET", "products/*"): "get_product",
    ("GET", "products/*/candles"): "get_candles",
    ("GET", "products/*/ticker"): "get_market_trades",
    ("GET", "product_book"): "get_product_book",
    ("GET", "best_bid_ask"): "get_best_bid_ask",
    ("GET", "time"): "get_unix_time",
}


@lru_cache(maxsize=512)
def operation_of(method: str, path: str) -> str:
    """Return what a request is for; ``other`` where it is not known.

    >>> operation_of("POST", "/api/v3/brokerage/orders")
    'submit'
    >>> operation_of("GET", "/api/v3/brokerage/market/products/BTC-USD")
    'get_product'
    """
    shapes = _shapes(path.removeprefix(_API).removeprefix("market/"))
    return next((_OPERATIONS[method, shape] for shape in shapes if (method, shape) in _OPERATIONS), _OTHER)


def _shapes(path: str) -> Iterator[str]:
    """Yield a path, and what it may be a case of: names and ids in it as stars."""
    yield path
    match path.split("/"):
        case [first, _]:
            yield f"{first}/*"
        case [first, second, third]:
            yield f"{first}/{second}/*"
            yield f"{first}/*/{third}"
        case [first, second, _, _]:
            yield f"{first}/{second}/*/*"


def verdict_of(operation: str, body: object) -> str | None:
    """Return why the broker refused what it answers so; None if it did not.

    Of a batch of cancellations, why the first was refused that was. Never raises for whatever JSON holds.

    >>> verdict_of("submit", {"success": False, "error_response": {"error": "INSUFFICIENT_FUND"}})
    'insufficient_funds'
    >>> verdict_of("submit", {"success": True, "failure_reason": "UNKNOWN_FAILURE_REASON"}) is None
    True
    """
    if not isinstance(body, Mapping):
        return _UNANSWERED if operation in {SUBMIT, EDIT} else None
    if operation in {SUBMIT, EDIT}:
        return _verdict_on_order(body)
    if operation == CANCEL:
        refused = [result for result in _items(body, "results") if _is_refused(result)][:1]
    elif operation in {PREVIEW, _PREVIEW_EDIT}:
        refused = [*_items(body, "errs"), *_items(body, "errors")]
    else:
        refused = []
    return _reason(refused) if refused else None


def _verdict_on_order(body: Mapping[str, Any]) -> str | None:
    """Judge the answer to an order: what neither takes nor refuses it, as an empty object, is no answer."""
    refused = body.get("success") is False
    if body.get("success") is True or (body.get("success_response") and not refused):
        return None
    found = [body.get("error_response"), *_items(body, "errors"), body]
    return _reason(found, "broker_rejected" if refused else _UNANSWERED)


def side_of(data: object, body: object = None) -> object:
    """Return the side of an order as its request says it, else its answer; None where neither does."""
    answer = body.get("success_response") if isinstance(body, Mapping) else None
    sides = [found.get("side") for found in (data, answer) if isinstance(found, Mapping)]
    return next((side for side in sides if side), None)


def order_in(body: object) -> Mapping[str, object]:
    """Return the id and the product of the order that a body says was accepted.

    >>> order_in({"success": True, "success_response": {"order_id": "42", "product_id": "BTC-USD"}})
    {'order_id': '42', 'symbol': 'BTC-USD'}
    """
    answer = body.get("success_response") if isinstance(body, Mapping) else None
    return (
        {"order_id": answer.get("order_id"), "symbol": answer.get("product_id")} if isinstance(answer, Mapping) else {}
    )


def _items(body: Mapping[str, Any], name: str) -> list[Any]:
    """Return the entries of a list in a body; what is only a text is an error code."""
    found = body.get(name)
    entries = found[:_MOST] if isinstance(found, list) else []
    return [{"error": entry} if isinstance(entry, str) else entry for entry in entries]


def _is_refused(result: object) -> bool:
    return isinstance(result, Mapping) and result.get("success") is False


def _reason(refused: list[Any], otherwise: str = "broker_rejected") -> str:
    """Return the first reason that says something exact, else the first; of messages, only what is about an order."""
    coded = [reason_of_code(code) for code in _texts(refused, _CODES)]
    said = [reason_of_code(text) for text in _texts(refused, _MESSAGES)]
    reasons = [reason for reason in coded if reason] + [reason for reason in said if reason in REJECTED_REASONS]
    exact = (reason for reason in reasons if reason not in _BROAD)
    return next(exact, reasons[0] if reasons else otherwise)


def _texts(refused: list[Any], names: tuple[str, ...]) -> Iterator[str]:
    for found in refused:
        if isinstance(found, Mapping):
            yield from (found[name] for name in names if isinstance(found.get(name), str))
