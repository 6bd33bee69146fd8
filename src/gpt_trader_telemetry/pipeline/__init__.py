"""The pipeline: one recording, two roads out of it, Prometheus and OTLP."""
