"""The generated alert rules, group by group."""

from collections.abc import Mapping
from typing import Any

from gpt_trader_telemetry.rules.operations import feed_rules, liveness_rules, telemetry_rules
from gpt_trader_telemetry.rules.promql import Alert, Pace, Rule
from gpt_trader_telemetry.rules.signals import signal_rules
from gpt_trader_telemetry.thresholds import Thresholds

__all__ = ["alert_rules", "alerts", "rule_groups"]

_AS_IT_IS = Pace()


def rule_groups(thresholds: Thresholds, pace: Pace = _AS_IT_IS) -> Mapping[str, list[Rule]]:
    """Return the rules of each group, in the order in which Prometheus evaluates them.

    ``pace`` shortens every duration that is not one of the thresholds', which are taken as they are.
    """
    return {
        "gpt_trader_signals": signal_rules(thresholds, pace),
        "gpt_trader_liveness": liveness_rules(pace),
        "gpt_trader_feeds": feed_rules(pace),
        "gpt_trader_telemetry": telemetry_rules(pace),
    }


def alerts(thresholds: Thresholds) -> list[Alert]:
    """Return the alerting rules alone."""
    return [rule for rules in rule_groups(thresholds).values() for rule in rules if isinstance(rule, Alert)]


def alert_rules(thresholds: Thresholds, pace: Pace = _AS_IT_IS) -> dict[str, Any]:
    """Return the rule groups as Prometheus loads them.

    >>> [group["name"] for group in alert_rules(Thresholds())["groups"]]
    ['gpt_trader_signals', 'gpt_trader_liveness', 'gpt_trader_feeds', 'gpt_trader_telemetry']
    """
    groups = rule_groups(thresholds, pace)
    return {
        "groups": [{"name": name, "rules": [rule.as_rule(pace) for rule in rules]} for name, rules in groups.items()]
    }
