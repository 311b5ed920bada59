"""Connectors that live in the telemetry node, one module each."""
