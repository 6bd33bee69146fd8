"""Built-in checks of a bot's own objects; each returns a HealthCheckResult and never raises an Exception.

Register them with what they are to look at::

    health.register("broker", lambda: check_broker_ping(broker), severity="critical")
"""

import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from gpt_trader_telemetry.catalog import TICKER_CACHE_UNAVAILABLE, TICKER_FRESHNESS_CHECKS, TICKER_STALE_SYMBOLS, Metric
from gpt_trader_telemetry.health.attempt import CHECK_SLOT
from gpt_trader_telemetry.health.protocols import DegradationState
from gpt_trader_telemetry.health.result import HealthCheckResult, Severity
from gpt_trader_telemetry.health.scrub import scrub_text
from gpt_trader_telemetry.health.timestamps import age_of, is_stale

SLOW_PING_SECONDS: Final = 2.0
"""A broker that takes longer to answer passes, with a warning."""

_WARNING, _CRITICAL = Severity.WARNING, Severity.CRITICAL

Details = dict[str, Any]


CheckT = TypeVar("CheckT", bound=Callable[..., object])


def _always_critical(check: CheckT) -> CheckT:
    """Mark a check whose every failure is critical, its hanging too, whatever it is registered with."""
    check.severity = _CRITICAL  # type: ignore[attr-defined]
    return check


@_always_critical
def check_broker_ping(broker: object, *, clock: Callable[[], float] = time.perf_counter) -> HealthCheckResult:
    """Call the broker: ``get_time()``, or ``list_balances()`` where there is none. Its failure is critical.

    Details: latency_ms, method; error and error_type where it failed; warning where it took longer than 2 s.
    """
    ping = _Ping(broker, clock)
    with ping.timed():
        answer = ping.call()
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise TypeError(f"{ping.method}() is asynchronous; use check_broker_ping_async")
    return ping.result()


@_always_critical
async def check_broker_ping_async(
    broker: object, *, clock: Callable[[], float] = time.perf_counter
) -> HealthCheckResult:
    """Do the same for a broker whose methods may be coroutines."""
    ping = _Ping(broker, clock)
    with ping.timed():
        answer = ping.call()
        if inspect.isawaitable(answer):
            await answer
    return ping.result()


class _Ping:
    """One call to a broker, timed."""

    def __init__(self, broker: object, clock: Callable[[], float]) -> None:
        self._broker = broker
        self._clock = clock
        self.method = "get_time" if callable(getattr(broker, "get_time", None)) else "list_balances"
        self._details: Details = {"method": self.method}
        self._ok = True

    def call(self) -> object:
        method = getattr(self._broker, self.method, None)
        if not callable(method):
            raise TypeError("the broker has neither get_time() nor list_balances()")
        return method()

    @contextmanager
    def timed(self) -> Iterator[None]:
        start = self._clock()
        try:
            yield
        except Exception as error:
            self._ok = False
            self._details |= _error(error)
        seconds = self._clock() - start
        self._details["latency_ms"] = round(seconds * 1000.0, 2)
        if self._ok and seconds > SLOW_PING_SECONDS:
            self._details["warning"] = f"the broker took longer than {SLOW_PING_SECONDS:g} s to answer"

    def result(self) -> HealthCheckResult:
        return HealthCheckResult(self._ok, self._details, _CRITICAL)


def check_ws_freshness(
    broker: object,
    message_stale_seconds: float = 60.0,
    heartbeat_stale_seconds: float = 120.0,
    *,
    clock: Callable[[], float] = time.time,
) -> HealthCheckResult:
    """Judge what the broker's ``get_ws_health()`` says of its WebSocket.

    Disconnected or stale fails as a warning, reconnecting given up as critical. A broker without the method, and
    an empty answer, pass: ws_not_supported, ws_not_initialized.

    Details: connected, last_message_age_seconds, last_heartbeat_age_seconds (None while there was none),
    gap_count, reconnect_count, max_attempts_triggered, stale, stale_reason (message, heartbeat, or
    nothing_received while connected).

    Args:
        broker: has ``get_ws_health``, or not.
        message_stale_seconds: the age of the last message above which it is stale.
        heartbeat_stale_seconds: the same for heartbeats.
        clock: Unix time.
    """
    ask = getattr(broker, "get_ws_health", None)
    if not callable(ask):
        return HealthCheckResult(True, {"ws_not_supported": True}, _WARNING)  # noqa: FBT003
    try:
        said = _answer(ask)
        if not said:
            return HealthCheckResult(True, {"ws_not_initialized": True}, _WARNING)  # noqa: FBT003
        return _judge_ws(said, message_stale_seconds, heartbeat_stale_seconds, clock())
    except Exception as error:
        return HealthCheckResult(False, _error(error), _WARNING)  # noqa: FBT003


