"""The bot's own listener: whether it is there, whether it serves metrics, which, and whether they move."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from gpt_trader_telemetry.doctor.asking import Answer, Trouble, ask, shown
from gpt_trader_telemetry.doctor.finding import Finding, ok, printable, problem, skipped, warning
from gpt_trader_telemetry.doctor.plan import Plan, Server, spoken
from gpt_trader_telemetry.doctor.series import GROUPS, Scraped, read_scrape

__all__ = ["examine_bot", "scrape"]

_TOKEN: Final = "--token-file, or GPT_TRADER_HEALTH_TOKEN_FILE, names the file with the bot's bearer token"  # noqa: S105
_HINT: Final = "set GPT_TRADER_METRICS_ENDPOINT_ENABLED=1 in the bot's environment and start it again"
_LISTEN: Final = (
    "start the bot with GPT_TRADER_HEALTH_SERVER_ENABLED=1; --url says where it serves (GPT_TRADER_HEALTH_PORT), and "
    "what listens on this machine: ss -ltnp"
)


def examine_bot(plan: Plan, other_road: Callable[[], str] = str) -> Iterator[Finding]:
    """Walk from the port to the series.

    ``other_road`` says how metrics leave where nobody listens, and need not; it is empty where somebody should.
    """
    try:
        answer = _get(plan, "/health")
    except Trouble as trouble:
        other = other_road() if trouble.nobody_listens and not plan.bot.given else ""
        if other:
            yield skipped("endpoint", f"nobody listens at {shown(plan.bot.url)}, and need not: {other}")
            return
        yield problem(
            "endpoint", f"{shown(plan.bot.url)}: {trouble.said}", _LISTEN if trouble.nobody_listens else trouble.do
        )
        yield skipped("metrics", "nothing answers")
        return
    yield from _health(plan, answer)
    if answer.status in {401, 403}:
        yield skipped("metrics", "the bot refuses to answer")
        return
    yield from _metrics(plan)


def scrape(plan: Plan, server: Server) -> Scraped:
    """Scrape a server; raise Trouble where there is nothing to parse."""
    answer = ask(
        server.url, "/metrics", seconds=plan.timeout, tls=plan.tls,
        headers={"Accept": "text/plain;version=0.0.4", **(plan.headers if server is plan.bot else {})},
    )  # fmt: skip
    if answer.status != 200:  # noqa: PLR2004
        raise Trouble(f"/metrics answers {_status(answer)}", _remedy(answer))
    try:
        return read_scrape(answer.body)
    except ValueError as error:
        raise Trouble(f"/metrics: {error}", "look who listens there: it is nothing of ours") from None


def _get(plan: Plan, path: str) -> Answer:
    return ask(plan.bot.url, path, seconds=plan.timeout, tls=plan.tls, headers=plan.headers)


def _health(plan: Plan, answer: Answer) -> Iterator[Finding]:
    where = shown(plan.bot.url)
    word, reason = answer.field("status"), printable(answer.field("reason") or "no reason given")
    if answer.status in {401, 403}:
        what = "refuses the token" if plan.token else "wants a token"
        yield problem("endpoint", f"{where} {what} (HTTP {answer.status})", _TOKEN)
        return
    if word not in {"healthy", "degraded", "starting", "unhealthy"}:
        yield warning(
            "endpoint", f"{where} answers, but /health says nothing that a bot of ours says ({_status(answer)})",
            "is this the bot's address, its prefix included? see --url",
        )  # fmt: skip
        return
    yield ok("endpoint", f"{where} answers")
    explain = f"curl {where}/health/explain says why, and docs/runbooks.md what to do"
    why = f"{reason}{_named(answer)}"
    if word == "healthy":
        yield ok("health", f"healthy: {why}")
    elif word == "unhealthy":
        yield problem("health", f"unhealthy: {why}", explain)
    else:
        yield warning("health", f"{word}: {why}", explain if word == "degraded" else "wait, or see what it waits for")


def _named(answer: Answer) -> str:
    """Return the signals that are not well, by name."""
    said = answer.field("signals")
    signals = said.get("signals") if isinstance(said, dict) else None
    bad = [
        f"{one.get('name')} {one.get('status')}"
        for one in (signals if isinstance(signals, list) else ())
        if isinstance(one, dict) and one.get("status") in {"WARN", "CRIT"}
    ]
    return f" ({printable(', '.join(bad))})" if bad else ""


def _metrics(plan: Plan) -> Iterator[Finding]:
    try:
        begun = time.monotonic()
        first = scrape(plan, plan.bot)
        took = time.monotonic() - begun
    except Trouble as trouble:
        yield problem("metrics", trouble.said, trouble.do)
        return
    yield ok("metrics", f"/metrics serves {len(first.samples)} series in {1000 * took:.0f} ms")
    yield from _series(first)
    plan.sleep(plan.wait)
    try:
        yield _movement(plan, first, scrape(plan, plan.bot))
    except Trouble as trouble:
        yield problem("movement", f"the second scrape failed: {trouble.said}", trouble.do)
    yield from _faults(first)


def _series(scraped: Scraped) -> Iterator[Finding]:
    there, optional = [], []
    for group in GROUPS:
        missing = [metric.name for metric in group.metrics if not scraped.has(metric)]
        if not missing:
            there.append(group.name)
        elif not group.usual:
            optional.append(group.name)
        else:
            made = problem if group is GROUPS[0] else warning
            yield made("series", f"{group.name}: {', '.join(missing)} missing", group.emitted_by)
    if there:
        yield ok("series", f"there: {', '.join(there)}")
    if optional:
        yield skipped("series", f"not emitted, as a bot may: {', '.join(optional)}")


def _movement(plan: Plan, first: Scraped, second: Scraped) -> Finding:
    moved = second.moved_since(first)
    if moved:
        shorter = ", ".join(name.removeprefix("gpt_trader_") for name in moved[:3])
        more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""  # noqa: PLR2004
        return ok("movement", f"in {spoken(plan.wait)} these grew: {shorter}{more}")
    return warning(
        "movement", f"no counter grew in {spoken(plan.wait)}: the bot does nothing, or nothing that is decorated",
        "ask with a --wait longer than a trading cycle; then look into the bot's log",
    )  # fmt: skip


def _faults(scraped: Scraped) -> Iterator[Finding]:
    for name, what, remedy in (
        (
            "gpt_trader_telemetry_errors_total",
            "errors inside the telemetry were kept away from the bot",
            'the bot\'s log tells each once (logger "gpt_trader_telemetry")',
        ),
        (
            "gpt_trader_telemetry_export_failures_total",
            "exports over OTLP were not delivered",
            "see the Collector below, and the bot's log",
        ),
    ):
        counts = {labels: value for (found, labels), value in scraped.samples.items() if found == name and value}
        if counts:
            by = ", ".join(f"{dict(labels).popitem()[1]} {value:g}" for labels, value in counts.items())
            yield warning("own errors", f"{what} since it started: {printable(by)}", remedy)


def _status(answer: Answer) -> str:
    error = answer.field("error")
    return f"HTTP {answer.status}" + (f", {printable(error)}" if isinstance(error, str) else "")


def _remedy(answer: Answer) -> str:
    if answer.status in {401, 403}:
        return _TOKEN
    hint = answer.field("hint")
    if answer.status == 404:  # noqa: PLR2004
        return _HINT if "GPT_TRADER_METRICS" in str(hint) else printable(hint or "is the address right?")
    return printable(hint or "look into that server's log")
