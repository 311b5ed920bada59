"""CPU time, delay and memory of the telemetry node."""
