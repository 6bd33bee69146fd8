"""The dashboards as Grafana gets them: whole, without holes, named, explained, and made from one place."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard

from gpt_trader_telemetry.catalog import CATALOG
from gpt_trader_telemetry.rules.dashboards import DASHBOARDS, dashboard_text
from gpt_trader_telemetry.rules.panels import Kind, Panel
from gpt_trader_telemetry.rules.promql_series import EXPORTED_HELP, named
from gpt_trader_telemetry.rules.site import Site
from gpt_trader_telemetry.thresholds import SIGNALS, Thresholds

ROOT = Path(__file__).parents[2]
DOCUMENTS = {kind.uid: json.loads(dashboard_text(kind, Site())) for kind in DASHBOARDS}
PANELS: list[Panel] = [panel for kind in DASHBOARDS for row in kind.rows(Site()) for panel in row.panels]
GRAFANAS_UNITS = {"short", "s", "ms", "percent", "percentunit", "currencyUSD", "decbytes", "Bps", "opm"}
"""Those in use; a name that Grafana does not know is shown as text behind the number."""

PLAYBOOK = {
    "Account equity": "timeseries", "PnL breakdown": "timeseries", "Exposure by symbol": "timeseries",
    "Circuit breaker": "state-timeline", "Cycle latency": "timeseries", "WebSocket reconnects": "timeseries",
    "Stale marks": "timeseries", "System resources": "timeseries",
}  # fmt: skip
"""The eight panels that operators were promised, and what they are."""


def everything(document: dict) -> list[dict]:
    """Return all panels and rows, those inside folded rows too."""
    return [inner for panel in document["panels"] for inner in (panel, *(panel.get("panels") or ()))]


@pytest.fixture(params=DOCUMENTS, ids=list(DOCUMENTS))
def document(request) -> dict:
    """Each dashboard."""
    return DOCUMENTS[request.param]


def test_the_committed_files_are_what_is_generated():
    """`gpt-trader-telemetry generate` would change nothing, and says the same each time it is asked."""
    folder = ROOT / "collector" / "grafana" / "dashboards"
    assert {path.stem for path in folder.glob("*.json")} == {kind.uid for kind in DASHBOARDS}
    for kind in DASHBOARDS:
        text = dashboard_text(kind, Site())
        assert (folder / f"{kind.uid}.json").read_text() == text == dashboard_text(kind, Site())


def test_grafanas_own_types_read_it_back_unchanged(document):
    """What the library of Grafana's types parses and writes again is the same."""
    again = json.loads(json.dumps(GrafanaDashboard.from_json(document), cls=JSONEncoder))
    assert again == document


def test_the_grid_has_neither_overlaps_nor_holes(document):
    """Lines are as wide as the grid, panels of a line are of one height, lines follow each other, folded ones too."""
    rows = [panel for panel in document["panels"] if panel["type"] == "row"]
    folded = [row["panels"] for row in rows if row["collapsed"]]
    for panels in (document["panels"], *folded):
        cells = [place(panel) for panel in panels]
        taken = [
            (x, y)
            for left, top, width, height in cells
            for x in range(left, left + width)
            for y in range(top, top + height)
        ]
        assert len(taken) == len(set(taken)), "two panels overlap"
        top, bottom = min(y for _, y in taken), max(y for _, y in taken)
        assert set(taken) == {(x, y) for x in range(24) for y in range(top, bottom + 1)}, "there is a hole"
        assert cells == sorted(cells, key=lambda cell: (cell[1], cell[0])), "not in reading order"
    for row in rows:
        if row["collapsed"]:
            assert min(place(panel)[1] for panel in row["panels"]) == place(row)[1] + 1
        else:
            assert row["panels"] == []
    collapsed = [row["collapsed"] for row in rows]
    assert all(after >= before for before, after in pairwise(collapsed)), "folded rows come last"


def place(panel: dict) -> tuple[int, int, int, int]:
    """Return a panel's left, top, width and height."""
    return tuple(panel["gridPos"][key] for key in "xywh")


def test_ids_and_titles_are_unique(document):
    """Links and overrides go by them."""
    panels = everything(document)
    assert len({panel["id"] for panel in panels}) == len(panels)
    titles = [panel["title"] for panel in panels]
    assert sorted(titles) == sorted(set(titles))
    for panel in panels:
        references = [target["refId"] for target in panel.get("targets", ())]
        assert sorted(set(references)) == references


