"""Python's garbage collections in a process that must not stop for long."""

from __future__ import annotations

import gc


def leave_out_what_exists() -> None:
    """Later collections leave out the objects of now. Call this once everything is imported.

    By default one of them may visit all objects of the imported modules, which stops every thread for up to a tenth of
    a second.
    """
    gc.collect()
    gc.freeze()
