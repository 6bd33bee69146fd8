"""Scraping a Telemetry and parsing what it answers, strictly, in either format."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Scrape:
    """One parsed answer: a value for each sample name and label set, and a type for each family."""

    values: dict[tuple[str, Labels], float]
    types: dict[str, str]

    def value(self, name: str, /, **labels: str) -> float | None:
        """Return the sample with exactly these labels, or None where there is none."""
        return self.values.get((name, tuple(sorted(labels.items()))))

    def total(self, name: str, /, **labels: str) -> float:
        """Return the sum of the samples that have these labels among theirs."""
        wanted = set(labels.items())
        return sum(value for (sample, found), value in self.values.items() if sample == name and wanted <= set(found))

    def label_sets(self, name: str) -> list[dict[str, str]]:
        """Return the label sets under which a sample stands."""
        return [dict(labels) for sample, labels in self.values if sample == name]


def parse(text: str) -> Scrape:
    """Parse an answer in the format that it is in; a sample that stands twice is an error."""
    families: Iterable = parse_openmetrics(text) if text.rstrip().endswith("# EOF") else parse_text(text)
    values: dict[tuple[str, Labels], float] = {}
    types: dict[str, str] = {}
    for family in families:
        # The text parser takes `_total` off a counter's name, the exposition itself does not.
        name = family.name + "_total" if family.type == "counter" else family.name
        assert name not in types, f"family {name} stands twice"
        types[name] = family.type
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in values, f"sample {key} stands twice"
            values[key] = sample.value
    return Scrape(values, types)


def scrape(telemetry, accept: str = TEXT) -> Scrape:
    """Render and parse what ``/metrics`` would answer."""
    return parse(telemetry.metrics_text(accept))
