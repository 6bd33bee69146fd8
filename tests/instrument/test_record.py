"""Recording by a metric's name: what is coerced, what is refused, and what a label may hold."""

import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from instrumented import ERRORS, Hostile, faults, named

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.catalog import CATALOG, Kind
from support.scraping import OPENMETRICS, TEXT, scrape

TRADES = "gpt_trader_trades_executed_total"
EQUITY = "gpt_trader_equity_dollars"
OWN_COUNTER = "gpt_trader_signals_total"
OWN_GAUGE = "gpt_trader_spread_bps"
OWN_HISTOGRAM = "gpt_trader_slippage_bps"


class Money:
    """A number of somebody's own."""

    def __init__(self, amount: float) -> None:
        self.amount = amount

    def __float__(self) -> float:
        return self.amount


NUMBERS = [
    (3, 3),
    (2.5, 2.5),
    (Decimal("2.5"), 2.5),
    (Fraction(5, 2), 2.5),
    (True, 1),
    (False, 0),
    (np.float64(2.5), 2.5),
    (np.float32(2.5), 2.5),
    (np.float16(2.5), 2.5),
    (np.int64(3), 3),
    (np.uint8(3), 3),
    (np.True_, 1),
    (np.array(3), 3),
    (Money(2.5), 2.5),
    (2**70, 2.0**70),
    (0, 0),
    (-0.0, 0),
    (5e-324, 5e-324),
]

NO_NUMBERS = [
    None,
    math.nan,
    math.inf,
    -math.inf,
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("1e400"),
    Fraction(10**400),
    10**400,
    np.float64("nan"),
    np.float32("inf"),
    "1",
    b"1",
    bytearray(b"1"),
    np.str_("1"),
    1j,
    np.complex128(1 + 1j),
    np.complex64(1),
    [1],
    {},
    object(),
    int,
    Money(math.nan),
    Hostile(),
]


@pytest.mark.parametrize(("value", "number"), NUMBERS, ids=map(named, next(zip(*NUMBERS, strict=True))))
def test_any_real_number_is_recorded_as_what_it_is(telemetry, value, number) -> None:
    """Decimals, fractions, NumPy scalars, booleans and whatever has a ``__float__``."""
    telemetry.record_counter(TRADES, value)
    telemetry.record_counter(OWN_COUNTER, value)
    telemetry.record_gauge(EQUITY, value)
    telemetry.record_histogram(OWN_HISTOGRAM, value)
    telemetry.account.update(open_orders=value)
    scraped = scrape(telemetry)
    for name in (TRADES, OWN_COUNTER, EQUITY, OWN_HISTOGRAM + "_sum", "gpt_trader_open_orders"):
        assert scraped.value(name) == number
    assert scraped.value(OWN_HISTOGRAM + "_count") == 1
    assert faults(telemetry) == 0


@pytest.mark.parametrize("value", NO_NUMBERS, ids=named)
def test_what_is_no_finite_number_is_counted_and_not_recorded(telemetry, value, caplog) -> None:
    """Each as an error of recording, the first of a kind logged; nothing is raised, no series appears."""
    for _ in range(3):
        telemetry.record_counter(TRADES, value)
        telemetry.record_counter(OWN_COUNTER, value)
        telemetry.record_gauge(EQUITY, value)
        telemetry.record_gauge(OWN_GAUGE, value)
        telemetry.record_histogram(OWN_HISTOGRAM, value)
    scraped = scrape(telemetry)
    assert scraped.value(TRADES) == 0
    for name in (OWN_COUNTER, EQUITY, OWN_GAUGE, OWN_HISTOGRAM + "_count"):
        assert scraped.value(name) in {None, 0}
    assert scraped.value(EQUITY) is None
    assert faults(telemetry, "recording") == 15
    assert 1 <= len(caplog.records) <= 8


def test_a_refused_value_leaves_what_was_recorded_before(telemetry) -> None:
    """A gauge keeps its last value, a counter its sum."""
    telemetry.record_gauge(EQUITY, 10)
    telemetry.record_counter(TRADES, 2)
    for value in NO_NUMBERS:
        telemetry.record_gauge(EQUITY, value)
        telemetry.record_counter(TRADES, value)
    assert scrape(telemetry).value(EQUITY) == 10
    assert scrape(telemetry).value(TRADES) == 2


