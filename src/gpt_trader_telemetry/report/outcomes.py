"""What trades came to: wins and losses, and the way their running sum took, in memory that does not grow with them."""

from collections.abc import Callable
from decimal import Decimal
from heapq import heappop, heappush, heappushpop
from typing import Final

from gpt_trader_telemetry.report.money import EXACT, ZERO, share

REORDERED: Final = 8192
"""Trades that are held back to put them in order of time: a log is in that order but for a few."""


class Outcomes:
    """Wins and losses. A trade of zero is neither, and no trade in the counts."""

    __slots__ = ("flat", "gross_loss", "gross_win", "largest_loss", "largest_win", "losing", "squares", "winning")

    def __init__(self) -> None:
        self.winning = 0
        self.losing = 0
        self.flat = 0
        self.gross_win = ZERO
        self.gross_loss = ZERO
        """Losses are kept, and shown, without their sign."""
        self.largest_win = ZERO
        self.largest_loss = ZERO
        self.squares = ZERO

    def take(self, pnl: Decimal) -> None:
        """Take the profit or loss of one trade in."""
        if pnl > 0:
            self.winning += 1
            self.gross_win = EXACT.add(self.gross_win, pnl)
            self.largest_win = max(self.largest_win, pnl)
        elif pnl < 0:
            self.losing += 1
            self.gross_loss = EXACT.subtract(self.gross_loss, pnl)
            self.largest_loss = max(self.largest_loss, -pnl)
        else:
            self.flat += 1
            return
        self.squares = EXACT.fma(pnl, pnl, self.squares)

    @property
    def known(self) -> bool:
        """Whether there was any trade of which it is known what it came to."""
        return self.winning + self.losing + self.flat > 0

    @property
    def total(self) -> int:
        """Trades that won or lost."""
        return self.winning + self.losing

    @property
    def net(self) -> Decimal:
        """What all of them came to."""
        return EXACT.subtract(self.gross_win, self.gross_loss)

    @property
    def win_rate(self) -> Decimal | None:
        """Winning trades as a share of all, 0 to 1."""
        return share(Decimal(self.winning), Decimal(self.total))

    @property
    def profit_factor(self) -> Decimal | None:
        """Return gross win over gross loss; None where nothing was lost, since that has no bound."""
        return share(self.gross_win, self.gross_loss)

    @property
    def average_win(self) -> Decimal | None:
        """The mean of the winning trades."""
        return share(self.gross_win, Decimal(self.winning))

    @property
    def average_loss(self) -> Decimal | None:
        """The mean of the losing trades, without its sign."""
        return share(self.gross_loss, Decimal(self.losing))

    @property
    def sharpe_ratio(self) -> Decimal | None:
        """Mean over population standard deviation, per trade; None for fewer than two trades, or without spread."""
        count = Decimal(self.total)
        if count < 2:  # noqa: PLR2004 - one trade has no spread
            return None
        # Of n times the values, so that nothing is rounded before the difference is taken.
        spread = EXACT.subtract(EXACT.multiply(count, self.squares), EXACT.multiply(self.net, self.net))
        return share(self.net, EXACT.sqrt(spread)) if spread > 0 else None


class RunningSum:
    """The sum of trades in order of time, from 0, and its greatest fall below what it had reached before.

    ``on_step`` is called with each trade's time, the sum after it and how far that is below the peak.
    """

    def __init__(self, on_step: Callable[[float, Decimal, Decimal], object] | None = None) -> None:
        self.value = ZERO
        self.peak = ZERO
        self.max_drawdown = ZERO
        self.peak_before = ZERO
        """The peak that the greatest fall began at."""
        self._waiting: list[tuple[float, int, Decimal]] = []
        self._taken = 0
        self._on_step = on_step

    def take(self, at: float, pnl: Decimal) -> None:
        """Take a trade in; those of one moment count in the order in which they come."""
        self._taken += 1
        if len(self._waiting) < REORDERED:
            heappush(self._waiting, (at, self._taken, pnl))
        else:
            self._step(heappushpop(self._waiting, (at, self._taken, pnl)))

    def finish(self) -> None:
        """Count those that were held back."""
        while self._waiting:
            self._step(heappop(self._waiting))

    def _step(self, trade: tuple[float, int, Decimal]) -> None:
        at, _, pnl = trade
        self.value = EXACT.add(self.value, pnl)
        self.peak = max(self.peak, self.value)
        fall = EXACT.subtract(self.peak, self.value)
        if fall > self.max_drawdown:
            self.max_drawdown, self.peak_before = fall, self.peak
        if self._on_step is not None:
            self._on_step(at, self.value, fall)

    @property
    def max_drawdown_pct(self) -> Decimal | None:
        """Return the greatest fall in percent of the peak at that moment; None where it began at no gain at all."""
        if not self.max_drawdown:
            return ZERO
        part = share(self.max_drawdown, self.peak_before)
        return None if part is None else EXACT.multiply(part, Decimal(100))
