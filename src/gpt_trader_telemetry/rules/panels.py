"""Panels as plain data, and how each becomes one of Grafana's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from string import ascii_uppercase
from typing import Any, Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from gpt_trader_telemetry.rules.promql_series import named
from gpt_trader_telemetry.thresholds import Limits

__all__ = ["Column", "Kind", "Panel", "Query", "Row", "grafana_panel"]

WIDTH: Final = 24
"""Columns of Grafana's grid."""
DATASOURCE: Final = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
RUNBOOKS: Final = "${runbooks}"
"""The variable with the address under which the runbooks are published."""

_GREEN, _YELLOW, _RED, _GREY = "green", "yellow", "red", "text"

_RESULTS: Final = {
    r"/^(success|ok)$|checks ok/": _GREEN,
    r"/^rejected$/": "orange",
    r"/^(failed|failure|error)$|checks error/": _RED,
}
"""Results have their own colours, wherever they are shown by themselves."""


class Kind(Enum):
    """How values are drawn."""

    LINES = "lines"
    BARS = "bars"
    STACKED = "stacked"
    STEPS = "steps"
    NUMBER = "number"
    STATES = "states"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and what its series are called."""

    expression: str
    legend: str = ""
    unit: str = ""
    """Where it is another than the panel's: then it has the right axis."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the label or query that it shows, and how."""

    title: str
    unit: str = "short"
    limits: Limits | None = None
    states: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: the question that it answers, and from what."""

    title: str
    answers: str
    """What it tells, and when to worry."""
    kind: Kind = Kind.LINES
    unit: str
    """Grafana's name of it."""
    queries: Sequence[Query]
    width: int
    height: int = 8
    limits: Limits | None = None
    """Above the first it is yellow, above the second red."""
    states: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """What values mean: (word, colour) by value."""
    runbook: str = ""
    """A section of docs/runbooks.md."""
    lowest: float | None = None
    highest: float | None = None
    columns: Sequence[Column] = ()
    """Of a table, one for each query in their order, after that of the bot."""

    @property
    def metrics(self) -> dict[str, str]:
        """The metrics that its queries name, with their help."""
        return {name: text for query in self.queries for name, text in named(query.expression)}

    @property
    def description(self) -> str:
        """What Grafana shows at the panel's corner."""
        lines = [f"- `{name}`: {text}" for name, text in self.metrics.items()]
        return "\n".join([self.answers, "", *lines])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels below a heading; with no title, those at the top."""

    title: str = ""
    panels: Sequence[Panel]
    collapsed: bool = False


def grafana_panel(panel: Panel, number: int, x: int, y: int) -> Any:
    """Return the builder of a panel at its place."""
    made = _MAKERS[panel.kind](panel)
    made = (
        made.id(number)
        .title(panel.title)
        .description(panel.description)
        .datasource(DATASOURCE)
        .grid_pos(dashboard.GridPos(h=panel.height, w=panel.width, x=x, y=y))
        .unit(panel.unit)
        .targets([_target(panel, index, query) for index, query in enumerate(panel.queries)])
    )
    if panel.lowest is not None:
        made = made.min(panel.lowest)
    if panel.highest is not None:
        made = made.max(panel.highest)
    if panel.states:
        made = made.mappings([_mapping(panel.states)])
    if panel.runbook:
        url = f"{RUNBOOKS}#{panel.runbook}"
        made = made.links([build.DashboardLink("What to do").type(dashboard.DashboardLinkType.LINK).url(url)])
    return made


def _target(panel: Panel, index: int, query: Query) -> prometheus.Dataquery:
    made = prometheus.Dataquery().ref_id(ascii_uppercase[index]).expr(query.expression).datasource(DATASOURCE)
    if panel.kind is Kind.TABLE:
        return made.instant().format(PromQueryFormat.TABLE)
    made = made.legend_format(query.legend)
    return made.instant() if panel.kind is Kind.NUMBER else made.range()


def _lines(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
        )
        .line_width(1)
        .fill_opacity(8)
        .show_points(common.VisibilityMode.AUTO)
        .span_nulls(False)
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC))
        .thresholds(_thresholds(panel.limits))
    )
    if panel.limits is not None:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        made = made.thresholds_style(style).axis_soft_max(panel.limits.crit * 1.1)
    if any("{{result}}" in query.legend or "{{outcome}}" in query.legend for query in panel.queries):
        for words, colour in _RESULTS.items():
            fixed = {"mode": "fixed", "fixedColor": colour}
            made = made.override_by_regexp(words, [dashboard.DynamicConfigValue(id_val="color", value=fixed)])
    return _on_the_right(made, panel)


def _on_the_right(made: timeseries.Panel, panel: Panel) -> timeseries.Panel:
    for index, query in enumerate(panel.queries):
        if query.unit:
            properties = [
                dashboard.DynamicConfigValue(id_val="unit", value=query.unit),
                dashboard.DynamicConfigValue(id_val="custom.axisPlacement", value="right"),
            ]
            made = made.override_by_query(ascii_uppercase[index], properties)
    return made


def _bars(panel: Panel) -> timeseries.Panel:
    return _stack(_lines(panel)).draw_style(common.GraphDrawStyle.BARS).line_width(0).fill_opacity(80)


def _stacked(panel: Panel) -> timeseries.Panel:
    return _stack(_lines(panel)).fill_opacity(40)


def _stack(made: timeseries.Panel) -> timeseries.Panel:
    return made.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))


def _steps(panel: Panel) -> timeseries.Panel:
    return _lines(panel).line_interpolation(common.LineInterpolation.STEP_AFTER)


def _number(panel: Panel) -> stat.Panel:
    coloured = panel.limits is not None or panel.states
    return (
        stat.Panel()
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(common.BigValueColorMode.BACKGROUND if coloured else common.BigValueColorMode.NONE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .thresholds(_thresholds(panel.limits))
        .no_value("no data")
    )


def _states(panel: Panel) -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(common.VisibilityMode.AUTO)
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(75)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .thresholds(_thresholds(panel.limits))
    )


def _table(panel: Panel) -> table.Panel:
    """One line for each bot: the queries joined by their ``instance``."""
    names = {f"Value #{ascii_uppercase[index]}": column.title for index, column in enumerate(panel.columns)}
    hidden = {"Time": True, "__name__": True, **{f"Time {number}": True for number in range(1, 27)}}
    made = (
        table.Panel()
        .with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            dashboard.DataTransformerConfig(
                id_val="organize",
                options={"excludeByName": hidden, "renameByName": {"instance": "Bot", "job": "Job", **names}},
            )
        )
        .override_by_name(
            "Bot",
            [
                dashboard.DynamicConfigValue(
                    id_val="links",
                    value=[
                        {
                            "title": "Open this bot",
                            "url": "/d/gpt-trader-bot?${datasource:queryparam}&${prefix:queryparam}"
                            "&var-job=${__data.fields.Job}&var-instance=${__value.raw}&${__url_time_range}",
                        }
                    ],
                )
            ],
        )
    )
    for column in panel.columns:
        made = made.override_by_name(column.title, _column(column))
    return made


def _column(column: Column) -> list[dashboard.DynamicConfigValue]:
    properties = [dashboard.DynamicConfigValue(id_val="unit", value=column.unit)]
    if column.limits is not None:
        steps = _thresholds(column.limits).build()
        properties.append(dashboard.DynamicConfigValue(id_val="thresholds", value=steps))
    if column.states:
        properties.append(dashboard.DynamicConfigValue(id_val="mappings", value=[_mapping(column.states)]))
    if column.limits is not None or column.states:
        cell = {"type": "color-background", "mode": "basic"}
        properties.append(dashboard.DynamicConfigValue(id_val="custom.cellOptions", value=cell))
    return properties


def _thresholds(limits: Limits | None) -> build.ThresholdsConfig:
    steps = [dashboard.Threshold(value=None, color=_GREEN if limits is not None else _GREY)]
    if limits is not None:
        steps.append(dashboard.Threshold(value=limits.warn, color=_YELLOW))
        steps.append(dashboard.Threshold(value=limits.crit, color=_RED))
    return build.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _mapping(states: Mapping[str, tuple[str, str]]) -> dashboard.ValueMap:
    return dashboard.ValueMap(
        {
            value: dashboard.ValueMappingResult(text=word, color=colour, index=index)
            for index, (value, (word, colour)) in enumerate(states.items())
        }
    )


_MAKERS: Final[Mapping[Kind, Any]] = {
    Kind.LINES: _lines,
    Kind.BARS: _bars,
    Kind.STACKED: _stacked,
    Kind.STEPS: _steps,
    Kind.NUMBER: _number,
    Kind.STATES: _states,
    Kind.TABLE: _table,
}
