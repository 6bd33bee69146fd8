"""Instruments of the user's own on our MeterProvider: told apart, and none hidden by another that hangs."""

import threading
import time

import pytest
from opentelemetry.metrics import Observation

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.pipeline.instruments import Bounded
from gpt_trader_telemetry.pipeline.patient import Patient
from gpt_trader_telemetry.recording.recorder import Faults
from support.receivers import Received, http_receiver
from support.scraping import scrape


def sent_to(received: Received, temporality: str) -> Telemetry:
    return Telemetry(Settings(otlp_endpoint=received.endpoint, otlp_temporality=temporality))


def sums(received: Received, name: str) -> dict[tuple, list]:
    """Return the values of each stream of a name, by scope's version and whether it is a histogram."""
    found: dict[tuple, list] = {}
    for request in received.requests:
        for scope in request.resource_metrics[0].scope_metrics:
            for metric in scope.metrics:
                if metric.name == name:
                    kind = metric.WhichOneof("data")
                    for point in getattr(metric, kind).data_points:
                        value = point.sum if kind == "histogram" else point.as_int
                        found.setdefault((scope.scope.version, kind), []).append(value)
    return found


@pytest.mark.filterwarnings("ignore")
def test_deltas_of_one_name_are_told_apart() -> None:
    """Two versions of a meter, and a counter and a histogram of one name, are different series."""
    with http_receiver() as received, sent_to(received, "delta") as telemetry:
        first, second = (telemetry.meter_provider.get_meter("mine", version) for version in ("1", "2"))
        one, other = first.create_counter("mine_things"), second.create_counter("mine_things")
        histogram = first.create_histogram("mine_things")
        for amount in (1, 2):
            one.add(amount)
            other.add(10 * amount)
            histogram.record(100 * amount)
            assert telemetry.flush(5)
        assert sums(received, "mine_things") == {
            ("1", "sum"): [1, 2],
            ("2", "sum"): [10, 20],
            ("1", "histogram"): [100, 200],
        }


@pytest.mark.parametrize(
    ("temporality", "observed", "counted"),
    [("cumulative", [5, 10, 15], [1, 2, 3]), ("delta", [5, 5, 5], [1, 1, 1]), ("lowmemory", [5, 10, 15], [1, 1, 1])],
)
def test_temporality_is_what_the_specification_has_for_each_kind(temporality, observed, counted) -> None:
    """Under lowmemory, what callbacks give stays cumulative: synchronous counters alone become deltas."""
    totals = iter((5, 10, 15, 15, 15))
    with http_receiver() as received:
        with sent_to(received, temporality) as telemetry:
            meter = telemetry.meter_provider.get_meter("mine", "1", attributes={"a": "b"})
            meter.create_observable_counter("Mine_Read", [lambda _options: [Observation(next(totals))]])
            counter = meter.create_counter("mine_counted")
            for _ in range(3):
                counter.add(1)
                assert telemetry.flush(5)
        assert sums(received, "mine_read")["1", "sum"][:3] == observed
        assert sums(received, "mine_counted")["1", "sum"][:3] == counted


def test_a_callback_that_hangs_hides_its_own_instrument_alone(caplog) -> None:
    """The others go on with fresh values, it has none, and both roads answer; when it answers it is back."""
    hanging = threading.Event()
    hanging.set()
    answers = 0

    def slow(_options):
        nonlocal answers
        hanging.wait(60)
        answers += 1
        return [Observation(7)]

    def generated():
        number = 0
        yield []
        while True:
            number += 1
            yield [Observation(number)]

    with http_receiver() as received, sent_to(received, "cumulative") as telemetry:
        meter = telemetry.meter_provider.get_meter("mine")
        counter = meter.create_counter("mine_counter")
        meter.create_observable_gauge("mine_slow", [slow])
        meter.create_observable_gauge("mine_quick", callbacks=[generated()])
        counter.add(1)
        assert scrape(telemetry).value("mine_slow") == 7
        hanging.clear()
        for number in (2, 3, 4):
            counter.add(1)
            started = time.monotonic()
            shown = scrape(telemetry)
            assert time.monotonic() - started < 3
            assert (shown.value("mine_counter_total"), shown.value("mine_quick")) == (number, number)
            assert shown.value("mine_slow") is None
        assert telemetry.flush(5)
        assert received.value("mine_counter") == 4
        assert shown.value("gpt_trader_telemetry_errors_total", component="pipeline") == 1
        hanging.set()
        deadline = time.monotonic() + 10
        while scrape(telemetry).value("mine_slow") != 7 and time.monotonic() < deadline:
            time.sleep(0.01)  # the callback's own thread is what is waited for
        assert scrape(telemetry).value("mine_slow") == 7
        assert answers >= 2
    assert sum("a callback of mine_slow hangs" in record.getMessage() for record in caplog.records) == 1


def test_a_callback_that_raises_raises_where_it_would_have() -> None:
    """The SDK logs it and goes on, as it does without us; a generator that has ended observes nothing."""

    def broken(_options):
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        Bounded("x", broken, Faults())(None)
    with Telemetry(Settings()) as telemetry:
        meter = telemetry.meter_provider.get_meter("mine")
        meter.create_observable_gauge("mine_ended", [iter_once()])
        assert scrape(telemetry).value("mine_ended") == 1
        assert scrape(telemetry).value("mine_ended") is None


def iter_once():
    """A callback in the shape of a generator that gives one observation."""
    yield []
    yield [Observation(1)]


def test_a_collection_that_hangs_all_the_same_gives_what_it_gave_last() -> None:
    """Whatever holds the SDK up, the roads go on; it is asked again when it has answered."""
    release, asked = threading.Event(), []

    def ask() -> int:
        asked.append(len(asked))
        if len(asked) == 2:
            release.wait(60)
        return len(asked)

    patient = Patient("instruments", ask, 0, Faults(), patience=0.05)
    assert [patient(), patient(), patient()] == [1, 1, 1]
    assert len(asked) == 2
    release.set()
    patient._asking.join(10)
    assert patient() == 3
