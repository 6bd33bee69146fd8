"""The account: gauges that keep their last value, in parts."""

import math
import threading
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instrumented import Hostile, counted, faults, named

from gpt_trader_telemetry import Settings, Telemetry
from support.scraping import scrape

EQUITY = "gpt_trader_equity_dollars"
ORDERS = "gpt_trader_open_orders"
EXPOSURE = "gpt_trader_symbol_exposure_usd"
PARTS = {part: f"gpt_trader_{part}_pnl_usd" for part in ("total", "realized", "unrealized", "funding")}


def exposures(telemetry) -> dict[str, float]:
    """Return each symbol's exposure, closed ones at 0."""
    scraped = scrape(telemetry)
    return {labels["symbol"]: scraped.value(EXPOSURE, **labels) for labels in scraped.label_sets(EXPOSURE)}


def test_what_was_never_given_is_absent(telemetry) -> None:
    """An equity of zero is not one that is not known."""
    telemetry.account.update()
    text = telemetry.metrics_text()
    assert not [name for name in (EQUITY, ORDERS, EXPOSURE, *PARTS.values()) if name in text]


def test_what_is_not_given_stays_as_it_was(telemetry) -> None:
    """Each part by itself."""
    telemetry.account.update(equity=100, pnl=5, exposure={"BTC": 7}, open_orders=2)
    telemetry.account.update(equity=90)
    telemetry.account.update(open_orders=0)
    telemetry.account.update(equity=None, pnl=None, exposure=None, open_orders=None)
    scraped = scrape(telemetry)
    assert [scraped.value(name) for name in (EQUITY, PARTS["total"], ORDERS)] == [90, 5, 0]
    assert exposures(telemetry) == {"BTC": 7}


@pytest.mark.parametrize("amount", [Decimal("12.5"), Fraction(25, 2), np.float32(12.5), np.float64(12.5), 12.5])
def test_amounts_of_any_type_are_coerced(telemetry, amount) -> None:
    """In every part."""
    telemetry.account.update(
        equity=amount,
        pnl={**dict.fromkeys(PARTS, amount), "by_symbol": {"BTC": amount}},
        exposure={"BTC": amount},
        open_orders=amount,
    )
    scraped = scrape(telemetry)
    for name in (EQUITY, ORDERS, *PARTS.values()):
        assert scraped.value(name) == 12.5
    assert exposures(telemetry) == {"BTC": 12.5}
    assert scraped.value("gpt_trader_symbol_pnl_usd", symbol="BTC") == 12.5
    assert faults(telemetry) == 0


def test_profit_and_loss_may_be_the_total_or_its_parts(telemetry) -> None:
    """A part that is not given stays; one that is None too."""
    telemetry.account.update(pnl=-3)
    telemetry.account.update(pnl={"realized": 1, "funding": None})
    telemetry.account.update(pnl={"unrealized": -2, "by_symbol": {"BTC": 4, "ETH": None, 5: 6}})
    telemetry.account.update(pnl={"by_symbol": None})
    telemetry.account.update(pnl={})
    scraped = scrape(telemetry)
    assert [scraped.value(PARTS[part]) for part in PARTS] == [-3, 1, -2, None]
    assert counted(telemetry, "gpt_trader_symbol_pnl_usd", "symbol") == {("BTC",): 4, ("5",): 6}
    assert faults(telemetry) == 0


def test_a_closed_positions_exposure_is_zero(telemetry) -> None:
    """A symbol that is not among all exposures any more has none; it opens again where it is."""
    telemetry.account.update(exposure={"BTC": 5, "ETH": -2})
    telemetry.account.update(exposure={"ETH": -3})
    assert exposures(telemetry) == {"BTC": 0, "ETH": -3}
    telemetry.account.update(exposure={})
    assert exposures(telemetry) == {"BTC": 0, "ETH": 0}
    telemetry.account.update(exposure={"BTC": 1})
    assert exposures(telemetry) == {"BTC": 1, "ETH": 0}


