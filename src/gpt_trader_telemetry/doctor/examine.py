"""The whole walk, in the order in which data flows."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from gpt_trader_telemetry.doctor.asking import Trouble
from gpt_trader_telemetry.doctor.bot import examine_bot, scrape
from gpt_trader_telemetry.doctor.exporter import examine_exporter
from gpt_trader_telemetry.doctor.files import examine_files
from gpt_trader_telemetry.doctor.finding import Finding, problem
from gpt_trader_telemetry.doctor.otlp import examine_collector
from gpt_trader_telemetry.doctor.plan import Plan
from gpt_trader_telemetry.doctor.prometheus import examine_alertmanager, examine_prometheus
from gpt_trader_telemetry.doctor.variables import examine_variables
from gpt_trader_telemetry.settings import Settings

__all__ = ["examine"]


def examine(plan: Plan) -> Iterator[Finding]:
    """Yield what is found, each as soon as it is known."""
    settings, said = examine_variables(plan.variables)
    walks: tuple[tuple[str, Iterable[Finding]], ...] = (
        ("Settings", said),
        ("Bot", examine_bot(plan, partial(_other_road, plan, settings))),
        ("Files", examine_files(plan)),
        ("Exporter", examine_exporter(plan)),
        ("Collector", examine_collector(plan, settings)),
        ("Prometheus", examine_prometheus(plan, settings)),
        ("Alertmanager", examine_alertmanager(plan)),
    )
    for area, findings in walks:
        for finding in _to_its_end(findings):
            yield replace(finding, area=area)


def _other_road(plan: Plan, settings: Settings | None) -> str:
    """Return how the metrics of a bot leave that is not meant to serve them itself."""
    if settings is None or settings.health_server_enabled:
        return ""
    if settings.exports_otlp:
        return "the bot ships over OTLP"
    try:
        scrape(plan, plan.exporter)
    except Trouble:
        return ""
    return "the exporter serves what the bot writes"


def _to_its_end(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Hand on what an area finds; a server that answers what nobody foresaw does not hide the areas after it."""
    try:
        yield from findings
    except Exception as error:
        said = f"what is there cannot be understood ({type(error).__name__})"
        yield problem("answer", said, "look what listens there, and its version")
