"""Settings: read in layers, checked first by the core's models and then by those of each chosen plugin."""

from soulsai_core.config.base import Settings
from soulsai_core.config.contributors import ContributorSettings
from soulsai_core.config.default_file import default_yaml
from soulsai_core.config.description import Setting, settings_of
from soulsai_core.config.layers import load_config, load_environment
from soulsai_core.config.models import (
    ClientSettings,
    Config,
    Part,
    RedisSettings,
    RunSettings,
    StopSettings,
    TelemetrySettings,
    TrainingSettings,
)
from soulsai_core.config.resolved import Resolved, check_part, resolve, resolve_telemetry
from soulsai_core.config.schema import config_schema
from soulsai_core.config.secret import read_secret

__all__ = [
    "ClientSettings",
    "Config",
    "ContributorSettings",
    "Part",
    "RedisSettings",
    "Resolved",
    "RunSettings",
    "Setting",
    "Settings",
    "StopSettings",
    "TelemetrySettings",
    "TrainingSettings",
    "check_part",
    "config_schema",
    "default_yaml",
    "load_config",
    "load_environment",
    "read_secret",
    "resolve",
    "resolve_telemetry",
    "settings_of",
]
