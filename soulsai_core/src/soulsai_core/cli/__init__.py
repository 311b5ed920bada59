"""The command line: the one place that builds real objects."""

from soulsai_core.cli.app import client_main, main

__all__ = ["client_main", "main"]
