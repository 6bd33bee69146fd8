"""How figures are spelled for people: signs, thousands, and ``n/a`` for what is not known."""

from datetime import UTC, datetime
from typing import Final

from gpt_trader_telemetry.report.window import Window

UNKNOWN: Final = "n/a"
_SUFFIXES: Final = ((1e15, "E", 1e18), (1e12, "T", 1e12), (1e9, "B", 1e9), (1e6, "M", 1e6))


def money(value: float | None, *, sign: bool = False, width: int = 16) -> str:
    """Spell an amount, shorter where it would be wider than ``width``; ``sign`` puts a plus before a gain.

    >>> money(1234.5), money(-0.004), money(12, sign=True), money(None), money(1.5e12, width=9)
    ('1,234.50', '-0.0040', '+12.00', 'n/a', '1.50T')
    """
    if value is None:
        return UNKNOWN
    plus = "+" if sign and value > 0 else ""
    # What is less than a cent and not nothing is shown as such.
    text = f"{value:,.2f}" if round(value, 2) or not value else f"{value:.2g}" if abs(value) < 1e-4 else f"{value:.4f}"  # noqa: PLR2004
    if len(plus + text) <= width:
        return plus + text
    unit, suffix = next(((unit, suffix) for least, suffix, unit in _SUFFIXES if abs(value) >= least), (1.0, ""))
    short = f"{value / unit:.2f}{suffix}"
    return plus + (short if len(plus + short) <= width else f"{value:.2g}")


def ratio(value: float | None) -> str:
    """Spell a plain number.

    >>> ratio(1.5), ratio(None)
    ('1.50', 'n/a')
    """
    return UNKNOWN if value is None else money(value)


def percent(value: float | None, *, sign: bool = False) -> str:
    """Spell a percentage, given in percent.

    >>> percent(12.34), percent(0.5, sign=True), percent(None)
    ('12.3 %', '+0.5 %', 'n/a')
    """
    if value is None:
        return UNKNOWN
    places = 2 if 0 < abs(value) < 0.1 else 1  # noqa: PLR2004
    return f"{value:+,.{places}f} %" if sign and value else f"{value:,.{places}f} %"


def share_of_one(value: float | None) -> str:
    """Spell a share of 1 in percent.

    >>> share_of_one(0.625)
    '62.5 %'
    """
    return percent(None if value is None else 100.0 * value)


def fallen(value: float | None) -> str:
    """Spell a loss that is kept without its sign, with it.

    >>> fallen(12), fallen(0), fallen(None)
    ('-12.00', '0.00', 'n/a')
    """
    return money(-value) if value else money(value)


def number(value: int | None) -> str:
    """Spell a count.

    >>> number(1234), number(None)
    ('1,234', 'n/a')
    """
    return UNKNOWN if value is None else f"{value:,}"


def moment(at: float) -> str:
    """Spell a time.

    >>> moment(0.0)
    '1970-01-01 00:00 UTC'
    """
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def span(window: Window) -> str:
    """Spell the window."""
    start = datetime.fromtimestamp(window.start, UTC)
    return f"{start:%Y-%m-%d %H:%M} to {moment(window.end)} ({window.hours:g} h)"


def age(seconds: float | None) -> str:
    """Spell how long ago something was.

    >>> age(42.4), age(125), age(7300), age(200_000), age(None)
    ('42 s', '2 min 5 s', '2 h 1 min', '2 d 7 h', 'n/a')
    """
    if seconds is None:
        return UNKNOWN
    whole = round(max(0.0, seconds))
    for large, small, size, part in (("d", "h", 86_400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if whole >= size:
            return f"{whole // size} {large} {whole % size // part} {small}"
    return f"{whole} s"
