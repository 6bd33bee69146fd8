"""Every file that is generated for the operator, and how each is made."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from gpt_trader_telemetry.rules.alerts import alert_rules
from gpt_trader_telemetry.rules.dashboards import DASHBOARDS, dashboard_text
from gpt_trader_telemetry.rules.site import Site
from gpt_trader_telemetry.rules.yaml_text import as_yaml

_BANNER: Final = "Written by `gpt-trader-telemetry generate` from the thresholds and the catalogue."


def _rules_file(site: Site) -> str:
    return as_yaml(alert_rules(site), banner=_BANNER)


ARTIFACTS: Final[Mapping[str, Callable[[Site], str]]] = {
    "rules/generated.yml": _rules_file,
    **{f"grafana/dashboards/{kind.uid}.json": partial(dashboard_text, kind) for kind in DASHBOARDS},
}
"""Each generated file, by its path below the output folder, and what returns its text."""


def stale(folder: Path, site: Site) -> Iterator[tuple[Path, str]]:
    """Yield each file that is missing or differs, with the text that it should have."""
    for name, text_of in ARTIFACTS.items():
        path, text = folder / name, text_of(site)
        if not path.is_file() or path.read_bytes() != text.encode():
            yield path, text
