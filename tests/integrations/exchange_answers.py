"""What exchanges answer when they refuse: status, body, the class that ccxt makes of it, and the reason that is ours.

The bodies are those that the exchanges document or that ccxt quotes beside its codes. The first word of
a row says what it is about.
"""

from typing import Any, NamedTuple

ABOUT = (
    "funds", "post only", "size", "price", "closed", "cancel", "key", "nonce", "rate", "maintenance", "symbol",
)  # fmt: skip
"""What every exchange has a row about, unless it never refuses for it."""
NEVER = {
    **dict.fromkeys(
        [("okx", "post only"), ("kucoin", "post only"), ("bitget", "post only")],
        "takes the order, and cancels it when it would match at once",
    ),
}


class Case(NamedTuple):
    """One answer and what it comes to."""

    exchange: str
    about: str
    status: int
    body: Any
    raises: str
    reason: str

    @property
    def cancels(self) -> bool:
        """Whether it is met by a cancellation, and not by an order."""
        return self.about == "cancel"


def _binance(code: int, text: str) -> dict[str, Any]:
    return {"code": code, "msg": text}


def _bybit(code: int, text: str) -> dict[str, Any]:
    return {"retCode": code, "retMsg": text, "result": {}, "retExtInfo": {}, "time": 1672211928338}


def _okx(code: str, text: str) -> dict[str, Any]:
    refused = {"clOrdId": "rate_limit", "ordId": "", "sCode": code, "sMsg": text, "tag": "post_only", "ts": "1"}
    return {"code": "1", "data": [refused], "inTime": "1", "msg": "All operations failed", "outTime": "2"}


def _kucoin(code: str, text: str) -> dict[str, Any]:
    return {"code": code, "msg": text}


def _gate(label: str, text: str) -> dict[str, Any]:
    return {"label": label, "message": text}


def _bitget(code: str, text: str) -> dict[str, Any]:
    return {"code": code, "msg": text, "requestTime": 1672211928338, "data": None}


def _kraken(*errors: str) -> dict[str, Any]:
    return {"error": list(errors)}


def _coinbase(**said: str) -> dict[str, Any]:
    """A refusal with status 200 and the order beside it, as it was asked for."""
    error = {"error": "UNKNOWN_FAILURE_REASON", "message": "", "error_details": "", **said}
    order = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000", "post_only": False}}
    return {"success": False, "error_response": error, "order_configuration": order}


_PAGE = "<html><head><title>We'll be back soon</title></head><body>Scheduled maintenance</body></html>"
_BINANCE_LIMIT = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
_BYBIT_SIGN = 'Error sign, please check. origin_string[1672key5000{"symbol":"BTCUSDT","postOnly":false}]'
_BYBIT_TIME = (
    "invalid request, please check your server timestamp or recv_window param. req_timestamp[1],recv_window[5000]"
)
_OKX_FUNDS = "Order failed. Your available USDT balance is insufficient, and your available margin is too low."
_OKX_GONE = "Order cancellation failed as the order has been filled, canceled or does not exist."
_OKX_RANGE = "Order price is not within the price limit (max buy price: 70,000 min sell price: 50,000)"
_GATE_SMALL = "Your order size 0.003749448 USDT is too small. The minimum is 3 USDT"
_COINBASE_FUNDS = "Insufficient balance in source account"

