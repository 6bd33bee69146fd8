"""Metrics of which newer ones have said everything already: in a long read they need not be parsed.

Of a million cycles' metrics only the newest matter, field by field. So each window of the log is looked through from
its end, and an older row is parsed only where it names a field that no newer row of the window had.
"""

from collections.abc import Mapping
from typing import Any, Final

from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.metrics import NUMBERS, numbers_of, read_account
from gpt_trader_telemetry.runtime_data.record import CYCLE_METRICS, METRIC
from gpt_trader_telemetry.runtime_data.rows import Row
from gpt_trader_telemetry.runtime_data.values import fields_of, finite

__all__ = ["Superseded"]

_KIND: Final = METRIC.encode()
_PREVIEW: Final = "order_preview"


def _keys() -> dict[str, tuple[bytes, ...]]:
    keys: dict[str, list[str]] = {}
    for names in NUMBERS.values():
        for key, name in names.items():
            keys.setdefault(name, []).append(key)
    keys |= {"positions": ["positions"], "symbol_pnl": ["by_symbol"], _PREVIEW: [_PREVIEW]}
    keys |= {"fee_tier": ["tier"], "limit_remaining": ["limits", "trading_limits"]}
    return {name: tuple(f'"{key}"'.encode() for key in written) for name, written in keys.items()}


_KEYS: Final = _keys()


class Superseded:
    """Asked about the rows of one window, newest first, and told of the events that were made of the others."""

    def __init__(self) -> None:
        self._wanted: tuple[bytes, ...] = ()
        self._missing = dict(_KEYS)
        self._met_cycle = False

    def is_superseded(self, row: Row) -> bool:
        """Tell whether nothing of a row can matter."""
        if row.kind != _KIND or not self._met_cycle or not isinstance(row.payload, bytes):
            return False
        payload = row.payload
        # Keys may be written in escapes; what is cut short is to be found out and counted.
        if b"\\u" in payload or payload[:1] != b"{" or payload[-1:] != b"}":
            return False
        return not any(key in payload for key in self._wanted)

    def met(self, event: Event) -> None:
        """Take note of what an event says."""
        if event.kind == _PREVIEW:
            self._missing.pop(_PREVIEW, None)
        elif event.kind == CYCLE_METRICS:
            for name in _said(event.payload):
                self._missing.pop(name, None)
            self._met_cycle = self._met_cycle or event.at is not None
        else:
            return
        self._wanted = tuple(key for keys in self._missing.values() for key in keys)


def _said(record: Mapping[str, Any]) -> list[str]:
    said = list(numbers_of(record))
    account = read_account(record.get("account_snapshot"))
    said += ["fee_tier"] if account.fee_tier is not None else []
    said += ["limit_remaining"] if account.limit_remaining is not None else []
    by_symbol = fields_of(record.get("pnl")).get("by_symbol")
    for name, value, key in (
        ("positions", record.get("positions"), "exposure_usd"),
        ("symbol_pnl", by_symbol, "total"),
    ):
        # Where one symbol has no number, an older row's is shown.
        if isinstance(value, dict) and all(
            finite(item.get(key) if isinstance(item, dict) else item) is not None for item in value.values()
        ):
            said.append(name)
    return said
