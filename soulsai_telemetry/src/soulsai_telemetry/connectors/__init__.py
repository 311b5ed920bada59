"""Connectors that live in the telemetry node, a file each."""
