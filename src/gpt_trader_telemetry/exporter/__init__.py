"""The exporter: a process beside the bot that reads what it leaves on disk, and serves and sends it as metrics."""
