"""A profile that is followed and scraped, as the exporter does it."""

import dataclasses

from gpt_trader_telemetry.exporter.cursor import load_cursor, save_cursor
from gpt_trader_telemetry.exporter.profile import Profile
from gpt_trader_telemetry.exporter.view import View
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from support.runtime import BotFiles
from support.scraping import OPENMETRICS, TEXT, parse

NOW = 1772323300.0


@dataclasses.dataclass
class Follower:
    """Follows one bot and is scraped; ``restart`` is another process with the same cursor."""

    bot: BotFiles
    told: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self):
        self.profile = self._made()

    def _made(self):
        return Profile(ProfilePaths.of(self.bot.root, self.bot.profile), tell=self.told.append)

    def poll(self):
        self.profile.poll()
        return self

    def restart(self):
        cursor = self.bot.root / "cursor.json"
        save_cursor(cursor, [self.profile], began=1.0)
        self.profile.close()
        self.profile = self._made()
        lines, _ = load_cursor(cursor, [self.profile])
        self.told += lines
        return self

    def scrape(self, accept=TEXT, prefix="coinbase_trader"):
        view = View(lambda: [self.profile.published], prefix=prefix, several=False, clock=lambda: NOW)
        return parse(view.render(accept)[1].decode())

    def value(self, name, /, **labels):
        """Poll, scrape in both formats, and return one value, which both agree on."""
        self.poll()
        full = f"coinbase_trader_{name}"
        text, openmetrics = self.scrape(TEXT).value(full, **labels), self.scrape(OPENMETRICS).value(full, **labels)
        assert text == openmetrics
        return text
