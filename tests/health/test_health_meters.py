"""Health as metrics, on both ways of recording."""

from collections.abc import Iterator

import pytest
from health_bench import Bench, Hanging
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.health import Performance
from gpt_trader_telemetry.recording.current import Slot
from support.scraping import scrape
from support.timing import eventually


@pytest.fixture
def bench(telemetry: Telemetry) -> Iterator[Bench]:
    """A Health under a simulated clock, that records into ``telemetry``."""
    made = Bench(slot=telemetry._slot)
    yield made
    made.health.stop()


def duration(telemetry: Telemetry, check: str, part: str = "count") -> float | None:
    return scrape(telemetry).value(f"gpt_trader_health_check_duration_seconds_{part}", check=check)


def ups(telemetry: Telemetry) -> dict[str, float | None]:
    """The values of gpt_trader_health_check_up as they are scraped."""
    name, scraped = "gpt_trader_health_check_up", scrape(telemetry)
    return {labels["check"]: scraped.value(name, **labels) for labels in scraped.label_sets(name)}


def test_each_check_is_up_or_not_and_has_a_duration(telemetry: Telemetry, bench: Bench) -> None:
    """Absent while nothing is known, and while it is skipped."""
    bench.health.register("good", lambda: True, interval=10)
    bench.health.register("bad", lambda: False, interval=10)
    bench.health.register("after", lambda: True, depends_on=["bad"], interval=10)
    assert ups(telemetry) == {}
    bench.pass_time(20)
    assert ups(telemetry) == {"good": 1, "bad": 0}
    assert [duration(telemetry, name) for name in ("good", "bad", "after")] == [3, 3, None]


def test_a_stale_result_is_down_when_it_is_collected(telemetry: Telemetry, bench: Bench) -> None:
    """Though nothing recorded it: the runner is dead."""
    bench.health.register("broker", lambda: True)
    bench.settle()
    bench.clock.now += 1000
    assert ups(telemetry) == {"broker": 0}


def test_an_unregistered_check_disappears_and_may_come_back(telemetry: Telemetry, bench: Bench) -> None:
    """Its durations stay, as every counter does."""
    bench.health.register("broker", lambda: True)
    bench.settle()
    bench.health.unregister("broker")
    assert ups(telemetry) == {}
    assert duration(telemetry, "broker") == 1
    bench.health.register("broker", lambda: False)
    bench.settle()
    assert ups(telemetry) == {"broker": 0}


def test_a_time_out_counts_with_the_time_it_was_given(telemetry: Telemetry, bench: Bench) -> None:
    """Once, when it is given up; a late answer adds nothing."""
    hanging = Hanging()
    bench.health.register("broker", hanging, interval=30, timeout=4)
    bench.hung = {"broker"}
    bench.pass_time(100)
    hanging.release.set()
    eventually(lambda: not bench.scheduler._held)
    assert (duration(telemetry, "broker"), duration(telemetry, "broker", "sum")) == (1, 4)


def test_a_meter_provider_of_the_bots_own_gets_the_same(telemetry: Telemetry) -> None:
    """Same names, same values."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    with Telemetry(Settings(), meter_provider=provider) as borrowed:
        bench = Bench(slot=borrowed._slot)
        bench.health.register("good", lambda: True)
        bench.health.register("bad", lambda: False)
        bench.health.register("gone", lambda: True)
        bench.health.register("pending", lambda: True, depends_on=["good"])
        bench.settle()
        bench.health.unregister("gone")
        data = reader.get_metrics_data()
        assert data is not None
        points = {
            metric.name: {dict(point.attributes or {})["check"]: point for point in metric.data.data_points}
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name.startswith("gpt_trader_health_check")
        }
        bench.health.stop()
    up = {name: point.value for name, point in points["gpt_trader_health_check_up"].items()}  # type: ignore[union-attr]
    assert up == {"good": 1, "bad": 0, "pending": 1}
    assert set(points["gpt_trader_health_check_duration_seconds"]) == {"good", "bad", "gone", "pending"}
    provider.shutdown()


def test_a_recorder_that_comes_later_is_told_of_the_checks_there_are() -> None:
    """Checks may be registered before there is anywhere to record, and recorders change."""
    slot = Slot()
    bench = Bench(slot=slot)
    bench.health.register("broker", lambda: True)
    bench.settle()
    for _ in range(2):
        with Telemetry(Settings()) as telemetry:
            slot.set(telemetry._pipeline.recorder)
            assert ups(telemetry) == {"broker": 1}
            slot.set(None)
    bench.pass_time(30)
    assert bench.status("broker") == "pass"
    bench.health.stop()


def test_ever_new_names_do_not_grow_without_bound(telemetry: Telemetry, bench: Bench) -> None:
    """A thousand names are shown; a bot that makes up more has them in its health, not in its metrics."""
    for number in range(1100):
        bench.health.register(f"c{number}", lambda: True)
        bench.health.unregister(f"c{number}")
    assert len(bench.health._meters._names) == 1000
    bench.health.register("c1", lambda: True)
    bench.health.register("c1099", lambda: True)
    bench.settle()
    assert ups(telemetry) == {"c1": 1}


def test_disabled_telemetry_does_not_disable_health() -> None:
    """``OTEL_SDK_DISABLED`` is about metrics."""
    with Telemetry(Settings(telemetry_disabled=True)) as telemetry:
        bench = Bench(slot=telemetry._slot)
        bench.health.register("broker", lambda: True)
        bench.settle()
        assert bench.status("broker") == "pass"
        bench.health.stop()


def test_faults_of_health_are_counted_as_such(telemetry: Telemetry) -> None:
    """By component."""

    def listen(_report: object, _seconds: object) -> None:
        raise RuntimeError("broken")

    bench = Bench(slot=telemetry._slot, on_result=listen)
    bench.health.register("broker", lambda: True)
    bench.settle()
    bench.health.stop()
    assert scrape(telemetry).value("gpt_trader_telemetry_errors_total", component="health") == 1


def test_the_performance_of_the_process_is_a_check_like_others_there(telemetry: Telemetry, bench: Bench) -> None:
    """By the measurements that the process's gauges show."""
    bench.health.watch_performance(Performance(telemetry._process))
    bench.settle()
    assert ups(telemetry) == {"performance": 1}
    assert bench.details("performance")["memory_mb"] > 1
