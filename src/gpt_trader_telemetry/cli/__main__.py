"""``python -m gpt_trader_telemetry.cli``, where the command itself is not on the path."""

import sys

from gpt_trader_telemetry.cli.main import main

sys.exit(main())