def test_every_panel_has_a_unit_a_description_a_legend_and_the_chosen_source(document):
    """What the reader needs to know what is seen."""
    for panel in everything(document):
        if panel["type"] == "row":
            continue
        assert panel["fieldConfig"]["defaults"]["unit"] in GRAFANAS_UNITS
        assert len(panel["description"].splitlines()[0]) > 15
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["targets"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            named_or_one = panel["type"] in {"stat", "table"} or target["legendFormat"]
            assert named_or_one, f"{panel['title']} has no legend"


def test_legends_name_only_labels_that_the_query_keeps():
    """A label that was summed away is shown as nothing."""
    for panel in PANELS:
        for query in panel.queries:
            shown, _, _left_out = query.expression.partition(" unless on ")
            by = re.search(r"\bby \(([^)]*)\)", shown)
            wanted = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
            if by and wanted:
                assert wanted <= set(re.split(r",\s*", by[1])), f"{panel.title}: {query.legend}"


def test_descriptions_are_the_catalogues():
    """One place for one fact: the help text of each metric that is shown."""
    for panel in PANELS:
        assert panel.metrics or panel.title == "Minimum", panel.title
        for name, text in panel.metrics.items():
            assert f"- `{name}`: {text}" in panel.description
            if name in CATALOG:
                assert text == CATALOG[name].help


def test_every_metric_of_the_catalogue_and_of_the_exporter_is_on_a_panel():
    """Nothing is measured that nobody can look at."""
    shown = {name for panel in PANELS for query in panel.queries for name, _ in named(query.expression)}
    assert set(CATALOG) - shown == set()
    assert {f"coinbase_trader_{suffix}" for suffix in EXPORTED_HELP} - shown == set()


def test_the_playbooks_eight_panels_are_in_sight():
    """On the bot's dashboard, in rows that are open."""
    open_panels = {panel["title"]: panel for panel in DOCUMENTS["gpt-trader-bot"]["panels"]}
    assert {title: open_panels[title]["type"] for title in PLAYBOOK} == PLAYBOOK
    assert open_panels["Exposure by symbol"]["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    steps = open_panels["Cycle latency"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 1, 3]
    assert len(open_panels["PnL breakdown"]["targets"]) == 4


def test_limits_in_milliseconds_are_drawn_in_seconds():
    """Where the histogram is in seconds; the signal's own panel keeps its unit."""
    drawn = {
        panel["title"]: [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        for panel in everything(DOCUMENTS["gpt-trader-bot"])
        if panel["type"] != "row"
    }
    assert drawn["Broker latency p95"] == drawn["Submit p95"] == [None, 1, 3]
    assert drawn["Signal: broker latency p95"] == [None, 1000, 3000]
    assert drawn["Order errors"] == drawn["Order error ratio"] == [None, 0.05, 0.15]


def test_another_window_is_asked_for_and_spoken_of():
    """What stands beside a signal looks as far back as the signal does, in its query, its title and its words."""
    for kind in DASHBOARDS:
        text, usual = (
            dashboard_text(kind, Site(thresholds=each)) for each in (Thresholds(window_seconds=120), Thresholds())
        )
        spans = set(re.findall(r"(?:increase|rate)\([^\[\]]*\[(.+?)\]\)", text))
        assert spans == {"2m", "$__rate_interval"}
        assert not re.search(r"five minutes|5 min|Orders in 5m", text)
        assert text == usual.replace("[5m]", "[2m]").replace("5 minutes", "2 minutes").replace("in 5m", "in 2m")


def test_every_signal_is_shown_against_its_own_limits():
    """And other thresholds make another dashboard."""
    for thresholds in (Thresholds(), Thresholds(order_error_rate_warn=0.01, guard_trip_count_crit=77)):
        text = json.loads(dashboard_text(DASHBOARDS[0], Site(thresholds=thresholds)))
        for signal in SIGNALS:
            (panel,) = [one for one in everything(text) if f"The signal {signal}," in one.get("description", "")]
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            assert [step["value"] for step in steps] == [None, *thresholds.limits(signal)]


def test_runbooks_that_are_linked_exist():
    """Each link ends in a heading of the runbooks."""
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbooks.md").read_text(), flags=re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert {panel.runbook for panel in PANELS if panel.runbook} - anchors == set()


def test_a_table_has_a_column_for_each_query():
    """They are joined by their order."""
    tables = [panel for panel in PANELS if panel.kind is Kind.TABLE]
    assert tables
    for panel in tables:
        assert len(panel.columns) == len(panel.queries) <= 26
