"""The account's equity: as it was last, as it was first in the window, and its course."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gpt_trader_telemetry.report.curve import Curve
from gpt_trader_telemetry.report.latest import Latest
from gpt_trader_telemetry.report.money import amount_of
from gpt_trader_telemetry.report.window import Window


class Equity:
    """Equity by one kind of rows: what was known before the window is the newest as long as nothing newer is."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.newest = Latest()
        self.first: tuple[float, Decimal] | None = None
        """The first within the window, and when it was."""
        self.curve = Curve(window)

    def take(self, at: float, equity: Decimal) -> None:
        """Take in what it was at a moment."""
        self.newest.take(at, equity)
        if at in self._window:
            if self.first is None or at < self.first[0]:
                self.first = (at, equity)
            self.curve.take(at, float(equity))


def equity_of(metrics: Mapping[str, Any]) -> Decimal | None:
    """Return the equity of a cycle's metrics, from whichever of its two places has one.

    >>> equity_of({"equity": None, "account": {"equity": "12.50"}})
    Decimal('12.50')
    """
    equity = amount_of(metrics.get("equity"))
    account = metrics.get("account")
    if equity is None and isinstance(account, Mapping):
        return amount_of(account.get("equity"))
    return equity
