"""What a bot shows directly and what arrives through the real Collector are the same series."""

import pytest

from gpt_trader_telemetry import Delivery, Settings, Telemetry
from gpt_trader_telemetry.catalog import CATALOG, Kind
from gpt_trader_telemetry.instrument.process import ProcessUsage
from support.collector import collecting
from support.scraping import OPENMETRICS, Labels, Scrape, scrape
from support.script import compare_scrape, play, record_every_row
from support.stores import STORES, wait_until

Values = dict[tuple[str, Labels], float]

EVERYTHING = '{__name__=~"gpt_trader_.*"}'
GROWING = {"gpt_trader_telemetry_heartbeat_timestamp_seconds", "gpt_trader_signal_value"} | {
    name for name in CATALOG if name.startswith("gpt_trader_ws_last_")
}
"""Worked out when they are read, from the clock."""
RESTLESS = {"gpt_trader_process_cpu_percent", "gpt_trader_process_memory_mb"}
"""Read from the system: each reading differs."""


def canonical(values: Values) -> Values:
    """Leave out what tells the roads apart on purpose, and spell bounds as numbers: 1 and 1.0 are one bound."""
    found = {}
    for (name, labels), value in values.items():
        if not name.startswith(("target_info", "python_", "otelcol_", "up", "scrape_")):
            kept = {key: text for key, text in labels if key not in {"job", "instance"}}
            kept |= {"le": str(float(kept["le"]))} if kept.get("le", "+Inf") != "+Inf" else {}
            found[name, tuple(sorted(kept.items()))] = value
    return found


def compare(before: Values, shown: Values, after: Values, precision: float = 0) -> None:
    """Compare what came through with two direct scrapes, one before and one after it left."""
    assert shown.keys() == before.keys() == after.keys()
    for (name, labels), value in shown.items():
        first, last = before[name, labels], after[name, labels]
        if name in GROWING:
            assert first * (1 - precision) <= value <= last * (1 + precision), name
        elif name in RESTLESS:
            assert value >= 0, name
        else:
            assert value == pytest.approx(first, rel=precision, abs=0), (name, labels)
            assert first == last, (name, labels)


def names_of_the_catalogue() -> set[str]:
    return {
        metric.name + suffix
        for metric in CATALOG.values()
        for suffix in (("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",))
    }


@pytest.fixture
def busy_bot(monkeypatch):
    """A function that makes a bot which has recorded something in every row, and what its script comes to."""
    monkeypatch.setattr(ProcessUsage, "SHORTEST_PERIOD", 1e-6)

    def make(endpoint: str, protocol: str) -> Telemetry:
        settings = Settings(
            otlp_endpoint=endpoint,
            otlp_protocol=protocol,
            export_interval=3600,
            resource_attributes={"service.instance.id": "bot-1"},
        )
        telemetry = Telemetry(settings)
        record_every_row(telemetry)
        return telemetry

    return make


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_every_row_of_the_catalogue_is_scraped_alike_from_the_bot_and_from_the_agent(tmp_path, busy_bot, protocol):
    """Names, labels less job and instance, values; histograms bucket by bucket; types, too."""
    with collecting(tmp_path / "agent", "agent.yaml", "agent-scrape-only.yaml") as agent:
        with busy_bot(agent.grpc if protocol == "grpc" else agent.http, protocol) as telemetry:
            before = scrape(telemetry)
            assert telemetry.flush(10) is Delivery.DELIVERED
            after, shown = scrape(telemetry), agent.scrape()
    assert names_of_the_catalogue() <= {name for name, _ in shown.values}
    compare(canonical(before.values), canonical(shown.values), canonical(after.values))
    assert {name: shown.types[name] for name in before.types if name in CATALOG} == {
        name: kind for name, kind in before.types.items() if name in CATALOG
    }
    assert {(dict(labels)["job"], dict(labels)["instance"]) for _, labels in shown.values} == {("gpt-trader", "bot-1")}


def test_what_a_script_recorded_is_what_the_agent_shows(tmp_path):
    """The conformance script, odd label values included, against its own arithmetic."""
    with collecting(tmp_path / "agent", "agent.yaml", "agent-scrape-only.yaml") as agent:
        with Telemetry(Settings(otlp_endpoint=agent.http)) as telemetry:
            expected = play(telemetry)
            assert telemetry.flush(10) is Delivery.DELIVERED
            direct, shown = scrape(telemetry, OPENMETRICS), agent.scrape()
    compare_scrape(Scrape(canonical(shown.values), shown.types), expected)
    assert canonical(shown.values).keys() == canonical(direct.values).keys()


@pytest.mark.parametrize(("store", "precision"), [("prometheus", 0), ("victoria-metrics", 1e-9)])
def test_every_row_of_the_catalogue_is_stored_alike_by_remote_write(tmp_path, busy_bot, store, precision):
    """The same through the gateway into real stores; VictoriaMetrics keeps values as decimals of fewer digits."""
    with (
        STORES[store](tmp_path) as stored,
        collecting(tmp_path / "gateway", "gateway.yaml", GPT_TRADER_REMOTE_WRITE=stored.remote_write) as gateway,
    ):
        with busy_bot(gateway.http, "http/protobuf") as telemetry:
            before = scrape(telemetry)
            assert telemetry.flush(10) is Delivery.DELIVERED, gateway.log
            after, count = scrape(telemetry), len(canonical(before.values))
            stored.show_at_once()
            wait_until(lambda: len(stored.values(EVERYTHING)) >= count, "all series")
            shown = canonical(stored.values(EVERYTHING))
    compare(canonical(before.values), shown, canonical(after.values), precision)
