"""What a training does before it begins."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from soulsai_core.cli.training.hosting import BeforeStart


def test_interrupt_before_the_start_counts_although_its_exception_got_lost():
    output = StringIO()
    before = BeforeStart(Console(file=output))
    before.check()
    with pytest.raises(KeyboardInterrupt):
        before.leave("interrupted")
    with pytest.raises(KeyboardInterrupt):
        before.check()
    assert output.getvalue() == "Training ended before it began: interrupted.\n"
