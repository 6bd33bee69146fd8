"""The command ``gpt-trader-telemetry``: one module a subcommand, of which only the one that is asked for is loaded."""
