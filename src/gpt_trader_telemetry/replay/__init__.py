"""Replay: what the signals would have said of recorded events, under thresholds that are to be tried."""