def _judge_ws(said: Mapping[str, Any], message_limit: float, heartbeat_limit: float, now: float) -> HealthCheckResult:
    connected = bool(said.get("connected", False))
    given_up = bool(said.get("max_attempts_triggered", False))
    message, heartbeat = age_of(said.get("last_message_ts"), now), age_of(said.get("last_heartbeat_ts"), now)
    reason = None
    if connected:
        if is_stale(message, message_limit):
            reason = "message"
        elif is_stale(heartbeat, heartbeat_limit):
            reason = "heartbeat"
        elif message is None and heartbeat is None:
            reason = "nothing_received"
    details = {
        "connected": connected,
        "last_message_age_seconds": _rounded(message),
        "last_heartbeat_age_seconds": _rounded(heartbeat),
        "gap_count": said.get("gap_count", 0),
        "reconnect_count": said.get("reconnect_count", 0),
        "max_attempts_triggered": given_up,
        "stale": reason is not None,
        "stale_reason": reason,
    }
    ok = connected and reason is None and not given_up
    return HealthCheckResult(ok, details, _CRITICAL if given_up else _WARNING)


@_always_critical
def check_degradation_state(state: DegradationState, risk_manager: object = None) -> HealthCheckResult:
    """Judge what is paused: a pause of everything is critical; paused symbols and reduce-only pass, with details.

    Details: global_paused, global_pause_reason, global_remaining_seconds, paused_symbol_count, paused_symbols,
    reduce_only_mode, cfm_reduce_only_mode. A state or risk manager that raises fails as critical.
    """
    try:
        status = _answer(state.get_status) or {}
        symbols = _names(status.get("paused_symbols"))
        globally = bool(status.get("global_paused", False))
        cfm = _says_so(risk_manager, "is_cfm_reduce_only_mode")
        details = {
            "global_paused": globally,
            "global_pause_reason": status.get("global_reason"),
            "global_remaining_seconds": status.get("global_remaining_seconds", 0),
            "paused_symbol_count": len(symbols),
            "paused_symbols": symbols,
            "reduce_only_mode": _says_so(risk_manager, "is_reduce_only_mode") or cfm,
            "cfm_reduce_only_mode": cfm,
        }
    except Exception as error:
        return HealthCheckResult(False, _error(error), _CRITICAL)  # noqa: FBT003
    return HealthCheckResult(not globally, details, _CRITICAL)


def _says_so(thing: object, method: str) -> bool:
    ask = getattr(thing, method, None)
    return bool(_answer(ask)) if callable(ask) else False


def _answer(ask: Callable[..., Any], *arguments: object) -> Any:
    """Ask the bot's object; one that answers later cannot be judged here, and would pass for a yes."""
    answer = ask(*arguments)
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        name = getattr(ask, "__name__", "it")
        raise TypeError(f"{name}() is asynchronous; register an async check that awaits it and judges the answer")
    return answer


def _names(given: object) -> list[str]:
    if isinstance(given, str):
        return [given] if given else []
    return list(dict.fromkeys(str(name) for name in given if name)) if isinstance(given, Iterable) else []


def check_ticker_freshness(market_data: object) -> HealthCheckResult:
    """Ask of each symbol whether its ticker is stale: some stale is a warning, all stale critical.

    Nothing to ask (no market data, no symbols, nothing with ``is_stale``) passes and says so. Each check is
    counted, by the catalogue's three ticker rows, into the Telemetry that runs it.

    Details: symbol_count, symbols_checked, fresh_symbols, stale_symbols, stale_count, stale; skipped and reason
    where nothing could be asked.
    """
    try:
        result = _judge_tickers(market_data)
    except Exception as error:
        result = HealthCheckResult(False, _error(error), _CRITICAL)  # noqa: FBT003
    _count(TICKER_FRESHNESS_CHECKS, 1, {"result": "ok" if result.ok else "error"})
    if result.details.get("reason") in {"market_data_unavailable", "ticker_freshness_unavailable"}:
        _count(TICKER_CACHE_UNAVAILABLE, 1, {})
    stale = result.details.get("stale_count", 0)
    if stale:
        _count(TICKER_STALE_SYMBOLS, stale, {})
    return result