@pytest.mark.parametrize("value", [-1, -0.001, Decimal(-1), np.int64(-1), -(2**70)])
def test_counters_and_histograms_take_nothing_negative(telemetry, value) -> None:
    """Gauges do."""
    telemetry.record_counter(TRADES, value)
    telemetry.record_histogram(OWN_HISTOGRAM, value)
    telemetry.record_gauge(EQUITY, value)
    scraped = scrape(telemetry)
    assert scraped.value(TRADES) == 0
    assert scraped.value(OWN_HISTOGRAM + "_count") is None
    assert scraped.value(EQUITY) == float(value)
    assert faults(telemetry, "recording") == 2


def test_misuse_of_one_kind_is_logged_once_whatever_the_value(telemetry, caplog) -> None:
    """A thousand different bad values of one metric are one line in the bot's log, and a thousand counts."""
    for number in range(1000):
        telemetry.record_gauge(EQUITY, f"text {number}")
    assert faults(telemetry, "recording") == 1000
    assert len(caplog.records) == 1
    assert "gpt_trader_equity_dollars" in caplog.text
    assert "text 0" in caplog.text


def test_a_counter_of_ones_own_is_given_its_total(telemetry) -> None:
    """With the suffix or without, it is one counter."""
    telemetry.record_counter("gpt_trader_signals")
    telemetry.record_counter("gpt_trader_signals_total", 2)
    for accept in (TEXT, OPENMETRICS):
        assert scrape(telemetry, accept).value(OWN_COUNTER) == 3
    telemetry.record_counter("gpt_trader_trades_executed", 5)
    assert scrape(telemetry).value(TRADES) == 5


@pytest.mark.parametrize(
    "name",
    [
        "signals",
        "",
        "gpt_trader_",
        "gpt_trader_with space",
        "gpt_trader_with-dash",
        "gpt_trader_ünder",
        "gpt_trader_a\n",
        "GPT_TRADER_A",
        "gpt_trader_a{b}",
        "gpt_trader_" + "a" * 10_000,
        None,
        5,
        b"gpt_trader_a",
        ["gpt_trader_a"],
        Hostile(),
    ],
    ids=named,
)
def test_a_name_that_is_none_is_counted_and_makes_no_series(telemetry, name, caplog) -> None:
    """The answer to a scrape stays valid whatever the bot calls its metrics."""
    before = set(scrape(telemetry).types)
    for record in (telemetry.record_counter, telemetry.record_gauge, telemetry.record_histogram):
        record(name, 1)
    for accept in (TEXT, OPENMETRICS):
        scrape(telemetry, accept)
    assert set(scrape(telemetry).types) == before
    assert faults(telemetry, "recording") == 3
    assert caplog.records


@pytest.mark.parametrize(
    "suffix", ["_bucket", "_count", "_sum", "_created", "_info", "_total"], ids=lambda suffix: suffix[1:]
)
def test_a_suffix_that_means_another_series_is_refused(telemetry, suffix) -> None:
    """For gauges and histograms."""
    telemetry.record_gauge("gpt_trader_a" + suffix, 1)
    telemetry.record_histogram("gpt_trader_a" + suffix, 1)
    assert faults(telemetry, "recording") == 2
    assert "gpt_trader_a" not in telemetry.metrics_text()


def test_a_metric_keeps_its_kind(telemetry, caplog) -> None:
    """One of the catalogue's and one of the caller's own: another kind is counted and named."""
    telemetry.record_gauge(TRADES, 1)
    telemetry.record_histogram(EQUITY, 1)
    telemetry.record_counter(EQUITY, 1)
    telemetry.record_gauge(OWN_GAUGE, 1)
    telemetry.record_histogram(OWN_GAUGE, 1)
    telemetry.record_counter(OWN_GAUGE, 1)
    scraped = scrape(telemetry)
    assert scraped.value(TRADES) == 0
    assert scraped.value(EQUITY) is None
    assert scraped.value(OWN_GAUGE) == 1
    assert faults(telemetry, "recording") == 5
    assert f"{TRADES} is a counter, not a gauge" in caplog.text


