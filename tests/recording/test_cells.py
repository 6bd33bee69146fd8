"""Cells and feeds: exact whatever the values and however they are folded."""

import math
import random
import statistics
import time
from bisect import bisect_left
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.catalog import CATALOG, LATENCY_BUCKETS
from gpt_trader_telemetry.recording.cells import FOLD_CHUNK, CounterCell, Feed, HistogramCell
from gpt_trader_telemetry.recording.exponential import MAX_BUCKETS, ExponentialBuckets, bucket_index
from support.scraping import scrape

seconds = st.floats(min_value=0, max_value=1e6, allow_nan=False) | st.sampled_from(LATENCY_BUCKETS)
batches = st.lists(st.lists(seconds, min_size=1, max_size=40), max_size=8)


@given(batches)
def test_a_histogram_counts_each_value_at_the_first_bound_that_is_not_below_it(folds) -> None:
    """A value on a bound belongs to it; +Inf takes the rest; count, least and greatest agree."""
    cell = HistogramCell(LATENCY_BUCKETS)
    expected = [0] * (len(LATENCY_BUCKETS) + 1)
    values = [value for batch in folds for value in batch]
    for batch in folds:
        cell.take(list(batch))
    for value in values:
        expected[bisect_left(LATENCY_BUCKETS, value)] += 1
    assert cell.counts == expected
    assert cell.count == len(values)
    if values:
        assert (cell.least, cell.greatest) == (min(values), max(values))


@given(st.lists(st.lists(st.floats(min_value=0, max_value=1e12), min_size=1, max_size=30), min_size=1, max_size=60))
def test_a_histograms_sum_is_within_one_part_in_a_trillion(folds) -> None:
    """The sum is compensated from fold to fold, against the exact one of rational numbers."""
    cell = HistogramCell((1.0,))
    for batch in folds:
        cell.take(list(batch))
    exact = sum(Fraction(value) for batch in folds for value in batch)
    assert abs(Fraction(cell.sum) - exact) <= exact / 10**12


def test_a_sum_survives_a_day_of_small_values_beside_a_large_one() -> None:
    """100,000 folds of a small value after a large one lose nothing: a plain running sum would."""
    cell = HistogramCell((1.0,))
    cell.take([1e9])
    for _ in range(100_000):
        cell.take([1e-7])
    assert math.isclose(cell.sum, 1e9 + 1e-2, rel_tol=1e-15)


@given(st.lists(st.integers(0, 2**40) | st.floats(0, 1e6), max_size=50))
def test_a_counter_adds_up_and_stays_whole_while_it_can(amounts) -> None:
    """Whole increments give a whole number, of any size."""
    cell = CounterCell()
    for amount in amounts:
        cell.add([amount])
    assert math.isclose(cell.value, math.fsum(amounts), rel_tol=1e-12)
    assert isinstance(cell.value, int) or not all(isinstance(amount, int) for amount in amounts)


def test_a_feed_hands_over_everything_once_in_bounded_pieces() -> None:
    """However much waits, each piece is at most a chunk, and values that come while folding wait their turn."""
    pieces = []
    feed = Feed([lambda batch: (pieces.append(list(batch)), feed.pending.append(-1.0) if len(pieces) == 1 else None)])
    feed.pending.extend(range(3 * FOLD_CHUNK + 5))
    feed.fold()
    assert max(map(len, pieces)) <= FOLD_CHUNK
    assert sorted(value for piece in pieces for value in piece) == list(range(3 * FOLD_CHUNK + 5))
    assert feed.pending == [-1.0]


@pytest.mark.parametrize("histogram", ["explicit_bucket_histogram", "base2_exponential_bucket_histogram"])
def test_a_piece_of_a_fold_takes_less_than_a_millisecond(histogram) -> None:
    """With everything that takes an order's values: counter, histogram, the windows of the signals."""
    settings = Settings(otlp_endpoint="http://127.0.0.1:9", otlp_histogram=histogram, export_interval=3600)
    telemetry = Telemetry(settings)
    telemetry._pipeline._ticker.stop()
    submit = telemetry.order_submission("buy")(lambda: None)
    submit()
    (feed,) = [feed for feed in telemetry._pipeline.recorder._structure.feeds.values() if feed.pending]
    taken = []
    for _ in range(21):
        feed.pending[:] = [random.lognormvariate(-3, 2) for _ in range(feed.chunk)]
        before = time.thread_time()
        feed.fold()
        taken.append(time.thread_time() - before)
    telemetry.shutdown(0.1)
    assert statistics.median(taken) < 0.001


@given(st.floats(min_value=1e-300, max_value=1e300), st.integers(-5, 20))
def test_an_exponential_bucket_holds_its_value(value, scale) -> None:
    """(base^i, base^(i+1)] up to the rounding of the logarithm."""
    index = bucket_index(value, scale)
    position = Fraction(math.log2(value)) * Fraction(2) ** scale
    assert (
        index - Fraction(1, 1000) * (1 + abs(position)) / 1000 <= position <= index + 1 + (1 + abs(position)) / 1000_000
    )


@given(
    st.lists(st.floats(min_value=0, max_value=1e9, allow_subnormal=False), min_size=1, max_size=200), st.integers(1, 50)
)
def test_exponential_buckets_are_bounded_and_lose_nothing(values, size) -> None:
    """However wide the values spread: at most 160 buckets, every value counted in the bucket of the final scale."""
    buckets = ExponentialBuckets()
    for start in range(0, len(values), size):
        buckets.take(sorted(values[start : start + size]))
    expected: dict[int, int] = {}
    for value in filter(None, values):
        index = bucket_index(value, buckets.scale)
        expected[index] = expected.get(index, 0) + 1
    offset, counts = buckets.dense()
    assert len(counts) <= MAX_BUCKETS
    assert sum(counts) + buckets.zeros == len(values)
    moved = sum(abs(count - expected.get(offset + position, 0)) for position, count in enumerate(counts))
    assert moved <= 2 * sum(value > 0 for value in values) * 0.02  # rounding at a finer scale may move a border value


def test_a_gauge_that_is_read_gives_way_to_what_the_bot_sets(telemetry) -> None:
    """Where the library knows nothing, a value set by name is shown; once it knows, its own is; then none."""
    known: list[float | None] = [None]
    metric = CATALOG["gpt_trader_ws_gap_count"]
    telemetry._pipeline.recorder.watch(metric, (), lambda: known[0])
    telemetry.record_gauge("gpt_trader_ws_gap_count", 4)
    assert scrape(telemetry).value("gpt_trader_ws_gap_count") == 4
    known[0] = 7
    assert scrape(telemetry).value("gpt_trader_ws_gap_count") == 7
    known[0] = None
    assert scrape(telemetry).value("gpt_trader_ws_gap_count") is None


def test_a_name_that_is_almost_the_catalogues_is_pointed_out(telemetry, caplog) -> None:
    """A misspelt name makes a metric of its own, and one warning names the one that was meant."""
    for _ in range(3):
        telemetry.record_counter("gpt_trader_trade_executed_total")
    telemetry.record_counter("gpt_trader_something_else_total")
    assert [record.message for record in caplog.records] == [
        "gpt_trader_trade_executed_total is a metric of your own; did you mean gpt_trader_trades_executed_total?"
    ]
