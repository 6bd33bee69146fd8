"""Isolation: the process default for a while, whatever the bot configures, and nothing opened."""

import socket
import subprocess
import sys
import threading

import pytest
from opentelemetry import metrics as otel_metrics
from opentelemetry.sdk.metrics import MeterProvider

from gpt_trader_telemetry import ConfigurationError, Settings, Telemetry, configure, record_counter
from gpt_trader_telemetry.recording.current import DEFAULT
from gpt_trader_telemetry.testing import FaultsError, recorded
from gpt_trader_telemetry.thresholds import Thresholds

TRADES = "gpt_trader_trades_executed_total"


def trade() -> None:
    record_counter(TRADES)


def test_the_default_of_before_is_the_default_after() -> None:
    """It records nothing of the block, and what comes after it again; blocks nest."""
    with Telemetry(Settings()) as unrelated:
        mine = configure(settings=Settings())
        try:
            trade()
            with recorded() as outer:
                trade()
                with recorded() as inner:
                    trade()
                    trade()
                    inner.clock.advance(5)
                trade()
                assert (outer.value(TRADES), inner.value(TRADES)) == (2, 2)
                assert outer.clock() == 1000
            assert configure() is mine
            trade()
            assert f"{TRADES} 2\n" in mine.metrics_text()
            assert f"{TRADES} 0\n" in unrelated.metrics_text()
        finally:
            mine.shutdown()


def test_a_default_that_ends_meanwhile_is_not_brought_back() -> None:
    """It is shut down: nothing records into it."""
    mine = configure(settings=Settings())
    with recorded():
        mine.shutdown()
        trade()
    assert DEFAULT.recorder is None


def test_it_is_removed_where_the_block_raises() -> None:
    """And the block's own exception is what comes out, whatever else was kept from the bot."""
    with pytest.raises(KeyError), recorded():
        record_counter(TRADES, -1)
        raise KeyError
    assert DEFAULT.recorder is None


def test_it_opens_and_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket, no thread, and the environment is not read, also where the bot configures itself."""
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setenv("GPT_TRADER_HEALTH_SERVER_ENABLED", "nonsense")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    before = set(threading.enumerate())
    with recorded() as telemetry:
        configure()
        trade()
        telemetry.clock.advance(10)
        assert telemetry.value(TRADES) == 1
        assert set(threading.enumerate()) <= before
    with recorded() as telemetry:
        made = configure(
            settings=Settings(health_server_enabled=True, otlp_endpoint="http://127.0.0.1:9", telemetry_disabled=True)
        )
        trade()
        assert made is telemetry.instance
        assert made.server is None
        assert made.flush()
        assert telemetry.value(TRADES) == 1
        assert set(threading.enumerate()) <= before


def test_configure_returns_the_tests_own() -> None:
    """Once or more often; a second call with other arguments is refused, as it is in production."""
    with recorded() as telemetry:
        trade()
        made = configure()
        assert configure() is made is telemetry.instance
        trade()
        made.record_counter(TRADES)
        assert telemetry.value(TRADES) == 3
        with pytest.raises(ConfigurationError, match="called before with other arguments"):
            configure(settings=Settings(service_name="other"))


def test_settings_of_the_bot_apply() -> None:
    """Its thresholds judge its signals; what it opened is not opened."""
    with recorded() as telemetry:
        configure(settings=Settings(thresholds=Thresholds(guard_trip_count_warn=0), ws_message_stale_after=5))
        telemetry.instance.websocket.connected()
        telemetry.clock.advance(6)
        assert telemetry.value("gpt_trader_ws_message_stale") == 1
        assert telemetry.signals["guard_trip_count"].limits.warn == 0
    with recorded(Settings(thresholds=Thresholds(guard_trip_count_warn=0))) as telemetry:
        configure()
        assert telemetry.signals["guard_trip_count"].limits.warn == 0


def test_a_bot_may_end_and_begin_again() -> None:
    """Between a shutdown and the next configure nothing is recorded; what was recorded stays to be read."""
    with recorded() as telemetry:
        for _ in range(2):
            with configure() as made:
                trade()
            assert made.shutdown()
            trade()
            made.record_counter(TRADES)
        assert telemetry.value(TRADES) == 2


def test_nothing_becomes_global_and_a_meter_provider_is_passed_by() -> None:
    """OpenTelemetry's global provider can be set once a process: a test does not."""
    provider = MeterProvider(shutdown_on_exit=False)
    before = otel_metrics.get_meter_provider()
    with recorded() as telemetry:
        configure(meter_provider=provider, set_global=True)
        trade()
        assert telemetry.value(TRADES) == 1
    assert otel_metrics.get_meter_provider() is before
    provider.shutdown()


def test_errors_kept_from_the_bot_are_shown() -> None:
    """The block ends with them, each kind named once; cleared or allowed, it ends well."""
    with pytest.raises(FaultsError) as raised, recorded() as telemetry:
        for _ in range(3):
            record_counter(TRADES, -1)
        record_counter("gpt_trader_order_submission_total", 1, {"result": "oops", "side": "buy"})
    assert str(raised.value).splitlines() == [
        "the telemetry kept 4 error(s) from the bot:",
        f"  recording: {TRADES} can only grow, and was given int -1. What also falls is a gauge",
        "  recording: label 'result' cannot be 'oops'; it is one of success, rejected, failed",
        "Where they are meant, assert on telemetry.errors and clear() it, or set telemetry.allow_errors.",
    ]
    assert len(telemetry.errors) == 4
    with recorded() as telemetry:
        record_counter(TRADES, -1)
        assert [error.component for error in telemetry.errors] == ["recording"]
        telemetry.errors.clear()
    with recorded(allow_errors=True) as telemetry:
        telemetry.instance.signals.set_source("ws_staleness_seconds", lambda: 1 / 0)
        assert telemetry.signals["ws_staleness_seconds"].value is None
        assert isinstance(telemetry.errors[0].error, ZeroDivisionError)
        assert (
            str(telemetry.errors[0])
            == "health: a signal's source raised, so that the signal is UNKNOWN: ZeroDivisionError: division by zero"
        )


def test_the_plugin_loads_nothing_before_it_is_used() -> None:
    """Pytest loads it in every run where the package is installed."""
    script = (
        "import sys, gpt_trader_telemetry.pytest_plugin\n"
        "loaded = {name for name in sys.modules if name.startswith(('opentelemetry', 'gpt_trader_telemetry'))}\n"
        "ours = {'gpt_trader_telemetry', 'gpt_trader_telemetry._version', 'gpt_trader_telemetry.pytest_plugin'}\n"
        "assert loaded == ours, loaded"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_the_kit_needs_no_pytest() -> None:
    """It is for any framework."""
    script = "import sys, gpt_trader_telemetry.testing; assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