def _judge_tickers(market_data: object) -> HealthCheckResult:
    if market_data is None:
        return _not_asked("market_data_unavailable", [])
    symbols = _symbols_of(market_data)
    if not symbols:
        return _not_asked("no_symbols", [])
    asked = _freshness_of(market_data)
    if asked is None:
        return _not_asked("ticker_freshness_unavailable", symbols)
    stale = [symbol for symbol in symbols if _answer(asked, symbol)]
    details = {
        "symbol_count": len(symbols),
        "symbols_checked": symbols,
        "fresh_symbols": [symbol for symbol in symbols if symbol not in set(stale)],
        "stale_symbols": stale,
        "stale_count": len(stale),
        "stale": bool(stale),
    }
    return HealthCheckResult(not stale, details, _CRITICAL if len(stale) == len(symbols) else _WARNING)


def _not_asked(reason: str, symbols: list[str]) -> HealthCheckResult:
    details = {
        "symbol_count": len(symbols),
        "symbols_checked": [],
        "stale_symbols": [],
        "stale_count": 0,
        "stale": False,
        "skipped": True,
        "reason": reason,
    }
    return HealthCheckResult(True, details, _WARNING)  # noqa: FBT003


def _symbols_of(market_data: object) -> list[str]:
    symbols = getattr(market_data, "symbols", None)
    if symbols is None:
        symbols = getattr(market_data, "get_symbols", None)
    return _names(_answer(symbols) if callable(symbols) else symbols)


def _freshness_of(market_data: object) -> Callable[[str], object] | None:
    provider: object = market_data
    if not callable(getattr(provider, "is_stale", None)):
        give = getattr(market_data, "get_ticker_freshness_provider", None)
        provider = give() if callable(give) else getattr(market_data, "ticker_cache", None)
    ask = getattr(provider, "is_stale", None)
    return ask if callable(ask) else None


def check_market_data_feed(
    market_data: object, stale_seconds: float = 60.0, *, clock: Callable[[], float] = time.time
) -> HealthCheckResult:
    """Judge when any ticker last came: too long ago, or never, fails at the severity that it is registered with.

    No market data, and one without ``get_last_ticker_timestamp()``, pass and say so.

    Details: last_ticker_age_seconds, stale_seconds, stale, stale_reason (ticker, nothing_received); skipped and
    reason where nothing could be asked.

    Args:
        market_data: has ``get_last_ticker_timestamp()``, or not.
        stale_seconds: the age above which it is stale.
        clock: Unix time.
    """
    ask = getattr(market_data, "get_last_ticker_timestamp", None)
    if not callable(ask):
        reason = "market_data_unavailable" if market_data is None else "last_ticker_timestamp_unavailable"
        return HealthCheckResult(True, {"skipped": True, "reason": reason})  # noqa: FBT003
    try:
        age = age_of(_answer(ask), clock())
    except Exception as error:
        return HealthCheckResult(False, _error(error))  # noqa: FBT003
    why = "nothing_received" if age is None else "ticker" if is_stale(age, stale_seconds) else None
    details = {
        "last_ticker_age_seconds": _rounded(age),
        "stale_seconds": stale_seconds,
        "stale": why is not None,
        "stale_reason": why,
    }
    return HealthCheckResult(why is None, details)


def _error(error: Exception) -> Details:
    return {"error": scrub_text(error) or type(error).__name__, "error_type": type(error).__name__}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _count(metric: Metric, amount: float, labels: Mapping[str, object]) -> None:
    recorder = CHECK_SLOT.get().recorder
    if recorder is not None:
        with recorder.faults.shield("health", "a ticker check could not be counted"):
            recorder.adder(metric, metric.label_set(labels))(amount)
