"""The strategy of the example bots."""

from datetime import UTC, datetime

import pytest

from candles import Candle
from paper_money import SLOW, side_to_trade


@pytest.mark.parametrize(("exposure", "short", "spot"), [(0.0, "sell", None), (30_000.0, "sell", "sell")])
def test_on_a_spot_market_nothing_is_sold_that_is_not_held(exposure: float, short: str, spot: str | None) -> None:
    """Prices fall: who may be short sells on, who may not stops at nothing."""
    falling = [Candle(datetime.now(UTC), price, price, price, price, 0) for price in range(1_000, 1_000 - SLOW, -1)]
    assert side_to_trade(falling, exposure) == short
    assert side_to_trade(falling, exposure, spot=True) == spot
