"""What the rules are to do: every case of every alert, in the rooms that they are written in."""

from rule_cases_around import COLLECTORS, EXPORTERS, VANISHED
from rule_cases_away import AWAY
from rule_cases_bots import FEEDS, LIVENESS, TELEMETRY
from rule_cases_signals import SIGNAL_CASES
from rule_words import Case

ROOMS: dict[str, list[Case]] = {
    "signals": SIGNAL_CASES,
    "liveness": LIVENESS,
    "feeds and telemetry": [*FEEDS, *TELEMETRY],
    "around the bots": [*EXPORTERS, *VANISHED, *COLLECTORS],
    "after Prometheus was away": AWAY,
}
EVERY_CASE = [case for cases in ROOMS.values() for case in cases]
