"""What a report cannot know and why, in sentences."""

from collections.abc import Sequence
from datetime import UTC, datetime

from gpt_trader_telemetry.report.tally import MAX_SYMBOLS, Tally


def notes_of(
    tally: Tally, *, unfilled: int | None, measured: bool = False, hidden: int = 0, more: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return what is to be said of a report's figures, the most important first.

    Args:
        tally: what was counted.
        unfilled: what ``orders.db`` shows; None where it cannot be read.
        measured: whether the change of equity is that of equity itself.
        hidden: rows of the log that damage hides.
        more: what the readers have to say.
    """
    return (
        *_of_damage(hidden),
        *_of_trades(tally),
        *_of_pnl(tally),
        *_of_equity(tally, measured=measured),
        *_of_health(tally, unfilled),
        *more,
    )


def _of_damage(hidden: int) -> list[str]:
    if not hidden:
        return []
    what = f"{_count(hidden, 'row')} of it cannot be read, some of which may be of that time"
    return [f"This report is on a part of its events only: the database is damaged, and {what}."]


def _of_trades(tally: Tally) -> list[str]:
    outcomes, notes = tally.outcomes, []
    if tally.unexecuted:
        what = _count(tally.unexecuted, "trade event")
        notes.append(f"{what} of orders that were rejected, cancelled, failed or expired not counted as executed.")
    if tally.trades and not tally.fills:
        notes.append(
            f"{_count(tally.trades, 'trade')} executed, and no fill event says what they came to: wins, losses, win "
            "rate, profit factor, Sharpe ratio and drawdown cannot be known from this log."
        )
    elif tally.fills and not outcomes.known:
        notes.append(f"None of {_count(tally.fills, 'fill')} has a pnl that can be read.")
    elif tally.fills > (known := outcomes.total + outcomes.flat):
        missing = tally.fills - known
        notes.append(f"{missing:,} of {_count(tally.fills, 'fill')} without a pnl that can be read are not counted.")
    if outcomes.flat:
        notes.append(f"{_count(outcomes.flat, 'fill')} with a pnl of zero counted as neither win nor loss.")
    if tally.trades and tally.fills and tally.trades != tally.fills:
        notes.append(f"The log has {tally.trades:,} trade and {tally.fills:,} fill events; figures are the fills'.")
    return notes


def _of_pnl(tally: Tally) -> list[str]:
    notes = []
    if tally.realized is None and tally.trades + tally.fills:
        net = f" The fills alone came to {tally.outcomes.net:,.2f}." if tally.outcomes.known else ""
        notes.append(f"No pnl_update event: realized PnL of the account cannot be known.{net}")
    if tally.fees is None and tally.user_fees is not None:
        notes.append(f"Fees are those of {_count(tally.user_fills, 'user_fill event')}, since no fill has one.")
    if tally.crowded:
        notes.append(f"More than {MAX_SYMBOLS:,} symbols: the others are one row, their unrealized PnL is not known.")
    return notes


def _of_equity(tally: Tally, *, measured: bool) -> list[str]:
    equity = tally.equity
    if measured and equity.first is not None:
        since = _moment(equity.first[0])
        return [f"PnL is not known: the change is what equity itself did since {since}, deposits included."]
    if equity.newest.value is None:
        return ["No cycle metrics and no metrics.json of that time: equity cannot be known."]
    if equity.newest.at < tally.window.start:
        return [f"Equity is as last known, of {_moment(equity.newest.at)}: before the window."]
    return []


def _of_health(tally: Tally, unfilled: int | None) -> list[str]:
    notes = []
    if unfilled is None:
        notes.append("No orders.db that can be read: unfilled orders are those that the log tells of, if any.")
    if tally.undated:
        notes.append(f"{_count(tally.undated, 'event')} without a time that can be read left out.")
    return notes


def _count(number: int, what: str) -> str:
    """Spell a number of things.

    >>> _count(1, "fill"), _count(1234, "fill")
    ('1 fill', '1,234 fills')
    """
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
