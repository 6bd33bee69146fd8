"""A metric that was renamed is served under both names: the same values, at once, down both roads."""

from contextlib import contextmanager

import pytest
from opentelemetry.sdk.metrics import MeterProvider

from gpt_trader_telemetry import Settings, Telemetry, catalog
from gpt_trader_telemetry.catalog import CATALOG, Kind, Label, Metric, row_named
from gpt_trader_telemetry.testing import recorded
from support.receivers import RECEIVERS
from support.scraping import OPENMETRICS, TEXT, scrape

RENAMED = [
    Metric("gpt_trader_fills_total", Kind.COUNTER, "Fills.", (Label("side"),), former_names=("gpt_trader_hits_total",)),
    Metric("gpt_trader_margin", Kind.GAUGE, "Margin.", former_names=("gpt_trader_leverage", "gpt_trader_lever")),
    Metric(
        "gpt_trader_queue_seconds", Kind.HISTOGRAM, "Wait.", unit="s", buckets=(0.1, 1.0),
        former_names=("gpt_trader_waiting_seconds",),
    ),
]  # fmt: skip


@pytest.fixture(autouse=True)
def renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows of the catalogue had other names before."""
    for metric in RENAMED:
        monkeypatch.setitem(CATALOG, metric.name, metric)
        for name in metric.former_names:
            monkeypatch.setitem(catalog._RENAMED, name, metric)


@contextmanager
def plain():
    with Telemetry(Settings(), meter_provider=MeterProvider(shutdown_on_exit=False)) as telemetry:
        yield telemetry


WAYS = {"bound": lambda: Telemetry(Settings()), "plain": plain}


def record(telemetry: Telemetry) -> None:
    """By the new names, and by old ones, as a bot does that was not changed yet."""
    telemetry.record_counter("gpt_trader_fills_total", labels={"side": "buy"})
    telemetry.record_counter("gpt_trader_hits_total", 2, labels={"side": "buy"})
    telemetry.record_gauge("gpt_trader_lever", 3)
    telemetry.record_histogram("gpt_trader_queue_seconds", 0.5)
    telemetry.record_histogram("gpt_trader_waiting_seconds", 0.05)


@pytest.mark.parametrize("accept", [TEXT, OPENMETRICS], ids=["text", "openmetrics"])
@pytest.mark.parametrize("way", WAYS)
def test_a_scrape_shows_both_names_with_the_same_values(way: str, accept: str) -> None:
    """And parses strictly; what was recorded under either name is in both."""
    with WAYS[way]() as telemetry:
        record(telemetry)
        answer = scrape(telemetry, accept)
    for name in ("gpt_trader_fills_total", "gpt_trader_hits_total"):
        assert answer.value(name, side="buy") == 3
    for name in ("gpt_trader_margin", "gpt_trader_leverage", "gpt_trader_lever"):
        assert answer.value(name) == 3
    for name in ("gpt_trader_queue_seconds", "gpt_trader_waiting_seconds"):
        assert answer.value(f"{name}_count") == 2
        assert answer.value(f"{name}_bucket", le="0.1") == 1
        assert answer.value(f"{name}_sum") == pytest.approx(0.55)


@pytest.mark.parametrize("protocol", RECEIVERS)
@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_otlp_carries_both_names(protocol: str, temporality: str) -> None:
    """Deltas, too: each name has its own memory of what was sent."""
    with RECEIVERS[protocol]() as received:
        settings = Settings(otlp_endpoint=received.endpoint, otlp_protocol=protocol, otlp_temporality=temporality)
        with Telemetry(settings) as telemetry:
            record(telemetry)
            assert telemetry.flush(10)
            for name in ("gpt_trader_fills_total", "gpt_trader_hits_total"):
                assert received.value(name, side="buy") == 3
            assert received.value("gpt_trader_lever") == 3


def test_the_old_name_says_what_took_its_place() -> None:
    """In HELP, where whoever looks at it finds it."""
    with Telemetry(Settings()) as telemetry:
        record(telemetry)
        text = telemetry.metrics_text()
    assert "# HELP gpt_trader_hits_total Deprecated: now gpt_trader_fills_total. Fills.\n" in text
    assert "# HELP gpt_trader_fills_total Fills.\n" in text


def test_a_watched_gauge_is_read_under_both_names() -> None:
    """On a caller's MeterProvider, too."""
    margin = RENAMED[1]
    for way in WAYS.values():
        with way() as telemetry:
            telemetry._pipeline.recorder.watch(margin, (), lambda: 7.0)
            answer = scrape(telemetry)
        assert answer.value("gpt_trader_margin") == answer.value("gpt_trader_leverage") == 7


def test_tests_of_users_may_ask_by_either_name() -> None:
    """A test that names the old one goes on working."""
    with recorded() as telemetry:
        record(telemetry.instance)
        assert telemetry.value("gpt_trader_hits_total", side="buy") == 3
        assert telemetry.value("gpt_trader_fills_total", side="buy") == 3


def test_no_former_name_is_a_present_one() -> None:
    """Two rows that are served under one name would be one series twice."""
    former = [name for metric in CATALOG.values() for name in metric.former_names]
    assert len(former) == len(set(former))
    assert not set(former) & set(CATALOG)
    assert all(row_named(name).former_names.count(name) == 1 for name in former)
