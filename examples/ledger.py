"""The paper bot's own account of what it did, kept from outside and without the telemetry.

The ledger puts a recorder around the methods of one bot object. It shares no code and no clock reading with
gpt_trader_telemetry, so the two can be compared; the tests do.
"""

import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, time
from typing import Any, Final

REASONS: Final[dict[object, str]] = {
    429: "rate_limit",
    503: "exchange_unavailable",
    "INSUFFICIENT_FUND": "insufficient_funds",
    "INVALID_LIMIT_PRICE_POST_ONLY": "post_only",
    "INVALID_BASE_SIZE_TOO_SMALL": "invalid_size",
    "ORDER_ENTRY_DISABLED": "market_closed",
    "UNKNOWN_CANCEL_ORDER": "not_found",
}
"""What the paper exchange answers, in the words of the metric contract."""

NO_ANSWER: Final = {"exchange_unavailable", "network", "rate_limit", "timeout"}
"""Reasons that say nothing about the order: the submission failed, it was not rejected."""

Arguments = tuple[Any, ...]


class Ledger:
    """Lists of what happened, in order; each entry is a plain dictionary."""

    def __init__(self, bot: Any) -> None:
        """Write down from now on what ``bot`` and its broker do."""
        self.calls: list[dict[str, Any]] = []
        self.submissions: list[dict[str, Any]] = []
        self.guards: list[dict[str, Any]] = []
        self.cycles: list[dict[str, Any]] = []
        self.blocked = 0
        self._account, self._tally = bot.account, bot.tally
        _surround(bot.broker, "submit", self._called("submit"))
        _surround(bot.broker, "cancel", self._called("cancel"))
        _surround(bot, "place_order", self._ordered)
        _surround(bot, "on_candle", self._cycled)
        for name in [name for name in dir(bot) if name.startswith("check_")]:
            _surround(bot, name, self._guarded(name.removeprefix("check_")))

    def write(self, path: Path | None) -> None:
        """Write everything as JSON, whole or not at all; without a path do nothing."""
        if path is not None:
            facts = {name: value for name, value in vars(self).items() if not name.startswith("_")}
            facts |= {name: getattr(self._account, name) for name in ("equity", "profit", "exposure")}
            partial = path.with_name(path.name + ".partial")
            partial.write_text(json.dumps({**facts, "tally": self._tally}, indent=1), encoding="utf-8")
            partial.replace(path)

    def _called(self, operation: str) -> Callable[..., None]:
        def note(_args: Arguments, value: Any, error: Exception | None, seconds: float) -> None:
            reason = _reason(value, error)
            outcome = "success" if reason == "none" else "failure"
            entry = {"operation": operation, "outcome": outcome, "reason": reason, "seconds": seconds}
            self.calls.append({**entry, "at": time()})

        return note

    def _ordered(self, args: Arguments, value: Any, error: Exception | None, seconds: float) -> None:
        if hasattr(error, "category"):  # a guard said no, so nothing was sent
            self.blocked += 1
            return
        reason = _reason(value, error)
        result = "success" if reason == "none" else "failed" if reason in NO_ANSWER else "rejected"
        self.submissions.append({"side": args[0], "result": result, "reason": reason, "seconds": seconds})

    def _guarded(self, guard: str) -> Callable[..., None]:
        def note(_args: Arguments, _value: Any, error: Exception | None, _seconds: float) -> None:
            entry: dict[str, Any] = {"guard": guard, "result": "success"}
            if error is not None:
                trip = {name: getattr(error, name) for name in ("category", "recoverable")}
                entry = {"guard": guard, "result": "failure", **trip}
            self.guards.append(entry)

        return note

    def _cycled(self, _args: Arguments, _value: Any, error: Exception | None, seconds: float) -> None:
        self.cycles.append({"result": "ok" if error is None else "error", "seconds": seconds})


def _reason(value: Any, error: Exception | None) -> str:
    if error is None:
        return "none" if value["success"] else REASONS[value["error"]]
    if isinstance(error, OSError):
        return "timeout" if isinstance(error, TimeoutError) else "network"
    status, code = getattr(error, "status_code", None), getattr(error, "error_code", None)
    return REASONS.get(code) or REASONS.get(status, "error")


def _surround(owner: Any, name: str, note: Callable[..., None]) -> None:
    inner = getattr(owner, name)

    def watched(*args: Any) -> Any:
        value, error, start = None, None, perf_counter()
        try:
            value = inner(*args)
        except Exception as raised:
            error = raised
            raise
        finally:
            note(args, value, error, perf_counter() - start)
        return value

    setattr(owner, name, watched)
