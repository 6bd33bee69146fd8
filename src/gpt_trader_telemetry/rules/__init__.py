"""What the operator's programs load, made from the thresholds and the catalogue: alert rules and dashboards.

Needs the extra ``rules``.
"""
