"""What the built-in checks ask of a bot's own objects: public methods, found by name, never by inheritance."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol


class Broker(Protocol):
    """Answers a cheap call, ``get_time``; one without it has ``list_balances``."""

    def get_time(self) -> object:
        """Return the broker's time; what is returned does not matter."""


class BalancesBroker(Protocol):
    """A broker without ``get_time``."""

    def list_balances(self) -> object:
        """Return the account's balances; what is returned does not matter."""


class WebSocketBroker(Protocol):
    """Knows how its WebSocket is. The method may be missing."""

    def get_ws_health(self) -> Mapping[str, Any] | None:
        """Return connected, last_message_ts, last_heartbeat_ts, gap_count, reconnect_count, max_attempts_triggered."""


class DegradationState(Protocol):
    """Knows what is paused."""

    def get_status(self) -> Mapping[str, Any] | None:
        """Return global_paused, global_reason, global_remaining_seconds, paused_symbols."""


class RiskManager(Protocol):
    """Knows whether positions may only be reduced. Either method may be missing."""

    def is_reduce_only_mode(self) -> bool:
        """Tell whether all trading is restricted to reducing positions."""

    def is_cfm_reduce_only_mode(self) -> bool:
        """Tell whether futures trading is."""


class TickerFreshness(Protocol):
    """Knows whether a symbol's ticker is too old."""

    def is_stale(self, symbol: str) -> bool:
        """Tell whether the ticker is too old or was never seen."""


class MarketData(Protocol):
    """Knows its symbols by ``symbols`` or ``get_symbols()``.

    It has ``is_stale`` of its own, or ``get_ticker_freshness_provider()`` or ``ticker_cache`` give what has.
    ``get_last_ticker_timestamp()`` tells when any ticker last came.
    """

    symbols: Iterable[str] | Callable[[], Iterable[str]]

    def get_last_ticker_timestamp(self) -> object:
        """Return when a ticker last came: Unix seconds, a datetime, ISO text, or None."""
