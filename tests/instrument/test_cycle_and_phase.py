"""The trading cycle and its phases: how long, and whether it went well."""

import asyncio

import pytest
from instrumented import counted, faults

from support.scraping import OPENMETRICS, scrape

CYCLE = "gpt_trader_cycle_duration_seconds"
PROFILE = "gpt_trader_profile_duration_seconds"
OWN = {
    "positions_fetch": "gpt_trader_positions_fetch_seconds",
    "equity_computation": "gpt_trader_equity_computation_seconds",
}


def test_a_cycle_is_timed_by_how_it_went(telemetry, clock) -> None:
    """Decorated and entered; an exception, a cancellation too, is ``error``."""

    @telemetry.cycle()
    def tick(error: BaseException | None = None) -> str:
        clock.sleep(2)
        if error is not None:
            raise error
        return "done"

    assert tick() == "done"
    with telemetry.cycle():
        clock.sleep(3)
    for error in (ValueError(), asyncio.CancelledError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            tick(error)
    scraped = scrape(telemetry)
    assert [scraped.value(CYCLE + part, result="ok") for part in ("_count", "_sum")] == [2, 5]
    assert [scraped.value(CYCLE + part, result="error") for part in ("_count", "_sum")] == [3, 6]


def test_a_phase_is_timed_failed_ones_included(telemetry, clock) -> None:
    """Under its name, as it is spelled."""
    for name in ("strategy_decision", "odd {name}", "odd {name}"):
        with telemetry.phase(name):
            clock.sleep(1)
    with pytest.raises(ValueError, match="no"), telemetry.phase("strategy_decision"):
        clock.sleep(4)
        raise ValueError("no")
    assert counted(telemetry, PROFILE + "_count", "phase") == {("strategy_decision",): 2, ("odd {name}",): 2}
    assert counted(telemetry, PROFILE + "_sum", "phase") == {("strategy_decision",): 5, ("odd {name}",): 2}


@pytest.mark.parametrize(("name", "own"), OWN.items())
def test_two_phases_have_histograms_of_their_own_besides(telemetry, clock, name, own) -> None:
    """By result there, and as phases like any other."""

    @telemetry.phase(name)
    def run(*, fails: bool) -> None:
        clock.sleep(1)
        if fails:
            raise OSError

    run(fails=False)
    run(fails=False)
    with pytest.raises(OSError):
        run(fails=True)
    assert counted(telemetry, own + "_count", "result") == {("ok",): 2, ("error",): 1}
    assert counted(telemetry, own + "_sum", "result") == {("ok",): 2, ("error",): 1}
    assert counted(telemetry, PROFILE + "_count", "phase") == {(name,): 3}


def test_phases_within_a_cycle_are_timed_apart(telemetry, clock) -> None:
    """The cycle is as long as all of them; loops and tasks included."""

    @telemetry.phase("fetch")
    async def fetch() -> None:
        await asyncio.sleep(0)
        clock.sleep(1)

    @telemetry.cycle()
    async def tick() -> None:
        with telemetry.phase("decide"):
            clock.sleep(2)
        await fetch()
        await fetch()

    asyncio.run(tick())
    scraped = scrape(telemetry, OPENMETRICS)
    assert scraped.value(CYCLE + "_sum", result="ok") == 4
    assert scraped.value(PROFILE + "_sum", phase="decide") == 2
    assert scraped.value(PROFILE + "_sum", phase="fetch") == 2


def test_histograms_do_not_appear_before_their_first_value(telemetry) -> None:
    """Decorated, entered and not left: no series, no bare type line."""
    telemetry.cycle()(print)
    for name in OWN:
        telemetry.phase(name)(print)
    with telemetry.cycle():
        text = telemetry.metrics_text()
    assert not [name for name in (CYCLE, PROFILE, *OWN.values()) if name in text]
    assert faults(telemetry) == 0
