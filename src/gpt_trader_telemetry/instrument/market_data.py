"""Market data: when each symbol's last ticker came."""

import time
from collections.abc import Callable

from gpt_trader_telemetry.recording.recorder import Faults

_MOST_SYMBOLS = 2000


class MarketData:
    """What the bot says of its tickers, and how old the stalest of them is.

    It is what ``check_ticker_freshness`` and ``check_market_data_feed`` ask, too.

    >>> market_data = MarketData(stale_after=60.0)
    >>> market_data.ticker("BTC-USD")
    >>> market_data.symbols, market_data.is_stale("BTC-USD"), market_data.is_stale("ETH-USD")
    (('BTC-USD',), False, True)
    """

    def __init__(
        self,
        *,
        stale_after: float,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        faults: Faults | None = None,
    ) -> None:
        self._stale_after = stale_after
        self._clock = clock
        self._wall = wall
        self._faults = faults or Faults()
        self.reset()

    def reset(self) -> None:
        """Forget every symbol, as in a forked child."""
        self._seen: dict[str, float] = {}

    def ticker(self, symbol: str) -> None:
        """Note that a ticker of ``symbol`` has come. Never raises."""
        try:
            if symbol in self._seen or len(self._seen) < _MOST_SYMBOLS:
                self._seen[symbol] = self._clock()
            else:
                self._faults.note("instrument", f"tickers of more than {_MOST_SYMBOLS} symbols; the first are kept")
        except Exception as error:
            self._faults.note("instrument", "a ticker could not be noted", error)

    def forget(self, symbol: str) -> None:
        """Expect no more tickers of ``symbol``: it is not traded any longer. Never raises."""
        try:
            self._seen.pop(symbol, None)
        except Exception as error:
            self._faults.note("instrument", "a symbol could not be forgotten", error)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol of which a ticker has come, and that was not forgotten."""
        return tuple(self._seen.copy())

    def staleness(self) -> float | None:
        """Return the age in seconds of the last ticker of the symbol whose last is the oldest; None without any."""
        seen = self._seen.copy()
        return max(0.0, self._clock() - min(seen.values())) if seen else None

    def is_stale(self, symbol: str) -> bool:
        """Tell whether a symbol's last ticker is too old, or there was none."""
        seen = self._seen.get(symbol)
        return seen is None or self._clock() - seen > self._stale_after

    def get_last_ticker_timestamp(self) -> float | None:
        """Return when any ticker came last, in Unix seconds; None where none has."""
        seen = self._seen.copy()
        return self._wall() - (self._clock() - max(seen.values())) if seen else None
