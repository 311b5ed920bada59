"""What the entry point `telemetry` of `soulsai.telemetry` leads to."""

from __future__ import annotations

from soulsai_core import TelemetryPlugin
from soulsai_telemetry.config import TelemetryConfig


def _check(settings: TelemetryConfig) -> None:
    """Raise ConfigError if the file of the page's token cannot be used."""
    from soulsai_telemetry.page.token import read_token

    if settings.page.enabled:
        read_token(settings.page)


plugin = TelemetryPlugin(config=TelemetryConfig, check=_check)
