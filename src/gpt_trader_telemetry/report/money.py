"""Amounts of money, exactly: decimals as the bot wrote them, added without rounding.

A log writes "0.1" and means a tenth; a float is read by the digits that it prints. Sums are kept to 60 digits, which
is exact for anything that an account can hold, and become floats only where a figure is shown.
"""

import math
from decimal import Context, Decimal, InvalidOperation
from typing import Final

EXACT: Final = Context(prec=60, Emin=-99_999, Emax=99_999, traps=[])
ZERO: Final = Decimal(0)

_LONGEST: Final = 100
_LARGEST: Final = 30
"""Powers of ten beyond which a number is no amount of money but a mistake."""


def amount_of(value: object) -> Decimal | None:
    """Return the amount that ``value`` spells; None for what is none: text, null, booleans, NaN and infinities.

    >>> amount_of("12.50"), amount_of(0.1), amount_of(" -3 ")
    (Decimal('12.50'), Decimal('0.1'), Decimal('-3'))
    >>> amount_of("twelve") is amount_of(None) is amount_of(True) is amount_of(float("nan")) is None
    True
    """
    if isinstance(value, float):
        amount = Decimal(repr(value)) if math.isfinite(value) else None
    elif isinstance(value, int) and not isinstance(value, bool):
        amount = Decimal(value) if value.bit_length() <= _LONGEST else None
    elif isinstance(value, str) and len(value) <= _LONGEST and "_" not in value:
        try:
            amount = Decimal(value.strip())
        except InvalidOperation:
            return None
    else:
        return None
    if amount is None or not amount.is_finite() or amount.adjusted() > _LARGEST:
        return None
    return amount


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return ``part / whole``; None where there is nothing to divide by."""
    return EXACT.divide(part, whole) if whole else None


def shown(amount: Decimal | None) -> float | None:
    """Return an amount as a JSON number.

    >>> shown(EXACT.add(Decimal("0.1"), Decimal("0.2")))
    0.3
    """
    if amount is None:
        return None
    number = float(amount)
    return number if math.isfinite(number) else None
