"""Series that the documents name exist, with the labels and values that they are shown with."""

import re
from pathlib import Path

import pytest

from documents.pages import ROOT, documents
from gpt_trader_telemetry.catalog import CATALOG

OWN = {"gpt_trader_slippage_bps", "gpt_trader_signals_total"}
"""What the pages record as examples of a metric of one's own."""
NAME = re.compile(r"\bgpt_trader_(?!telemetry\b)[a-z0-9_]*[a-z0-9]\b(?![./*])")
SAMPLE = re.compile(r"^(gpt_trader_\w+)\{([^}]*)\} \S+$", re.MULTILINE)


def metric_of(name: str) -> str:
    """Return the metric that a series' name is of."""
    return name if name in CATALOG else re.sub(r"_(bucket|count|sum)$", "", name)


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_series_that_a_page_names_exists(page: Path) -> None:
    """A name that was misspelt or changed would be looked for at three in the morning."""
    unknown = {name for name in NAME.findall(page.read_text()) if metric_of(name) not in CATALOG} - OWN
    assert unknown == set()


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_sample_that_a_page_shows_could_be_scraped(page: Path) -> None:
    """The labels are those of the metric, in their order, and closed ones have a value of theirs."""
    for name, text in SAMPLE.findall(page.read_text()):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', text))
        labels.pop("le", None)
        metric = CATALOG[metric_of(name)]
        assert list(labels) == [label.name for label in metric.labels], name
        for label in metric.labels:
            assert not label.values or labels[label.name] in label.values, (name, label.name)
