"""The daily report: figures from a stream of events, and the same figures as JSON, as text and as a page."""
