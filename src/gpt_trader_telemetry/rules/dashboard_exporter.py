"""The rows of a bot's dashboard that the exporter alone fills."""

from typing import Final

from gpt_trader_telemetry.rules.exporters import DATA_OLD
from gpt_trader_telemetry.rules.panels import Kind, Panel, Query, Row
from gpt_trader_telemetry.rules.promql_series import prefixed
from gpt_trader_telemetry.rules.shown import grown
from gpt_trader_telemetry.thresholds import Limits

__all__ = ["machine_row", "reading_row"]

_RUNBOOK: Final = "exporter-not-reporting"
_DATA_LIMITS: Final = Limits(DATA_OLD / 2, DATA_OLD)
_WHO: Final = ("instance", "profile")
"""An exporter of one profile has no label for it."""
_NAMES: Final = "{{instance}} {{profile}}"


def machine_row() -> Row:
    """Return what the exporter alone knows."""
    sent, received = prefixed("network_sent_megabytes"), prefixed("network_received_megabytes")
    return Row(
        title="Machine and account limits, from the exporter",
        collapsed=True,
        panels=(
            Panel(
                title="Disk of the machine",
                answers="From the exporter: how full the bot's disk is, and how much that is.",
                unit="percent", width=8, height=7, lowest=0,
                queries=[
                    Query(prefixed("disk_percent"), "in use {{instance}}"),
                    Query(f"{prefixed('disk_used_gigabytes')} * 1e9", "in use {{instance}}", unit="decbytes"),
                ],
            ),
            Panel(
                title="Network of the machine",
                answers="From the exporter: what the bot's machine sends and receives.",
                unit="Bps", width=8, height=7,
                queries=[
                    Query(f"1e6 * rate({sent}[$__rate_interval])", "sent {{instance}}"),
                    Query(f"1e6 * rate({received}[$__rate_interval])", "received {{instance}}"),
                ],
            ),
            Panel(
                title="Limits of the account",
                answers="From the exporter: what the account's trading limit leaves, and its fee tier.",
                unit="currencyUSD", width=8, height=7,
                queries=[
                    Query(prefixed("account_limit_remaining"), "limit left {{instance}}"),
                    Query(prefixed("fee_tier"), "fee tier {{tier}} {{instance}}", unit="short"),
                ],
            ),
        ),
    )  # fmt: skip


def reading_row() -> Row:
    """Return whether the exporter reads all that the bot writes."""
    source = ", ".join([*_WHO, "source"])
    return Row(
        title="What the exporter reads",
        collapsed=True,
        panels=(
            Panel(
                title="Age of what was read",
                answers="From the exporter: how old the newest record of each file is. Red: the bot writes no more.",
                unit="s", width=12, lowest=0, limits=_DATA_LIMITS, runbook=_RUNBOOK,
                queries=[Query(f"max by ({source}) ({prefixed('source_age_seconds')})", f"{_NAMES} {{{{source}}}}")],
            ),
            Panel(
                title="Files that can be read",
                answers="From the exporter: denied, damaged, locked or gone is red; its log on standard error says "
                "which. What was read before goes on being shown.",
                kind=Kind.STATES, unit="short", width=6, runbook=_RUNBOOK,
                states={"0": ("unreadable", "red"), "1": ("readable", "green")},
                queries=[Query(f"min by ({source}) ({prefixed('source_readable')})", f"{_NAMES} {{{{source}}}}")],
            ),
            Panel(
                title="Caught up",
                answers="From the exporter: whether the log has been read to its end. While it has not, nothing that "
                "is counted is shown.",
                kind=Kind.STATES, unit="short", width=6, runbook=_RUNBOOK,
                states={"0": ("reading", "yellow"), "1": ("caught up", "green")},
                queries=[Query(f"min by ({', '.join(_WHO)}) ({prefixed('caught_up')})", _NAMES)],
            ),
            Panel(
                title="Records skipped",
                answers="From the exporter: records, and fields of records, that could not be used, and why. All else "
                "is counted; the reasons are in the exporter's documentation.",
                kind=Kind.BARS, unit="short", width=12, height=7, lowest=0, runbook=_RUNBOOK,
                queries=[Query(grown(prefixed("skipped_records_total"), "source", "reason"), "{{source}}: {{reason}}")],
            ),
            Panel(
                title="Logs begun anew",
                answers="From the exporter: how often another log took the place of the one read. It counts on from "
                "there: after a restored backup some events may be counted twice.",
                kind=Kind.BARS, unit="short", width=6, height=7, lowest=0, runbook=_RUNBOOK,
                queries=[Query(grown(prefixed("log_restarts_total"), *_WHO), _NAMES)],
            ),
            Panel(
                title="Symbols told apart",
                answers="From the exporter: symbols whose label another one has, as BTC_USD and BTC-USD. More than "
                "none: the bot writes one market in two ways, and the symbols' panels show it twice.",
                kind=Kind.STEPS, unit="short", width=6, height=7, lowest=0,
                queries=[Query(f"max by ({', '.join(_WHO)}) ({prefixed('symbol_collisions')})", _NAMES)],
            ),
        ),
    )  # fmt: skip
