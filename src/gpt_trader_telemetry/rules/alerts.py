"""The generated alert rules, group by group."""

from collections.abc import Mapping
from typing import Any

from gpt_trader_telemetry.rules.collectors import collector_rules
from gpt_trader_telemetry.rules.exporters import exporter_rules, vanished_rules
from gpt_trader_telemetry.rules.liveness import liveness_rules
from gpt_trader_telemetry.rules.operations import feed_rules, telemetry_rules
from gpt_trader_telemetry.rules.promql import Alert, Rule
from gpt_trader_telemetry.rules.signals import signal_rules
from gpt_trader_telemetry.rules.site import Site

__all__ = ["alert_rules", "alerts", "rule_groups"]


def rule_groups(site: Site) -> Mapping[str, list[Rule]]:
    """Return the rules of each group, in the order in which Prometheus evaluates them.

    The site's pace shortens every duration that is not one of the thresholds', which are taken as they are.
    """
    return {
        "gpt_trader_signals": signal_rules(site),
        "gpt_trader_liveness": [
            *liveness_rules(site),
            *exporter_rules(site),
            *vanished_rules(site),
            *collector_rules(site),
        ],
        "gpt_trader_feeds": feed_rules(site),
        "gpt_trader_telemetry": telemetry_rules(site),
    }


def alerts(site: Site) -> list[Alert]:
    """Return the alerting rules alone."""
    return [rule for rules in rule_groups(site).values() for rule in rules if isinstance(rule, Alert)]


def alert_rules(site: Site) -> dict[str, Any]:
    """Return the rule groups as Prometheus loads them.

    >>> [group["name"] for group in alert_rules(Site())["groups"]]
    ['gpt_trader_signals', 'gpt_trader_liveness', 'gpt_trader_feeds', 'gpt_trader_telemetry']
    """
    groups = rule_groups(site)
    return {
        "groups": [
            {"name": name, "rules": [rule.as_rule(site.pace, site.runbooks) for rule in rules]}
            for name, rules in groups.items()
        ]
    }
