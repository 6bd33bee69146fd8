"""Paper exchanges that real clients trade on over loopback: one market, one script of faults, a face for each API."""
