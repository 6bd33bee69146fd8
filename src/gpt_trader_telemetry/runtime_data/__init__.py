"""Readers of what a bot leaves on disk under ``runtime_data/<profile>/``: none of them ever writes."""
