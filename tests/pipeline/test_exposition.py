"""The text that Prometheus reads: valid whatever the labels and values."""

import gc
import math
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.pipeline.exposition import negotiate, number_text
from support.scraping import OPENMETRICS, TEXT, parse, scrape

names = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True).filter(
    lambda name: not name.startswith("__") and name not in {"le", "job", "instance", "quantile"}
)
texts = st.text(max_size=50) | st.sampled_from(
    ["%", "%s %(x)d %%", "\0", '"', "\\", "\n", "\r", "\\n", "{", "}", ",", "=", "#", "\x00", "\u2028", "é😀"]
)


@given(st.dictionaries(names, texts, max_size=4), st.sampled_from([TEXT, OPENMETRICS]))
def test_any_label_value_round_trips_in_both_formats(labels, accept) -> None:
    """Quotes, backslashes, newlines, braces, control characters and emoji come back as they were given."""
    with Telemetry(Settings()) as telemetry:
        telemetry.record_gauge("gpt_trader_own", 1, labels)
        telemetry.record_histogram("gpt_trader_other", 1, labels)
        found = scrape(telemetry, accept)
    # Prometheus and its parsers hold a label without a value for none.
    wanted = tuple(sorted(labels.items()))
    assert found.values.get(("gpt_trader_own", wanted)) == 1
    assert found.values.get(("gpt_trader_other_count", wanted)) == 1


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 30), max_size=6), max_size=6))
def test_series_that_come_between_scrapes_keep_their_own_labels(rounds) -> None:
    """Whenever a series is born, each shows its own values, also beside one without labels."""
    totals: dict[int, int] = {}
    with Telemetry(Settings()) as telemetry:
        for numbers in rounds:
            for number in numbers:
                totals[number] = totals.get(number, 0) + 1
                labels = {"number": str(number)} if number else {}
                telemetry.record_histogram("gpt_trader_own", number, labels)
            shown = scrape(telemetry)
            for number, total in totals.items():
                labels = {"number": str(number)} if number else {}
                assert shown.value("gpt_trader_own_count", **labels) == total
                assert shown.value("gpt_trader_own_sum", **labels) == total * number


def test_an_answer_is_in_memory_once() -> None:
    """Making it takes little more than the answer itself: its pieces and copies are what made large scrapes slow."""
    with Telemetry(Settings()) as telemetry:
        for number in range(1500):
            telemetry.record_histogram("gpt_trader_own", number, {"number": str(number)})
        render = telemetry._pipeline.prometheus.render
        render()
        gc.collect()
        tracemalloc.start()
        try:
            _, body = render()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(body) > 1_000_000
    assert peak < 1.7 * len(body)


@given(st.floats())
def test_any_finite_gauge_value_round_trips(value) -> None:
    """To the last bit; what is not finite is no value and is not recorded."""
    with Telemetry(Settings()) as telemetry:
        telemetry.record_gauge("gpt_trader_own", value)
        shown = scrape(telemetry).value("gpt_trader_own")
    assert shown == (value if math.isfinite(value) else None)


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (0.1, "0.1"), (1e300, "1e+300"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN")],
)
def test_numbers_are_written_as_both_formats_have_them(value, text) -> None:
    """The shortest text that reads back as the same number."""
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ("application/openmetrics-text; version=0.0.1", False),
        ("application/openmetrics-text;version=1.0.0;q=0", False),
        ("application/openmetrics-text;version=1.0.0;q=0.3,text/plain;q=0.9", False),
        # What Prometheus 2 and 3 ask for.
        (
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            ),
            True,
        ),
        (
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.1"
            ),
            True,
        ),
        ("application/openmetrics-text;version=" + "9" * 10_000, False),
        (";;;=,,,\x00q=x", False),
    ],
)
def test_the_format_is_negotiated(accept, openmetrics) -> None:
    """OpenMetrics 1.0.0 where it is asked for, else text; no header can break it."""
    assert negotiate(accept).startswith("application/openmetrics-text") is openmetrics


def test_help_type_and_unit_stand_before_their_samples(telemetry) -> None:
    """Metadata once for each family; the counter whose family is taken is unknown under its full name."""
    telemetry.record_data_quality("BTC", "1h", 1.0, [("gap", "error")])
    telemetry.record_histogram("gpt_trader_cycle_duration_seconds", 1, {"result": "ok"})
    text = telemetry.metrics_text()
    assert "# TYPE gpt_trader_data_quality_issues gauge\n" in text
    assert "# TYPE gpt_trader_data_quality_issues_total counter\n" in text
    openmetrics = telemetry.metrics_text(OPENMETRICS)
    assert "# TYPE gpt_trader_data_quality_issues_total unknown\n" in openmetrics
    assert "# UNIT gpt_trader_cycle_duration_seconds seconds\n" in openmetrics
    assert openmetrics.endswith("# EOF\n")
    assert parse(openmetrics).types["target"] == "info"
    for answer in (text, openmetrics):
        lines = [line for line in answer.splitlines() if line.startswith("# TYPE")]
        assert len(lines) == len(set(lines))


def test_a_shared_family_on_the_plain_way_parses_strictly_too(telemetry) -> None:
    """The same gauge and counter pair made by a user's own instruments."""
    meter = telemetry.meter_provider.get_meter("mine")
    meter.create_gauge("mine").set(1)
    meter.create_counter("mine_total").add(2)
    found = scrape(telemetry, OPENMETRICS)
    assert (found.value("mine"), found.value("mine_total")) == (1, 2)
