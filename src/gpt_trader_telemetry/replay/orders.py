"""What recorded events say of orders: which ones ended how, and which were sent more than once."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from gpt_trader_telemetry.catalog import ORDER_SUBMISSION
from gpt_trader_telemetry.reasons import Disposition, disposition_of, normal_reason, reason_of_code
from gpt_trader_telemetry.recording.recorder import LabelSet
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.values import fields_of, text

REMEMBERED: Final = 20_000
"""Orders that are remembered, so that one is not counted twice."""

OUR_SIDE: Final = frozenset(
    {
        "security_validation", "guard_failure", "guard_error", "pre_trade_validation", "order_validation",
        "exchange_rules",
    }
)  # fmt: skip
"""Reasons of the bot's own, beside those of the closed set, with which an order was refused before it was sent."""

_TRADE_STATUSES: Final = {"rejected": "rejected", "failed": "failed", "expired": "failed"}
_SUBMITTING: Final = ("submit", "place", "create_order", "order_submission")
_PLACES: Final = ("operation", "endpoint", "path", "method", "call")
_FAILED: Final = "order_placement_failed"


class Remembered:
    """The newest keys, so many and no more."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._most = most

    def add(self, key: str) -> bool:
        """Remember a key; tell whether it is new.

        >>> known = Remembered(2)
        >>> [known.add(key) for key in ("a", "b", "a", "c", "b")]
        [True, True, False, True, True]
        """
        is_new = key not in self._keys
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)
        return is_new


def order_id(payload: Mapping[str, Any]) -> str | None:
    """Return what tells an order from others: the client's id, which is there before the broker's."""
    return text(payload.get("client_order_id")) or text(payload.get("order_id"))


def outcome_of(event: Event) -> LabelSet | None:
    """Return the labels under which the end of an order's submission counts; None where the event tells of none.

    >>> outcome_of(Event("trade", 0.0, {"side": "BUY", "status": "filled"}))
    (('result', 'success'), ('reason', 'none'), ('side', 'buy'))
    >>> outcome_of(Event("order_rejected", 0.0, {"side": "SELL", "reason": "INSUFFICIENT_FUND"}))
    (('result', 'rejected'), ('reason', 'insufficient_funds'), ('side', 'sell'))
    >>> outcome_of(Event("order_rejected", 0.0, {"reason": "guard_failure"})) is None
    True
    """
    result, reason = _OUTCOMES[event.kind](event.payload) if event.kind in _OUTCOMES else (None, "none")
    if result is None:
        return None
    details = fields_of(event.payload.get("details")) or fields_of(event.payload.get("context"))
    side = event.payload.get("side") or details.get("side")
    return ORDER_SUBMISSION.label_set({"result": result, "reason": reason, "side": text(side) or "unknown"})


def _of_trade(payload: Mapping[str, Any]) -> tuple[str | None, str]:
    status = (text(payload.get("status")) or "").casefold()
    result = _TRADE_STATUSES.get(status, "success")
    return result, {"success": "none", "rejected": "broker_rejected", "failed": "error"}[result]


def _of_rejection(payload: Mapping[str, Any]) -> tuple[str | None, str]:
    said = text(payload.get("reason")) or text(payload.get("status")) or ""
    reason = _reason(said)
    if said.casefold().partition(":")[0] in OUR_SIDE or disposition_of(reason) is Disposition.BLOCKED:
        return None, reason  # it was never sent
    if reason == "error":
        return "rejected", "broker_rejected"
    return disposition_of(reason).value, reason


def _of_api_error(payload: Mapping[str, Any]) -> tuple[str | None, str]:
    details = fields_of(payload.get("details"))
    where = " ".join(filter(None, (text(source.get(name)) for source in (details, payload) for name in _PLACES)))
    if not any(word in where.casefold() for word in _SUBMITTING):
        return None, "none"
    return "failed", _failure(payload)


def _of_error(payload: Mapping[str, Any]) -> tuple[str | None, str]:
    return ("failed", _failure(fields_of(payload.get("context")))) if payload.get("message") == _FAILED else (None, "")


def _failure(payload: Mapping[str, Any]) -> str:
    reason = _reason(text(payload.get("reason")) or "")
    return reason if disposition_of(reason) is Disposition.FAILED else "error"


def _reason(said: str) -> str:
    reason = normal_reason(said)
    return reason if reason != "error" else reason_of_code(said) or "error"


_OUTCOMES: Final = {
    "trade": _of_trade,
    "order_rejected": _of_rejection,
    "api_error": _of_api_error,
    "error": _of_error,
}