def test_buckets_are_set_by_the_first_value(telemetry, caplog) -> None:
    """Others are counted and named; the value itself is recorded all the same."""
    telemetry.record_histogram(OWN_HISTOGRAM, 3, buckets=[1, 2.5, Decimal(5)])
    telemetry.record_histogram(OWN_HISTOGRAM, 4, buckets=(1, 2.5, 5.0))
    telemetry.record_histogram(OWN_HISTOGRAM, 4)
    assert faults(telemetry) == 0
    telemetry.record_histogram(OWN_HISTOGRAM, 4, buckets=[10])
    scraped = scrape(telemetry)
    assert {labels["le"] for labels in scraped.label_sets(OWN_HISTOGRAM + "_bucket")} == {"1.0", "2.5", "5.0", "+Inf"}
    assert scraped.value(OWN_HISTOGRAM + "_count") == 4
    assert faults(telemetry, "recording") == 1
    assert OWN_HISTOGRAM in caplog.text


@pytest.mark.parametrize(
    "buckets",
    [[], [2, 1], [1, 1], [math.inf], [-math.inf, 1], [math.nan], [1, math.nan, 2], ["a"], "ab", 5, [None], [1j]],
    ids=str,
)
def test_buckets_that_cannot_be_meant_are_counted(telemetry, buckets) -> None:
    """No metric comes of it, and the scrape stays valid; a good call makes it afterwards."""
    telemetry.record_histogram(OWN_HISTOGRAM, 1, buckets=buckets)
    assert faults(telemetry, "recording") == 1
    for accept in (TEXT, OPENMETRICS):
        assert scrape(telemetry, accept).value(OWN_HISTOGRAM + "_count") is None
    telemetry.record_histogram(OWN_HISTOGRAM, 1, buckets=[1, 2])
    assert scrape(telemetry).value(OWN_HISTOGRAM + "_count") == 1


@pytest.mark.parametrize(
    "labels",
    [
        {"symbol": "BTC-USD"},
        {"": "x"},
        {5: "x"},
        {None: "x"},
        ["symbol"],
        "symbol",
        5,
        {"result": Hostile()},
        {"le": "1"},
    ],
    ids=named,
)
def test_labels_that_a_metric_does_not_have_are_counted(telemetry, labels, caplog) -> None:
    """And so are those that are none; nothing is raised, nothing recorded."""
    telemetry.record_counter(TRADES, 1, labels)
    telemetry.record_gauge(EQUITY, 1, labels)
    assert scrape(telemetry).total(TRADES) == 0
    assert scrape(telemetry).label_sets(EQUITY) == []
    assert faults(telemetry, "recording") == 2
    assert caplog.records


@pytest.mark.parametrize("name", ["", "with space", "1st", "__reserved", "le", "quantile", "job", "ä", 5, None])
def test_a_label_name_of_ones_own_must_be_one(telemetry, name) -> None:
    """Prometheus's rule, and none of the names that are its own."""
    telemetry.record_counter(OWN_COUNTER, 1, {name: "x"})
    assert faults(telemetry, "recording") == 1
    for accept in (TEXT, OPENMETRICS):
        assert scrape(telemetry, accept).total(OWN_COUNTER) == 0


def test_a_missing_label_is_named(telemetry, caplog) -> None:
    """A free one cannot be guessed; a closed one has a fallback where the catalogue gives it one."""
    telemetry.record_gauge("gpt_trader_symbol_exposure_usd", 1)
    assert "'symbol'" in caplog.text
    telemetry.record_counter("gpt_trader_order_submission_total", 1, {"result": "success"})
    assert faults(telemetry, "recording") == 1
    assert (
        scrape(telemetry).value("gpt_trader_order_submission_total", result="success", reason="error", side="unknown")
        == 1
    )


@pytest.mark.parametrize(
    ("metric", "labels", "expected"),
    [
        (
            "gpt_trader_order_submission_total",
            {"result": "Success", "reason": "No idea", "side": "LONG"},
            {"result": "success", "reason": "error", "side": "unknown"},
        ),
        (
            "gpt_trader_guard_trips_total",
            {"guard": "g", "category": 'x"\n', "recoverable": True},
            {"guard": "g", "category": "generic", "recoverable": "true"},
        ),
        (
            "gpt_trader_api_requests_total",
            {"category": "\ud800", "result": "error"},
            {"category": "other", "result": "error"},
        ),
    ],
)
def test_closed_labels_fall_back_to_their_set(telemetry, metric, labels, expected) -> None:
    """Whatever is given, only the catalogue's values ever appear."""
    telemetry.record_counter(metric, 1, labels)
    assert scrape(telemetry).value(metric, **expected) == 1
    assert faults(telemetry) == 0


