"""Health: checks, probes, execution signals and their thresholds."""
