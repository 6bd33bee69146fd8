"""Finds out why there is no data: walks from the settings to the bot, the Collector, Prometheus and the files."""