def test_a_closed_label_without_a_fallback_takes_no_guess(telemetry, caplog) -> None:
    """Whether an order succeeded cannot be made up."""
    telemetry.record_counter("gpt_trader_order_submission_total", 1, {"result": "perhaps"})
    assert faults(telemetry, "recording") == 1
    assert "'perhaps'" in caplog.text


hard_texts = st.text(max_size=60) | st.text(alphabet='",={}\\\n\r\t# \x00\x7f\x85\u2028é🚀\ud800', max_size=30)


@given(hard_texts)
@example('{"a": "b, c"}\n# TYPE x counter\nx{y="z"} 1')
@example("🚀" * 2_500 + '"' * 2_500 + "\n" * 2_500 + "\\" * 2_500)
@example("\\")
@example("\\n")
@example('\\"')
@example("\ud800 alone")
@example("")
@settings(max_examples=50)
def test_a_free_labels_value_round_trips(text) -> None:
    """Quotes, commas, braces, newlines, emoji, 10,000 characters, in both formats; a lone surrogate becomes a mark."""
    expected = text.encode("utf-8", "replace").decode()
    with Telemetry(Settings()) as telemetry:
        telemetry.record_counter(OWN_COUNTER, 2, {"strategy": text, "a": "b"})
        telemetry.record_gauge("gpt_trader_symbol_exposure_usd", 3, {"symbol": text})
        with telemetry.broker_call(f"op {text}"):
            pass
        for accept in (TEXT, OPENMETRICS):
            scraped = scrape(telemetry, accept)
            assert scraped.value(OWN_COUNTER, strategy=expected, a="b") == 2
            assert scraped.value("gpt_trader_symbol_exposure_usd", symbol=expected) == 3
            assert scraped.label_sets("gpt_trader_broker_call_latency_seconds_count") == [
                {"operation": f"op {expected}", "outcome": "success", "reason": "none"}
            ]
        assert faults(telemetry) == 0


SUFFIXES = ["", "_count", "_bucket", "_sum", "_created", "_info", "_total", "_total_total", "_seconds"]
TAKEN = ["cycle_duration_seconds_count", "trades_executed", "trades_executed_created", "equity_dollars"]
parts = st.sampled_from(["orders" + suffix for suffix in SUFFIXES] + TAKEN)
kinds = st.sampled_from(["counter", "gauge", "histogram"])


@given(st.lists(st.tuples(parts, kinds), max_size=6))
@example([("orders", "histogram"), ("orders_count", "counter")])
@example([("orders_count", "counter"), ("orders", "histogram")])
@example([("cycle_duration_seconds_count", "counter")])
@example([("trades_executed_created", "counter")])
@example([("orders", "gauge"), ("orders", "counter"), ("orders_created", "counter")])
@settings(max_examples=60)
def test_names_that_collide_never_break_a_scrape(pairs) -> None:
    """Whatever names the bot chooses, both formats parse strictly and hold every value that was taken."""
    with Telemetry(Settings()) as telemetry:
        with telemetry.cycle():
            pass
        for part, kind in pairs:
            getattr(telemetry, f"record_{kind}")(f"gpt_trader_{part}", 1)
        text, openmetrics = scrape(telemetry, TEXT), scrape(telemetry, OPENMETRICS)
        assert set(text.values) - {("target_info", ())} == set(openmetrics.values) - {("target_info", ())}


@pytest.mark.parametrize("metric", CATALOG.values(), ids=CATALOG.keys())
def test_every_metric_of_the_catalogue_can_be_recorded_by_name(telemetry, metric) -> None:
    """Under each combination of its closed labels."""
    if not metric.exposed:
        pytest.skip("kept inside")
    record = getattr(telemetry, f"record_{metric.kind}")
    combinations = [
        dict(zip(metric.label_names, values, strict=True))
        for values in itertools.product(*(label.values or ("free",) for label in metric.labels))
    ]
    for labels in combinations:
        record(metric.name, 0.5, labels)
    errors = 0.5 if metric.name == ERRORS else 0
    assert faults(telemetry) == errors * len(combinations)
    sample = metric.name + ("_sum" if metric.kind is Kind.HISTOGRAM else "")
    for accept in (TEXT, OPENMETRICS):
        scraped = scrape(telemetry, accept)
        for labels in combinations:
            # What is read when it is collected shows that.
            assert scraped.value(sample, **labels) == 0.5 or "process" in sample or "heartbeat_timestamp" in sample


