"""The trading in the paper bot that needs no telemetry: its money and its strategy."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from statistics import mean
from typing import Final

from candles import Candle

CASH: Final = 100_000.0
LOT: Final = 10_000.0
"""US dollars to begin with, and in one order."""
FAST: Final = 3
SLOW: Final = 24
"""Candles in the two moving averages."""


class Account:
    """Cash and one position, valued at the price that was seen last."""

    def __init__(self) -> None:
        self.cash, self.units, self.price = CASH, 0.0, 0.0
        self._day: date | None = None
        self._day_began_with = CASH

    def see(self, candle: Candle) -> None:
        """Take note of a new price, and maybe a new day."""
        if candle.time.date() != self._day:
            self._day, self._day_began_with = candle.time.date(), self.equity
        self.price = candle.close

    def book(self, side: str, size: float, price: float) -> None:
        """Account for an order that was filled."""
        units = size if side == "buy" else -size
        self.units += units
        self.cash -= units * price

    @property
    def exposure(self) -> float:
        """What the position is worth; below 0 when it was sold short."""
        return self.units * self.price

    @property
    def equity(self) -> float:
        """What everything is worth."""
        return self.cash + self.exposure

    @property
    def profit(self) -> float:
        """What was made since the beginning."""
        return self.equity - CASH

    @property
    def profit_today(self) -> float:
        """What was made since midnight, by the clock of the candles."""
        return self.equity - self._day_began_with


def usual_move(candles: Sequence[Candle]) -> float:
    """Return by what share of itself a price moves in a candle, on average."""
    return mean(abs(after.close / before.close - 1) for before, after in pairwise(candles))


def side_to_trade(candles: Sequence[Candle], exposure: float, *, spot: bool = False) -> str | None:
    """Return the side on which to trade a lot: the further the averages are apart, the more lots to hold.

    Where trading is ``spot``, nothing can be sold that is not held.
    """
    if len(candles) < SLOW:
        return None
    closes = [candle.close for candle in candles]
    trend = (mean(closes[-FAST:]) / mean(closes[-SLOW:]) - 1) / usual_move(candles)
    wanted, held = round(1.5 * trend), round(exposure / LOT)
    if spot:
        wanted = max(0, wanted)
    return "buy" if wanted > held else "sell" if wanted < held else None
