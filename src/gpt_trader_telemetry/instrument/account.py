"""The account: equity, profit and loss, exposure, open orders."""

import threading
from collections.abc import Mapping
from typing import Any, Final

from gpt_trader_telemetry.catalog import (
    EQUITY,
    FUNDING_PNL,
    OPEN_ORDERS,
    REALIZED_PNL,
    SYMBOL_EXPOSURE,
    SYMBOL_PNL,
    TOTAL_PNL,
    UNREALIZED_PNL,
    Metric,
    text_of,
)
from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.instrument.record import as_number
from gpt_trader_telemetry.recording.current import Slot
from gpt_trader_telemetry.recording.recorder import Recorder, Shield

_PNL: Final[dict[str, Metric]] = {
    "total": TOTAL_PNL,
    "realized": REALIZED_PNL,
    "unrealized": UNREALIZED_PNL,
    "funding": FUNDING_PNL,
}
_BY_SYMBOL: Final = "by_symbol"


class Account:
    """What the bot says of its account; gauges keep their last value."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.reset()

    def reset(self) -> None:
        """Forget which symbols had exposure, as in a forked child."""
        self._exposed: set[str] = set()
        self._swapping = threading.RLock()

    def update(
        self, *, equity: Any = None, pnl: Any = None, exposure: Mapping[str, Any] | None = None, open_orders: Any = None
    ) -> None:
        """Set what is given; what is not given stays as it was. Never raises.

        Args:
            equity: in US dollars.
            pnl: the total in US dollars, or a mapping with any of ``total``, ``realized``, ``unrealized``,
                ``funding`` and ``by_symbol`` (a mapping from symbol to US dollars).
            exposure: all exposures, from symbol to US dollars; a symbol that had one before and is not among
                them has none now, and is set to 0.
            open_orders: how many orders are open.
        """
        recorder = self._slot.recorder
        if recorder is None:
            return
        _set(recorder, EQUITY, equity)
        _set(recorder, OPEN_ORDERS, open_orders)
        with _shield(recorder, "profit and loss"):
            _set_pnl(recorder, pnl)
        with _shield(recorder, "exposures"):
            self._set_exposure(recorder, exposure)

    def _set_exposure(self, recorder: Recorder, exposure: Mapping[str, Any] | None) -> None:
        if exposure is None:
            return
        current = _by_symbol(recorder, exposure)
        with self._swapping:
            gone = self._exposed - set(current)
            self._exposed = set(current)
        for symbol, value in (dict.fromkeys(gone, 0) | current).items():
            _set(recorder, SYMBOL_EXPOSURE, value, symbol)


def _set_pnl(recorder: Recorder, pnl: Any) -> None:
    if not isinstance(pnl, Mapping):
        _set(recorder, TOTAL_PNL, pnl)
        return
    for part, value in pnl.items():
        with _shield(recorder, f"profit and loss {part!r:.50}"):
            if part in _PNL:
                _set(recorder, _PNL[part], value)
            elif part != _BY_SYMBOL:
                raise UsageError(f"pnl has no part {part!r:.50}; its parts are {', '.join(_PNL)} and {_BY_SYMBOL}")
            elif value is not None:
                for symbol, amount in _by_symbol(recorder, value).items():
                    _set(recorder, SYMBOL_PNL, amount, symbol)


def _by_symbol(recorder: Recorder, amounts: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the amounts with symbols spelled out; a symbol whose text cannot be had loses only its own."""
    spelled = {}
    for symbol, amount in amounts.items():
        with _shield(recorder, "the amount of a symbol"):
            spelled[text_of(symbol)] = amount
    return spelled


def _set(recorder: Recorder, metric: Metric, value: Any, symbol: str | None = None) -> None:
    if value is None:
        return
    with _shield(recorder, metric.name):
        number = as_number(metric.name, value)
        recorder.setter(metric, () if symbol is None else (("symbol", symbol),))(number)


def _shield(recorder: Recorder, what: str) -> Shield:
    return recorder.faults.shield("recording", f"{what} could not be set")
