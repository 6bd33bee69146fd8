"""The Prometheus road: one valid answer from our own series and from instruments that users made.

Our cells are rendered here. Instruments on a MeterProvider go through OpenTelemetry's own Prometheus reader in
a registry of ours; it is not safe under concurrent scrapes, so one scrape is made at a time.
"""

import io
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.samples import Sample

from gpt_trader_telemetry.catalog import Kind
from gpt_trader_telemetry.pipeline.exposition import (
    END,
    OPENMETRICS,
    LabelTexts,
    header,
    negotiate,
    samples,
    target_info,
)
from gpt_trader_telemetry.pipeline.patient import Patient
from gpt_trader_telemetry.recording.bound import BoundRecorder, Collected
from gpt_trader_telemetry.recording.recorder import Faults


class PrometheusRoad:
    """Answers scrapes."""

    def __init__(
        self, faults: Faults, recorder: BoundRecorder | None = None, *, resource: Mapping[str, Any] | None = None
    ) -> None:
        self._faults = faults
        self._recorder = recorder
        self._resource = resource
        self._registry = CollectorRegistry()
        # Where the resource is not ours to tell, the stock reader knows it.
        self.reader = PrometheusMetricReader(
            disable_target_info=resource is not None, scope_info_enabled=False, registry=self._registry
        )
        """The reader for a MeterProvider's instruments; to be registered with that provider."""
        self._users: Patient[list[Family]] = Patient("instruments of the MeterProvider", self._collect, [], faults)
        self.has_instruments = False
        """Whether anybody may have made instruments on the MeterProvider."""
        self._lock = threading.Lock()
        self._label_texts = LabelTexts()

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """Return the content type and the text of one consistent snapshot."""
        content_type = negotiate(accept)
        openmetrics = content_type == OPENMETRICS
        with self._lock:
            others = list(self._users()) if self.has_instruments else []
            # Written series by series: an answer of many megabytes is in memory once, and its pieces never are.
            body = io.BytesIO()
            for part in self._ours(others, openmetrics=openmetrics):
                body.write(part.encode("utf-8", "replace"))
        body.write(_text_of(others, openmetrics=openmetrics).encode("utf-8", "replace"))
        if self._resource is not None:
            body.write(target_info(self._resource, openmetrics=openmetrics).encode("utf-8", "replace"))
        if openmetrics:
            body.write(END.encode())
        return content_type, body.getvalue()

    def _ours(self, others: list[Family], *, openmetrics: bool) -> Iterator[str]:
        if self._recorder is None:
            return
        with self._recorder.collected() as families:
            taken = {family.metric.name for family in families if family.metric.kind is not Kind.COUNTER}
            _drop_collisions(others, families, self._faults)
            for family in families:
                begun = False
                for part in samples(family, self._label_texts, openmetrics=openmetrics):
                    if not begun:
                        begun = True
                        yield header(family.metric, openmetrics=openmetrics, taken=taken)
                    yield part

    def _collect(self) -> list[Family]:
        return list(self._registry.collect())

    def reset_after_fork(self, resource: Mapping[str, Any] | None = None) -> None:
        """Replace a lock that another thread may have held when the process forked, and tell who we are now."""
        self._lock = threading.Lock()
        self._resource = resource


def _drop_collisions(others: list[Family], families: Iterable[Collected], faults: Faults) -> None:
    """Drop user-made families with a name of ours or of one before: twice the same series is an invalid answer."""
    taken = {"target", "target_info"}
    for family in families:
        taken |= {family.metric.name, family.metric.name.removesuffix("_total")}
        if family.metric.kind is Kind.HISTOGRAM:
            taken |= {family.metric.name + suffix for suffix in ("_bucket", "_count", "_sum")}
    for other in list(others):
        # A gauge and a counter may share a family's name: they are told apart when they are written.
        own = {other.name + ("_total" if other.type == "counter" else "")} | {item.name for item in other.samples}
        if own & taken or other.name + "_total" in taken:
            others.remove(other)
            faults.note("pipeline", f"an instrument named {other.name} collides with another metric")
        else:
            taken |= own


def _text_of(families: list[Family], *, openmetrics: bool) -> str:
    if not families:
        return ""
    if not openmetrics:
        return str(generate_text(_Families(families)), "utf-8")
    names = {family.name for family in families if family.type != "counter"}
    unclashed = [
        _as_unknown(family) if family.type == "counter" and family.name in names else family for family in families
    ]
    text: bytes = generate_openmetrics(_Families(unclashed))  # type: ignore[no-untyped-call]
    return text.decode().removesuffix(END)


def _as_unknown(counter: Family) -> Family:
    """Return a counter whose family name is taken by another family as unknown under its full name."""
    unknown = Family(counter.name + "_total", counter.documentation, "unknown")
    unknown.samples = [Sample(*sample) for sample in counter.samples if sample.name == unknown.name]
    return unknown


class _Families:
    """What prometheus_client's renderers take for a registry."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> list[Family]:
        return self._families
