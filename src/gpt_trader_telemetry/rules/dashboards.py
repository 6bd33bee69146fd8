"""Dashboards put together from their rows, as Grafana loads them."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from gpt_trader_telemetry.rules.dashboard_bot import bot_rows
from gpt_trader_telemetry.rules.dashboard_fleet import fleet_rows
from gpt_trader_telemetry.rules.panels import DATASOURCE, WIDTH, Panel, Row, grafana_panel
from gpt_trader_telemetry.rules.shown import placed_at
from gpt_trader_telemetry.rules.site import Site
from gpt_trader_telemetry.thresholds import Thresholds

__all__ = ["DASHBOARDS", "Dashboard", "dashboard_text"]

_ALIVE: Final = (
    '{__name__=~"gpt_trader_telemetry_heartbeat_timestamp_seconds|.+_trader_metrics_timestamp_seconds'
    '|${prefix}_metrics_timestamp_seconds"}'
)
"""A series that every bot and every exporter has."""
_PREFIXES: Final = ("gpt_trader", "coinbase_trader")
_TAG: Final = "gpt-trader"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What makes one: its rows come from the thresholds."""

    uid: str
    title: str
    about: str
    made_of: Callable[[Thresholds], Sequence[Row]]
    one_bot: bool
    """Whether the reader chooses instances; else all of a job are shown."""

    def rows(self, site: Site) -> Sequence[Row]:
        """Return its rows as they are at a site."""
        return [placed_at(row, site) for row in self.made_of(site.thresholds)]


DASHBOARDS: Final = (
    Dashboard(
        "gpt-trader-bot",
        "GPT-Trader bot",
        "One bot, or some, from account to telemetry: what the bot itself tells, or what the exporter reads from its "
        "files (choose the prefix).",
        bot_rows,
        one_bot=True,
    ),
    Dashboard(
        "gpt-trader-fleet",
        "GPT-Trader fleet",
        "Every bot on one screen: who is silent, who is in trouble, and what all of them do together.",
        fleet_rows,
        one_bot=False,
    ),
)
"""Every dashboard, in the order in which the documentation lists them."""


def dashboard_text(kind: Dashboard, site: Site) -> str:
    """Return the JSON that Grafana loads, the same at every call."""
    made = (
        build.Dashboard(kind.title)
        .uid(kind.uid)
        .description(kind.about)
        .tags([_TAG])
        .editable()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("browser")
        .variables(_variables(kind, site))
        .links([_others(), _runbooks()])
    )
    made = _placed(made, kind.rows(site))
    return json.dumps(made.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def lines_of(panels: Iterable[Panel]) -> list[list[Panel]]:
    """Return panels line by line, as many as go into the grid's width."""
    lines: list[list[Panel]] = [[]]
    for panel in panels:
        if sum(other.width for other in lines[-1]) + panel.width > WIDTH:
            lines.append([])
        lines[-1].append(panel)
    return lines


def _placed(made: build.Dashboard, rows: Sequence[Row]) -> build.Dashboard:
    number, y = 0, 0
    for row in rows:
        heading = None
        if row.title:
            number += 1
            place = dashboard.GridPos(h=1, w=WIDTH, x=0, y=y)
            heading = build.Row(row.title).id(number).collapsed(row.collapsed).grid_pos(place)
            y += 1
        panels, below = [], y
        for line in lines_of(row.panels):
            x = 0
            for panel in line:
                number += 1
                panels.append(grafana_panel(panel, number, x, below))
                x += panel.width
            below += max(panel.height for panel in line)
        if heading is not None and row.collapsed:
            # What is folded away takes no room: the next heading follows at once.
            for panel in panels:
                heading = heading.with_panel(panel)
            made = made.with_row(heading)
            continue
        made = made if heading is None else made.with_row(heading)
        for panel in panels:
            made = made.with_panel(panel)
        y = below
    return made


def _variables(kind: Dashboard, site: Site) -> list[Any]:
    chosen = _query("job", "Job", f"label_values({_ALIVE}, job)")
    instance = _query("instance", "Bot", f'label_values({_ALIVE.removesuffix("}")},job=~"$job"}}, instance)')
    return [
        build.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        build.CustomVariable("prefix")
        .label("Prefix")
        .description(
            "gpt_trader is what bots tell themselves; the others are exporters'. Type another if yours has one."
        )
        .values(",".join(_PREFIXES))
        .current(dashboard.VariableOption(text=_PREFIXES[0], value=_PREFIXES[0], selected=True))
        .allow_custom_value(True),
        chosen,
        *([instance] if kind.one_bot else []),
        build.TextBoxVariable("runbooks")
        .label("Runbooks")
        .description("Where docs/runbooks.md is published: the links to runbooks begin with it.")
        .default_value(site.runbooks),
    ]


def _query(name: str, label: str, query: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": query, "refId": f"variable-{name}"})
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(dashboard.VariableOption(text="All", value="$__all", selected=True))
    )


def _others() -> build.DashboardLink:
    return (
        build.DashboardLink("GPT-Trader")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .keep_time(True)
        .include_vars(True)
    )


def _runbooks() -> build.DashboardLink:
    return build.DashboardLink("Runbooks").type(dashboard.DashboardLinkType.LINK).url("${runbooks}").icon("doc")
