"""Telemetry for SoulsAI: what connectors that live in the telemetry node may rely on."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soulsai_telemetry.config import TelemetryConfig as TelemetryConfig
    from soulsai_telemetry.history import Curve as Curve
    from soulsai_telemetry.history import History as History
    from soulsai_telemetry.hookspecs import TelemetrySpecs as TelemetrySpecs
    from soulsai_telemetry.node import TelemetryNode as TelemetryNode
    from soulsai_telemetry.records import Best as Best
    from soulsai_telemetry.records import ClientLine as ClientLine
    from soulsai_telemetry.records import Record as Record
    from soulsai_telemetry.records import SavedModel as SavedModel
    from soulsai_telemetry.records import Update as Update
    from soulsai_telemetry.records import Vitals as Vitals

_HOME = {
    "config": ("TelemetryConfig",),
    "history": ("Curve", "History"),
    "hookspecs": ("TelemetrySpecs",),
    "node": ("TelemetryNode",),
    "records": ("Best", "ClientLine", "Record", "SavedModel", "Update", "Vitals"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Modules are imported when their names are first asked for: the commands' help needs none of them."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
