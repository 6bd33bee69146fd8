"""The exporter beside the bot: whether it is there, and serves what the bot wrote."""

from collections.abc import Iterator

from gpt_trader_telemetry.doctor.asking import Trouble, shown
from gpt_trader_telemetry.doctor.bot import scrape
from gpt_trader_telemetry.doctor.finding import Finding, ok, problem, skipped, warning
from gpt_trader_telemetry.doctor.plan import LIVELY_SECONDS, Plan, spoken
from gpt_trader_telemetry.doctor.series import EXPORTED, Scraped

__all__ = ["examine_exporter"]


def examine_exporter(plan: Plan) -> Iterator[Finding]:
    """Walk from the port to the age of what is served."""
    where = shown(plan.exporter.url)
    try:
        scraped = scrape(plan, plan.exporter)
    except Trouble as trouble:
        if trouble.nobody_listens and not plan.exporter.given:
            yield skipped("endpoint", f"nobody listens at {where}; --exporter names another address")
        else:
            yield problem("endpoint", f"{where}: {trouble.said}", trouble.do)
        return
    prefix = plan.variables.get("COINBASE_TRADER_METRIC_PREFIX", "").strip() or "coinbase_trader"
    missing = [name for name in EXPORTED if f"{prefix}_{name}" not in scraped.names]
    if len(missing) == len(EXPORTED):
        yield problem(
            "series", f"{where} serves {len(scraped.names)} metrics, none of them {prefix}_...", _what_to_do(scraped)
        )
        return
    yield ok("endpoint", f"{where} serves {len(scraped.samples)} series")
    if missing:
        yield warning(
            "series", f"missing: {', '.join(missing)}",
            "the bot has not written them yet: let it run a cycle, and see the files below",
        )  # fmt: skip
    yield from _age(plan, scraped.first(f"{prefix}_metrics_timestamp_seconds"))


def _what_to_do(scraped: Scraped) -> str:
    suffix = "_metrics_timestamp_seconds"
    found = next((name.removesuffix(suffix) for name in sorted(scraped.names) if name.endswith(suffix)), None)
    if found:
        return f"its prefix is {found}: set COINBASE_TRADER_METRIC_PREFIX alike on both sides"
    return "let the bot run at least one cycle, and see whether the exporter may read its files"


def _age(plan: Plan, written: float | None) -> Iterator[Finding]:
    if written is None:
        return
    age = plan.now() - written
    if age > LIVELY_SECONDS:
        yield problem(
            "age",
            f"what it serves was written {spoken(age)} ago",
            "does the bot run, with this runtime root and profile?",
        )
    else:
        yield ok("age", f"what it serves was written {spoken(age)} ago")
