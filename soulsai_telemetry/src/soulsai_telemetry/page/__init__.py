"""The live page: its server, and in `static/` its HTML, CSS and JavaScript."""

from soulsai_telemetry.page.server import Page

__all__ = ["Page"]