_ANSWERS: dict[str, list[tuple[str, int, Any, str, str]]] = {
    "binance": [
        ("funds", 400, _binance(-2010, "Account has insufficient balance for requested action."), "InsufficientFunds", "insufficient_funds"),
        ("post only", 400, _binance(-2010, "Order would immediately match and take."), "OrderImmediatelyFillable", "post_only"),
        ("size", 400, _binance(-1013, "Filter failure: LOT_SIZE"), "InvalidOrder", "invalid_size"),
        ("size", 400, _binance(-1013, "Filter failure: NOTIONAL"), "BadRequest", "invalid_size"),
        ("size", 400, _binance(-1111, "Parameter 'quantity' has too much precision."), "BadRequest", "invalid_size"),
        ("price", 400, _binance(-1013, "Filter failure: PRICE_FILTER"), "InvalidOrder", "invalid_price"),
        ("price", 400, _binance(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"), "InvalidOrder", "invalid_price"),
        ("price", 400, _binance(-2010, "Stop price would trigger immediately."), "OrderImmediatelyFillable", "invalid_price"),
        ("closed", 400, _binance(-1013, "Market is closed."), "MarketClosed", "market_closed"),
        ("cancel", 400, _binance(-2011, "Unknown order sent."), "OrderNotFound", "not_found"),
        ("key", 401, _binance(-2015, "Invalid API-key, IP, or permissions for action."), "AuthenticationError", "auth"),
        ("key", 400, _binance(-1022, "Signature for this request is not valid."), "AuthenticationError", "auth"),
        ("nonce", 400, _binance(-1021, "Timestamp for this request is outside of the recvWindow."), "InvalidNonce", "auth"),
        ("rate", 429, _binance(-1003, _BINANCE_LIMIT), "DDoSProtection", "rate_limit"),
        ("rate", 418, _binance(-1003, "Way too many requests; IP banned until 1672211928338."), "DDoSProtection", "rate_limit"),
        ("maintenance", 503, _PAGE, "ExchangeNotAvailable", "exchange_unavailable"),
        ("maintenance", 503, _binance(-1008, "Server is currently overloaded with other requests."), "ExchangeError", "exchange_unavailable"),
        ("maintenance", 400, _binance(-1007, "Timeout waiting for response from backend server."), "RequestTimeout", "timeout"),
        ("symbol", 400, _binance(-1121, "Invalid symbol."), "BadSymbol", "invalid_order"),
        ("other", 400, _binance(-1006, "An unexpected response was received from the message bus."), "OperationFailed", "error"),
    ],
    "bybit": [
        ("funds", 200, _bybit(170131, "Insufficient balance."), "InsufficientFunds", "insufficient_funds"),
        ("funds", 200, _bybit(110007, "ab not enough for new order"), "InsufficientFunds", "insufficient_funds"),
        ("post only", 200, _bybit(170218, "The LIMIT-MAKER order is rejected due to invalid price."), "InvalidOrder", "post_only"),
        ("size", 200, _bybit(170136, "Order quantity lower than the minimum."), "InvalidOrder", "invalid_size"),
        ("size", 200, _bybit(170137, "Order quantity has too many decimals."), "InvalidOrder", "invalid_size"),
        ("size", 200, _bybit(170140, "Order value exceeded lower limit."), "InvalidOrder", "invalid_size"),
        ("price", 200, _bybit(170193, "Buy order price cannot be higher than 71834.5USDT."), "InvalidOrder", "invalid_price"),
        ("price", 200, _bybit(170134, "Order price has too many decimals."), "InvalidOrder", "invalid_price"),
        ("closed", 200, _bybit(110066, "No trading is allowed at the current time"), "ExchangeError", "market_closed"),
        ("cancel", 200, _bybit(170213, "Order does not exist."), "OrderNotFound", "not_found"),
        ("key", 401, _bybit(10003, "API key is invalid."), "AuthenticationError", "auth"),
        ("key", 200, _bybit(10004, _BYBIT_SIGN), "AuthenticationError", "auth"),
        ("nonce", 200, _bybit(10002, _BYBIT_TIME), "InvalidNonce", "auth"),
        ("rate", 200, _bybit(10006, "Too many visits. Exceeded the API Rate Limit."), "RateLimitExceeded", "rate_limit"),
        ("rate", 403, "access too frequent", "RateLimitExceeded", "rate_limit"),
        ("maintenance", 200, _bybit(10016, "System error. Please try again later."), "ExchangeError", "exchange_unavailable"),
        ("maintenance", 200, _bybit(5004, "Server Timeout"), "ExchangeError", "timeout"),
        ("symbol", 200, _bybit(10001, "Not supported symbols"), "BadSymbol", "invalid_order"),
        ("symbol", 200, _bybit(170121, "Invalid symbol."), "InvalidOrder", "invalid_order"),
    ],
    "okx": [
        ("funds", 200, _okx("51008", _OKX_FUNDS), "InsufficientFunds", "insufficient_funds"),
        ("size", 200, _okx("51020", "Your order should meet or exceed the minimum order amount."), "InvalidOrder", "invalid_size"),
        ("size", 200, _okx("51121", "Order quantity must be a multiple of the lot size."), "InvalidOrder", "invalid_size"),
        ("price", 200, _okx("51006", _OKX_RANGE), "InvalidOrder", "invalid_price"),
        ("closed", 200, _okx("51022", "Instrument suspended"), "ContractUnavailable", "market_closed"),
        ("closed", 200, _okx("54072", "This contract is currently view-only and not tradable."), "ExchangeError", "market_closed"),
        ("cancel", 200, _okx("51400", _OKX_GONE), "OrderNotFound", "not_found"),
        ("key", 401, {"msg": "Invalid OK-ACCESS-KEY", "code": "50111"}, "AuthenticationError", "auth"),
        ("key", 401, {"msg": "Invalid Sign", "code": "50113"}, "AuthenticationError", "auth"),
        ("nonce", 401, {"msg": "Timestamp request expired", "code": "50102"}, "InvalidNonce", "auth"),
        ("rate", 429, {"msg": "Too Many Requests", "code": "50011"}, "RateLimitExceeded", "rate_limit"),
        ("rate", 200, _okx("50061", "You've reached the maximum order rate limit for this account."), "ExchangeError", "rate_limit"),
        ("maintenance", 503, {"code": "50001", "data": [], "msg": "Service temporarily unavailable. Try again later"}, "OnMaintenance", "exchange_unavailable"),
        ("maintenance", 500, {"code": "50026", "data": [], "msg": "System error. Try again later"}, "ExchangeNotAvailable", "exchange_unavailable"),
        ("symbol", 200, _okx("51001", "Instrument ID doesn't exist."), "BadSymbol", "invalid_order"),
        ("other", 200, _okx("50028", "Unable to take the order, please reach out to support center."), "ExchangeError", "error"),
    ],
    "kucoin": [
        ("funds", 200, _kucoin("200004", "Balance insufficient!"), "InsufficientFunds", "insufficient_funds"),
        ("size", 400, _kucoin("400100", "Order size below the minimum requirement."), "InvalidOrder", "invalid_size"),
        ("size", 400, _kucoin("400100", "Order size increment invalid."), "InvalidOrder", "invalid_size"),
        ("size", 200, _kucoin("600101", "The order funds should more then 0.1 USDT."), "InvalidOrder", "invalid_size"),
        ("price", 400, _kucoin("400100", "Price increment invalid."), "BadRequest", "invalid_price"),
        ("price", 200, _kucoin("400370", "Max. price: 0.02500000000000000000"), "InvalidOrder", "invalid_price"),
        ("closed", 200, _kucoin("126009", "Trading pair is suspended from creating orders"), "ExchangeError", "market_closed"),
        ("cancel", 400, _kucoin("400100", "order_not_exist_or_not_allow_to_cancel"), "OrderNotFound", "not_found"),
        ("key", 401, _kucoin("400003", "KC-API-KEY not exists"), "AuthenticationError", "auth"),
        ("nonce", 401, _kucoin("400002", "KC-API-TIMESTAMP Invalid"), "InvalidNonce", "auth"),
        ("rate", 429, _kucoin("429000", "Too many requests. System-level rate limit exceeded."), "RateLimitExceeded", "rate_limit"),
        ("maintenance", 500, _kucoin("500000", "Internal Server Error"), "ExchangeNotAvailable", "exchange_unavailable"),
        ("symbol", 400, _kucoin("400600", "validation.createOrder.symbolNotAvailable"), "BadSymbol", "invalid_order"),
    ],
    "gate": [
        ("funds", 400, _gate("BALANCE_NOT_ENOUGH", "Not enough balance"), "InsufficientFunds", "insufficient_funds"),
        ("post only", 400, _gate("POC_FILL_IMMEDIATELY", "Order would match and take immediately so its cancelled"), "OrderImmediatelyFillable", "post_only"),
        ("post only", 400, {"label": "ORDER_POC_IMMEDIATE", "detail": "order price 1700 while counter price 1793.55"}, "OrderImmediatelyFillable", "post_only"),
        ("size", 400, _gate("INVALID_PARAM_VALUE", _GATE_SMALL), "BadRequest", "invalid_size"),
        ("size", 400, {"label": "SIZE_TOO_SMALL"}, "InvalidOrder", "invalid_size"),
        ("size", 400, _gate("AMOUNT_TOO_LITTLE", ""), "InvalidOrder", "invalid_size"),
        ("price", 400, {"label": "PRICE_TOO_DEVIATED", "detail": "3.1 vs 2.9"}, "InvalidOrder", "invalid_price"),
        ("closed", 400, {"label": "CONTRACT_IN_DELISTING", "detail": "contract in delisting"}, "ExchangeError", "market_closed"),
        ("cancel", 404, _gate("ORDER_NOT_FOUND", "Order not found"), "OrderNotFound", "not_found"),
        ("key", 401, _gate("INVALID_KEY", "Invalid key provided"), "AuthenticationError", "auth"),
        ("nonce", 403, _gate("REQUEST_EXPIRED", "gap between request Timestamp and server time exceeds 60"), "AuthenticationError", "auth"),
        ("rate", 429, _gate("TOO_MANY_REQUESTS", "Request Rate limit Exceeded (311)"), "RateLimitExceeded", "rate_limit"),
        ("maintenance", 500, _gate("SERVER_ERROR", "Internal server error"), "ExchangeNotAvailable", "exchange_unavailable"),
        ("symbol", 400, _gate("INVALID_CURRENCY_PAIR", "Invalid currency pair BTC_USDX"), "BadSymbol", "invalid_order"),
        ("symbol", 400, _gate("CONTRACT_NOT_FOUND", "contract not found"), "BadSymbol", "invalid_order"),
    ],
    "bitget": [
        ("funds", 400, _bitget("43012", "Insufficient balance"), "InsufficientFunds", "insufficient_funds"),
        ("funds", 400, _bitget("40762", "The order amount exceeds the balance"), "InsufficientFunds", "insufficient_funds"),
        ("size", 400, _bitget("45110", "less than the minimum amount 1 USDT"), "InvalidOrder", "invalid_size"),
        ("size", 400, _bitget("40808", "Parameter verification exception size checkBDScale error value=2293.577 checkScale=2"), "InvalidOrder", "invalid_size"),
        ("price", 400, _bitget("41103", "param price scale error error"), "InvalidOrder", "invalid_price"),
        ("price", 400, _bitget("41117", "BTC/USDT selling price cannot be lower than 0.00085"), "InvalidOrder", "invalid_price"),
        ("closed", 400, _bitget("41114", "The current trading pair is under maintenance, please refer to the announcement"), "OnMaintenance", "market_closed"),
        ("closed", 400, _bitget("35003", "Contract paused"), "ExchangeError", "market_closed"),
        ("cancel", 400, _bitget("43001", "The order does not exist"), "OrderNotFound", "not_found"),
        ("key", 400, _bitget("40037", "Apikey does not exist"), "AuthenticationError", "auth"),
        ("key", 400, _bitget("40009", "sign signature error"), "AuthenticationError", "auth"),
        ("nonce", 400, _bitget("40008", "Request timestamp expired"), "InvalidNonce", "auth"),
        ("rate", 429, _bitget("429", "Too Many Requests"), "DDoSProtection", "rate_limit"),
        ("maintenance", 400, _bitget("40200", "Server upgrade, please try again later"), "OnMaintenance", "exchange_unavailable"),
        ("maintenance", 400, _bitget("40015", "System is abnormal, please try again later"), "ExchangeError", "exchange_unavailable"),
        ("symbol", 400, _bitget("40309", "The symbol has been removed"), "BadSymbol", "invalid_order"),
        ("other", 400, _bitget("25231", "Strategy not found"), "ExchangeError", "error"),
    ],
    "coinbase": [
        ("funds", 200, _coinbase(error="INSUFFICIENT_FUND", message=_COINBASE_FUNDS, preview_failure_reason="PREVIEW_INSUFFICIENT_FUND"), "InsufficientFunds", "insufficient_funds"),
        ("funds", 200, _coinbase(new_order_failure_reason="INSUFFICIENT_FUND"), "ExchangeError", "insufficient_funds"),
        ("funds", 200, _coinbase(message=_COINBASE_FUNDS), "ExchangeError", "insufficient_funds"),
        ("post only", 200, _coinbase(preview_failure_reason="PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"), "ExchangeError", "post_only"),
        ("size", 200, _coinbase(error="INVALID_SIZE_PRECISION"), "ExchangeError", "invalid_size"),
        ("size", 200, _coinbase(preview_failure_reason="PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"), "ExchangeError", "invalid_size"),
        ("price", 200, _coinbase(new_order_failure_reason="INVALID_PRICE_PRECISION"), "ExchangeError", "invalid_price"),
        ("price", 200, _coinbase(preview_failure_reason="PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE"), "InvalidOrder", "invalid_price"),
        ("closed", 200, _coinbase(error="ORDER_ENTRY_DISABLED"), "ExchangeError", "market_closed"),
        ("cancel", 200, {"results": [{"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": "1"}]}, "BadRequest", "invalid_order"),
        ("cancel", 404, {"error": "unknown", "error_details": "order with this orderID was not found", "message": "order with this orderID was not found"}, "ExchangeError", "not_found"),
        ("key", 401, "Unauthorized", "AuthenticationError", "auth"),
        ("nonce", 401, {"errors": [{"id": "authentication_error", "message": "request timestamp expired"}]}, "AuthenticationError", "auth"),
        ("rate", 429, {"error": "rate_limit_exceeded", "message": "Too many requests"}, "RateLimitExceeded", "rate_limit"),
        ("maintenance", 500, {"error": "INTERNAL", "error_details": "", "message": "internal"}, "ExchangeError", "exchange_unavailable"),
        ("symbol", 400, {"error": "INVALID_ARGUMENT", "error_details": "valid product_id is required", "message": "valid product_id is required"}, "BadRequest", "invalid_order"),
        ("other", 200, _coinbase(), "ExchangeError", "broker_rejected"),
        ("other", 404, {"errors": [{"id": "not_found", "message": "Not found"}]}, "ExchangeError", "not_found"),
    ],
    "kraken": [
        ("funds", 200, _kraken("EOrder:Insufficient funds"), "InsufficientFunds", "insufficient_funds"),
        ("funds", 200, _kraken("EOrder:Insufficient margin"), "ExchangeError", "insufficient_funds"),
        ("post only", 200, _kraken("EOrder:Post only order"), "ExchangeError", "post_only"),
        ("size", 200, _kraken("EOrder:Order minimum not met"), "InvalidOrder", "invalid_size"),
        ("size", 200, _kraken("EOrder:Cost minimum not met"), "ExchangeError", "invalid_size"),
        ("size", 200, _kraken("EGeneral:Invalid arguments:volume"), "InvalidOrder", "invalid_size"),
        ("price", 200, _kraken("EOrder:Tick size check failed"), "ExchangeError", "invalid_price"),
        ("price", 200, _kraken("EGeneral:Invalid arguments:price"), "InvalidOrder", "invalid_price"),
        ("closed", 200, _kraken("EService:Market in cancel_only mode"), "OnMaintenance", "market_closed"),
        ("closed", 200, _kraken("EService:Market in post_only mode"), "OnMaintenance", "market_closed"),
        ("cancel", 200, _kraken("EOrder:Unknown order"), "OrderNotFound", "not_found"),
        ("key", 200, _kraken("EAPI:Invalid key"), "AuthenticationError", "auth"),
        ("key", 200, _kraken("EAPI:Invalid signature"), "ExchangeError", "auth"),
        ("key", 200, _kraken("EGeneral:Permission denied"), "PermissionDenied", "auth"),
        ("nonce", 200, _kraken("EAPI:Invalid nonce"), "InvalidNonce", "auth"),
        ("rate", 200, _kraken("EAPI:Rate limit exceeded"), "DDoSProtection", "rate_limit"),
        ("rate", 200, _kraken("EOrder:Domain rate limit exceeded"), "ExchangeError", "rate_limit"),
        ("maintenance", 200, _kraken("EService:Unavailable"), "ExchangeNotAvailable", "exchange_unavailable"),
        ("maintenance", 520, _PAGE, "ExchangeNotAvailable", "exchange_unavailable"),
        ("symbol", 200, _kraken("EQuery:Unknown asset pair"), "ExchangeError", "invalid_order"),
        ("symbol", 200, _kraken("EQuery:Invalid asset pair"), "BadSymbol", "invalid_order"),
        ("other", 200, _kraken("EOrder:Orders limit exceeded"), "ExchangeError", "broker_rejected"),
        ("other", 200, _kraken("EGeneral:Invalid arguments"), "BadRequest", "invalid_order"),
    ],
}  # fmt: skip

BATCHES: dict[str, Any] = {
    "bybit": {
        "retCode": 0, "retMsg": "OK", "time": 1672211928338,
        "result": {"list": [{"category": "spot", "symbol": "BTCUSDT", "orderId": "1"}, {"category": "", "orderId": ""}]},
        "retExtInfo": {"list": [{"code": 0, "msg": "OK"}, {"code": 170131, "msg": "Insufficient balance."}]},
    },
    "okx": {
        "code": "2", "msg": "",
        "data": [
            {"clOrdId": "a", "ordId": "1", "sCode": "0", "sMsg": "", "tag": ""},
            {"clOrdId": "b", "ordId": "", "sCode": "51008", "sMsg": _OKX_FUNDS, "tag": ""},
        ],
    },
    "kucoin": {
        "code": "200000",
        "data": {"data": [
            {"symbol": "BTCUSDT", "side": "buy", "id": "1", "status": "success", "failMsg": None, "clientOid": "a"},
            {"symbol": "BTCUSDT", "side": "sell", "id": None, "status": "fail", "failMsg": "Balance insufficient!"},
        ]},
    },
    # ccxt sorts by time, and what was refused has none: it comes first.
    "gate": [
        {"succeeded": True, "id": "1", "text": "t-a", "create_time_ms": 1672211928338, "side": "buy", "status": "open",
         "currency_pair": "BTC_USDT", "type": "limit", "account": "spot", "amount": "0.01", "price": "50000"},
        {"succeeded": False, "text": "t-b", "label": "BALANCE_NOT_ENOUGH", "message": "Not enough balance"},
    ],
}  # fmt: skip
"""Of two orders the first is taken, and the second refused for its funds: ccxt returns both."""

HALF_A_BATCH: dict[str, Any] = {
    "code": "00000", "msg": "success", "requestTime": 1672211928338,
    "data": {
        "successList": [{"orderId": "1", "clientOid": "a"}],
        "failureList": [{"clientOid": "b", "errorCode": "43012", "errorMsg": "Insufficient balance"}],
    },
}  # fmt: skip
"""Bitget's answer to two orders: of the one that it refused, ccxt returns nothing."""

CASES = [Case(exchange, *row) for exchange, rows in _ANSWERS.items() for row in rows]

EXCHANGES = tuple(_ANSWERS)
