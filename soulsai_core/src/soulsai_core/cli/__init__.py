"""The command line of `soulsai`."""

from soulsai_core.cli.app import client_main, main

__all__ = ["client_main", "main"]