def test_an_exposure_that_is_not_known_stays_as_it_was(telemetry) -> None:
    """None and nonsense are no closed position."""
    telemetry.account.update(exposure={"BTC": 5, "ETH": 2})
    telemetry.account.update(exposure={"BTC": None, "ETH": "much"})
    assert exposures(telemetry) == {"BTC": 5, "ETH": 2}
    assert faults(telemetry, "recording") == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, "much", [], 1j, Hostile(), Decimal("sNaN")], ids=named)
def test_nonsense_loses_only_itself(telemetry, value) -> None:
    """What is right beside it is set; nothing is raised."""
    telemetry.account.update(
        equity=value,
        pnl={"total": value, "realized": 1, "profit": 5, "by_symbol": {"BTC": value, "ETH": 2, Hostile(): 3}},
        exposure={"BTC": value, "ETH": 2, Hostile(): 3},
        open_orders=3,
    )
    scraped = scrape(telemetry)
    assert [scraped.value(name) for name in (EQUITY, PARTS["total"], PARTS["realized"], ORDERS)] == [None, None, 1, 3]
    assert exposures(telemetry) == {"ETH": 2}
    assert counted(telemetry, "gpt_trader_symbol_pnl_usd", "symbol") == {("ETH",): 2}
    assert faults(telemetry, "recording") == 7


@pytest.mark.parametrize("value", [5, "BTC", ["BTC"], Hostile()], ids=named)
def test_what_is_no_mapping_is_counted(telemetry, value) -> None:
    """For exposures and for profit and loss by symbol; what comes after is set."""
    telemetry.account.update(exposure=value, pnl={"by_symbol": value, "total": 1})
    assert exposures(telemetry) == {}
    assert scrape(telemetry).value(PARTS["total"]) == 1
    assert faults(telemetry, "recording") == 2


def test_a_part_of_profit_and_loss_that_there_is_not_is_named(telemetry, caplog) -> None:
    """With the ones that there are."""
    telemetry.account.update(pnl={"unrealised": 1})
    assert "'unrealised'" in caplog.text
    assert "unrealized" in caplog.text


def test_an_account_without_a_telemetry_is_harmless() -> None:
    """After its shutdown."""
    with Telemetry(Settings()) as telemetry:
        telemetry.account.update(equity=1)
    telemetry.account.update(equity="much", pnl=Hostile(), exposure=5, open_orders=[])


def test_two_accounts_do_not_mix() -> None:
    """Each Telemetry has its own."""
    with Telemetry(Settings()) as one, Telemetry(Settings()) as other:
        one.account.update(equity=1, exposure={"BTC": 1})
        other.account.update(equity=2, exposure={})
        assert (scrape(one).value(EQUITY), scrape(other).value(EQUITY)) == (1, 2)
        assert exposures(one) == {"BTC": 1}
        assert exposures(other) == {}


def test_updates_of_several_threads_leave_no_exposure_behind(telemetry) -> None:
    """Whoever comes last, what is not among the last exposures is at 0."""

    def work(name: str) -> None:
        for number in range(200):
            telemetry.account.update(exposure={f"{name}{number % 3}": 1})

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    telemetry.account.update(exposure={})
    assert set(exposures(telemetry).values()) == {0}


symbols = st.sampled_from(["BTC", "ETH", "SOL"])


@given(st.lists(st.none() | st.dictionaries(symbols, st.none() | st.integers(-5, 5)), max_size=10))
@settings(max_examples=50)
def test_any_sequence_of_exposures_ends_as_a_simple_model_does(script) -> None:
    """Given: set. Not given any more: 0. Not known: as it was."""
    model: dict[str, int] = {}
    before: set[str] = set()
    with Telemetry(Settings()) as telemetry:
        for exposure in script:
            telemetry.account.update(exposure=exposure)
            if exposure is not None:
                model |= dict.fromkeys(before - set(exposure), 0)
                model |= {symbol: value for symbol, value in exposure.items() if value is not None}
                before = set(exposure)
        assert exposures(telemetry) == model
