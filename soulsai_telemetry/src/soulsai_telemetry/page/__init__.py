"""The live page."""

from soulsai_telemetry.page.server import Page

__all__ = ["Page"]
