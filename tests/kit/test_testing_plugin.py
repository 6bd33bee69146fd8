"""The pytest plugin, in pytest runs of its own: the fixture, and what failures say."""

from textwrap import dedent

BOT = """
from gpt_trader_telemetry import *

@order_submission(side="side")
def submit(side):
    return "accepted"
"""


def test_each_test_has_telemetry_of_its_own(run_pytest) -> None:
    """Module-level decorators record into it; none is left for a test without."""
    ran = run_pytest(
        BOT
        + dedent("""
        ORDERS = "gpt_trader_order_submission_total"

        def test_one(telemetry):
            submit("buy")
            assert telemetry.value(ORDERS) == 1

        def test_two(telemetry):
            submit("sell")
            assert telemetry.value(ORDERS) == 1

        def test_none():
            from gpt_trader_telemetry.recording.current import DEFAULT
            submit("buy")
            assert DEFAULT.recorder is None
        """)
    )
    ran.assert_outcomes(passed=3)


def test_a_failure_shows_the_series_of_the_metric(run_pytest) -> None:
    """The numbers alone in the first line, whichever side they are on, and everything recorded below."""
    ran = run_pytest(
        BOT
        + dedent("""
        def test_it(telemetry):
            submit("buy")
            record_gauge("gpt_trader_open_orders", 3)
            assert 2 <= telemetry.value("gpt_trader_order_submission_total", side="buy")
        """)
    )
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(
        [
            "E       assert 2 <= 1",
            'E         gpt_trader_order_submission_total{side="buy"} is 1',
            "E         recorded:",
            'E           gpt_trader_order_submission_total{result="success",reason="none",side="buy"} 1',
            "*Recorded telemetry*",
            "gpt_trader_open_orders 3",
        ]
    )


def test_a_missing_gauge_fails_with_what_there_is(run_pytest) -> None:
    """None says nothing by itself; the section below does."""
    ran = run_pytest(
        """
        from gpt_trader_telemetry import record_gauge

        def test_it(telemetry):
            record_gauge("gpt_trader_symbol_pnl_usd", 5, {"symbol": "BTC-USD"})
            assert telemetry.value("gpt_trader_symbol_pnl_usd", symbol="BTCUSD") == 5
        """
    )
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(
        ["E       *assert None == 5", "*Recorded telemetry*", 'gpt_trader_symbol_pnl_usd{symbol="BTC-USD"} 5']
    )


def test_a_histograms_failure_says_which_number_it_is(run_pytest) -> None:
    """Of count, sum and the others."""
    ran = run_pytest(
        """
        from gpt_trader_telemetry import broker_call

        def test_it(telemetry):
            with broker_call("submit"):
                telemetry.clock.advance(0.25)
            assert telemetry.histogram("gpt_trader_broker_call_latency_seconds", operation="submit").sum < 0.2
        """
    )
    ran.stdout.fnmatch_lines(
        [
            "E       *assert 0.25 < 0.2",
            'E         the sum of gpt_trader_broker_call_latency_seconds{operation="submit"} is 0.25',
            "E         recorded:",
            "E           gpt_trader_broker_call_latency_seconds{operation=*} count 1, sum 0.25",
        ]
    )


def test_errors_kept_from_the_bot_end_the_test(run_pytest) -> None:
    """An error at its end that names them, without a traceback of ours; not where they were meant."""
    ran = run_pytest(
        """
        from gpt_trader_telemetry import record_counter

        def test_wrong(telemetry):
            record_counter("gpt_trader_trades_executed_total", 1, {"symbol": "BTC-USD"})

        def test_meant(telemetry):
            record_counter("gpt_trader_trades_executed_total", -1)
            assert "can only grow" in telemetry.errors[0].message
            telemetry.errors.clear()

        def test_allowed(telemetry):
            telemetry.allow_errors = True
            record_counter("gpt_trader_trades_executed_total", -1)
        """
    )
    ran.assert_outcomes(passed=3, errors=1)
    ran.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_wrong*",
            "the telemetry kept 1 error(s) from the bot:",
            "  recording: gpt_trader_trades_executed_total has no label 'symbol'; it has []",
            "Where they are meant, assert on telemetry.errors and clear() it, or set telemetry.allow_errors.",
        ]
    )
    assert "recording.py" not in ran.stdout.str().partition("Captured log")[0]


def test_settings_are_given_by_a_fixture(run_pytest) -> None:
    """Overridden where the tests are."""
    ran = run_pytest(
        """
        import pytest
        from gpt_trader_telemetry import Settings

        @pytest.fixture
        def telemetry_settings():
            return Settings(ws_message_stale_after=1)

        def test_it(telemetry):
            telemetry.instance.websocket.connected()
            telemetry.clock.advance(2)
            assert telemetry.value("gpt_trader_ws_message_stale") == 1
        """
    )
    ran.assert_outcomes(passed=1)


def test_other_assertions_are_left_alone(run_pytest) -> None:
    """Where the kit is loaded too."""
    ran = run_pytest(
        """
        def test_it(telemetry):
            assert 1.5 == 2.5
        """
    )
    ran.stdout.fnmatch_lines(["E       assert 1.5 == 2.5"])
    assert "recorded:" not in ran.stdout.str()