def test_the_quality_of_candles_is_recorded(telemetry) -> None:
    """Score and issues of the last load, and all issues by kind."""
    telemetry.record_data_quality(
        "BTC-USD", "1h", Decimal("0.9"), iter([("gap", "warning"), ("gap", "warning"), ("stale", "error")])
    )
    telemetry.record_data_quality("BTC-USD", "1h", 0.95, [("Gap", "WARNING")])
    telemetry.record_data_quality("ETH-USD", "1h", None, [("weird", "fatal")])
    for accept in (TEXT, OPENMETRICS):
        scraped = scrape(telemetry, accept)
        where = {"symbol": "BTC-USD", "interval": "1h"}
        assert scraped.value("gpt_trader_data_quality_score", **where) == 0.95
        assert scraped.value("gpt_trader_data_quality_issues", **where) == 1
        total = "gpt_trader_data_quality_issues_total"
        assert scraped.value(total, issue_type="gap", severity="warning", **where) == 3
        assert scraped.value(total, issue_type="stale", severity="error", **where) == 1
        assert scraped.value("gpt_trader_data_quality_score", symbol="ETH-USD", interval="1h") is None
        assert scraped.value("gpt_trader_data_quality_issues", symbol="ETH-USD", interval="1h") == 1
    assert faults(telemetry) == 0


@pytest.mark.parametrize(
    ("score", "issues", "errors"),
    [
        (2, (), 1),
        (-0.1, (), 1),
        ("good", (), 1),
        (math.nan, (), 1),
        (1, None, 1),
        (1, 5, 1),
        (1, [5, ("gap",), ("gap", "warning", 1), ("gap", "warning")], 3),
        (1, [(Hostile(), "warning"), ("gap", Hostile())], 2),
    ],
    ids=named,
)
def test_nonsense_about_candles_loses_only_itself(telemetry, score, issues, errors) -> None:
    """What is right beside it is recorded."""
    telemetry.record_data_quality("BTC-USD", "1h", score, issues)
    scraped = scrape(telemetry)
    assert scraped.value("gpt_trader_data_quality_score", symbol="BTC-USD", interval="1h") == (
        1 if score == 1 else None
    )
    assert scraped.total("gpt_trader_data_quality_issues_total") == (errors == 3)
    assert faults(telemetry, "recording") == errors


def test_any_symbol_will_do(telemetry) -> None:
    """A symbol that is no text is spelled out; one whose text cannot be had is counted."""
    telemetry.record_data_quality(5, None, 1)
    assert scrape(telemetry).value("gpt_trader_data_quality_score", symbol="5", interval="None") == 1
    telemetry.record_data_quality(Hostile(), "1h", 1, [("gap", "error")])
    assert faults(telemetry, "recording") == 3


def test_counts_are_exact_beyond_what_a_float_holds_apart(telemetry) -> None:
    """Whole increments stay whole; many small ones add up."""
    for _ in range(10):
        telemetry.record_counter(TRADES, 2**53)
        telemetry.record_counter(TRADES)
    assert f"{TRADES} {10 * 2**53 + 10}\n" in telemetry.metrics_text()
    for _ in range(1000):
        telemetry.record_counter(OWN_COUNTER, 0.1)
    assert scrape(telemetry).value(OWN_COUNTER) == pytest.approx(100, rel=1e-12)


def test_own_metrics_are_bounded_in_number(telemetry, caplog) -> None:
    """A name made of an order id is a mistake that is told once and costs no more memory."""
    for number in range(1500):
        telemetry.record_gauge(f"gpt_trader_order_{number}", number)
    assert len([name for name in scrape(telemetry).types if name.startswith("gpt_trader_order_")]) <= 1010
    assert faults(telemetry, "recording") == 500
    assert len(caplog.records) == 1
