"""What the entry point `telemetry` of `soulsai.telemetry` leads to."""

from __future__ import annotations

from soulsai_core import TelemetryPlugin
from soulsai_telemetry.config import TelemetryConfig

plugin = TelemetryPlugin(config=TelemetryConfig)
